/* A template keeps the agreement and the local side that it was written from, which decide alone
 * what is written: whoever has the same gets the same text, so nothing needs to tell it that a
 * track has changed. */
#include "gateway/sdp_template.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/sdp_text.h"

struct sdp_template {
	struct sdp_agreement agreement; /* SSRCs: whether there is one */
	enum sdp_setup setup;
	bool publish;
	char fingerprint[DTLS_FINGERPRINT_TEXT];
	struct sdp_candidate candidates[SDP_CANDIDATES_MAX];
	unsigned int n_candidates;
	struct sdp_places places;
	size_t bytes;
	char text[];
};

/* Lines are made field by field over zeros (sdp_agree.c), so their bytes can be compared. */
static void without_ssrcs(struct sdp_line *line)
{
	line->ssrc = line->ssrc != 0;
	line->rtx_ssrc = line->rtx_ssrc != 0;
}

static bool line_fits(const struct sdp_line *kept, const struct sdp_line *line)
{
	struct sdp_line compared = *line;
	without_ssrcs(&compared);
	return memcmp(kept, &compared, sizeof(compared)) == 0;
}

static bool local_fits(const struct sdp_template *kept, const struct sdp_local *local)
{
	if (kept->setup != local->setup || kept->publish != local->publish ||
	    kept->n_candidates != local->n_candidates ||
	    strcmp(kept->fingerprint, local->fingerprint) != 0)
		return false;
	for (unsigned int i = 0; i < kept->n_candidates; i++) {
		if (kept->candidates[i].priority != local->candidates[i].priority ||
		    !address_equal(&kept->candidates[i].address, &local->candidates[i].address))
			return false;
	}
	return true;
}

bool sdp_template_fits(const struct sdp_template *kept, const struct sdp_agreement *agreement,
		       const struct sdp_local *local)
{
	if (kept->agreement.n_lines != agreement->n_lines ||
	    kept->agreement.extmap_allow_mixed != agreement->extmap_allow_mixed ||
	    !local_fits(kept, local))
		return false;
	for (unsigned int i = 0; i < agreement->n_lines; i++) {
		if (!line_fits(&kept->agreement.lines[i], &agreement->lines[i]))
			return false;
	}
	return true;
}

static void keep(struct sdp_template *made, const struct sdp_agreement *agreement,
		 const struct sdp_local *local)
{
	made->agreement = *agreement;
	for (unsigned int i = 0; i < agreement->n_lines; i++)
		without_ssrcs(&made->agreement.lines[i]);
	made->setup = local->setup;
	made->publish = local->publish;
	strncpy(made->fingerprint, local->fingerprint, sizeof(made->fingerprint) - 1);
	made->n_candidates = local->n_candidates;
	memcpy(made->candidates, local->candidates,
	       local->n_candidates * sizeof(made->candidates[0]));
}

struct sdp_template *sdp_template_create(const struct sdp_agreement *agreement,
					 const struct sdp_local *local)
{
	if (local->n_candidates > SDP_CANDIDATES_MAX)
		return NULL;
	struct sdp_template *made = calloc(1, sizeof(*made) + SDP_TEMPLATE_BYTES_MAX);
	if (!made)
		return NULL;
	struct sdp_out out = {
		.text = made->text, .room = SDP_TEMPLATE_BYTES_MAX, .places = &made->places};
	sdp_put_description(&out, agreement, local);
	if (sdp_out_bytes(&out) < 0) {
		free(made);
		return NULL;
	}
	made->bytes = out.used;
	keep(made, agreement, local);
	struct sdp_template *fitted = realloc(made, sizeof(*made) + made->bytes);
	return fitted ? fitted : made;
}

void sdp_template_destroy(struct sdp_template *kept)
{
	free(kept);
}

int sdp_template_write(const struct sdp_template *kept, const struct sdp_agreement *agreement,
		       const struct sdp_local *local, char *text, size_t room)
{
	struct sdp_out out = {.text = text, .room = room};
	size_t at = 0;
	for (unsigned int i = 0; i < kept->places.n; i++) {
		const struct sdp_place *place = &kept->places.places[i];
		sdp_put_bytes(&out, kept->text + at, place->at - at);
		sdp_put_own(&out, agreement, local, (enum sdp_own)place->own, place->line);
		at = place->at + place->bytes;
	}
	sdp_put_bytes(&out, kept->text + at, kept->bytes - at);
	return sdp_out_bytes(&out);
}
