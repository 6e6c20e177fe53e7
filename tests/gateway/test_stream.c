/* Streams by name: kept by whoever refers to them, replaced by one that carries something else. */
#include "gateway/stream.h"

#include <string.h>

#include "tests/cunit.h"

static struct sdp_agreement agreement_of(enum codec audio, enum codec video)
{
	struct sdp_agreement agreement = {.n_lines = 3};
	agreement.lines[0] = (struct sdp_line){.accepted = true, .codec = audio, .feed = 0};
	agreement.lines[1] = (struct sdp_line){.feed = -1}; /* a rejected data channel */
	agreement.lines[2] = (struct sdp_line){.accepted = true, .codec = video, .feed = 1};
	strcpy(agreement.lines[2].fmtp, "profile-id=0");
	agreement.lines[2].extensions.id[RTP_EXT_VIDEO_ORIENTATION] = 7;
	return agreement;
}

static void a_prepared_stream_is_found_once_it_is_claimed(void)
{
	struct stream_table *table = stream_table_create(2);
	struct sdp_agreement agreement = agreement_of(CODEC_OPUS, CODEC_VP8);
	struct stream *stream = stream_prepare(table, "demo", "live", &agreement);
	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	CU_ASSERT_PTR_NULL(stream_find(table, "demo", "live"));
	CU_ASSERT_PTR_NULL(stream_claim(stream, &agreement));
	CU_ASSERT_PTR_EQUAL(stream_find(table, "demo", "live"), stream);
	CU_ASSERT_PTR_NULL(stream_find(table, "demo", "liv"));
	CU_ASSERT_PTR_NULL(stream_find(table, "dem", "live"));
	CU_ASSERT_EQUAL(stream->n_feeds, 2);
	CU_ASSERT_EQUAL(stream->feeds[1]->clock_hz, 90000);
	CU_ASSERT_EQUAL(stream->feeds[1]->n_lanes, 2);
	CU_ASSERT_TRUE(stream->kinds[1].has_extension[RTP_EXT_VIDEO_ORIENTATION]);
	stream_release(stream);
	CU_ASSERT_EQUAL(stream_count(table), 0);
	stream_table_destroy(table);
}

static void the_same_media_continues_the_stream_in_a_new_epoch(void)
{
	struct stream_table *table = stream_table_create(1);
	struct sdp_agreement agreement = agreement_of(CODEC_OPUS, CODEC_VP8);
	struct stream *stream = stream_prepare(table, "demo", "live", &agreement);
	stream_claim(stream, &agreement);
	uint32_t epoch = stream->epoch;
	CU_ASSERT_PTR_EQUAL(stream_prepare(table, "demo", "live", &agreement), stream);
	CU_ASSERT_EQUAL(stream->epoch, epoch);
	CU_ASSERT_PTR_NULL(stream_claim(stream, &agreement));
	CU_ASSERT_TRUE((int32_t)(stream->epoch - epoch) > 32);
	stream_release(stream);
	CU_ASSERT_PTR_EQUAL(stream_find(table, "demo", "live"), stream);
	stream_release(stream);
	CU_ASSERT_EQUAL(stream_count(table), 0);
	stream_table_destroy(table);
}

static void other_media_is_another_stream_of_that_name(void)
{
	struct stream_table *table = stream_table_create(1);
	struct sdp_agreement vp8 = agreement_of(CODEC_OPUS, CODEC_VP8),
			     vp9 = agreement_of(CODEC_OPUS, CODEC_VP9), profile = vp8;
	strcpy(profile.lines[2].fmtp, "profile-id=2");
	struct stream *first = stream_prepare(table, "demo", "live", &vp8);
	stream_claim(first, &vp8);
	struct stream *third = stream_prepare(table, "demo", "live", &profile);
	CU_ASSERT_PTR_NOT_EQUAL(third, first);
	/* Given back unclaimed, it leaves the name where it was. */
	stream_release(third);
	CU_ASSERT_PTR_EQUAL(stream_find(table, "demo", "live"), first);
	struct stream *second = stream_prepare(table, "demo", "live", &vp9);
	CU_ASSERT_PTR_EQUAL(stream_claim(second, &vp9), first);
	CU_ASSERT_PTR_EQUAL(stream_find(table, "demo", "live"), second);
	/* The last of the first one's sessions goes: the name stays with the second. */
	stream_release(first);
	CU_ASSERT_PTR_EQUAL(stream_find(table, "demo", "live"), second);
	stream_release(second);
	CU_ASSERT_EQUAL(stream_count(table), 0);
	stream_table_destroy(table);
}

static CU_TestInfo tests[] = {
	{"a_prepared_stream_is_found_once_it_is_claimed",
	 a_prepared_stream_is_found_once_it_is_claimed},
	{"the_same_media_continues_the_stream_in_a_new_epoch",
	 the_same_media_continues_the_stream_in_a_new_epoch},
	{"other_media_is_another_stream_of_that_name", other_media_is_another_stream_of_that_name},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("stream", tests)
