/* A fresh passive association and whatever a peer does with it: the input is a row of events, each
 * a 16-bit word: with the top bit set that many tens of milliseconds pass (and the timer is
 * served), else a datagram of that many bytes follows. */
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "media/dtls.h"

static uint64_t clock_ns;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* OpenSSL's clock, so that its timers run on ours. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	tv->tv_sec = 1700000000 + (time_t)(clock_ns / 1000000000);
	tv->tv_usec = (suseconds_t)(clock_ns / 1000 % 1000000);
	return 0;
}

static void on_send(void *context, const uint8_t *bytes, size_t size)
{
	unsigned int *sent = context;

	if (size == 0 || size > DTLS_MTU_DEFAULT || bytes[0] < 20 || bytes[0] > 23)
		abort();
	++*sent;
}

/* The datagram is an exact heap copy, so that reading past its end is seen. */
static void feed(struct dtls *dtls, const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, bytes, size);
	dtls_on_datagram(dtls, copy, size, clock_ns);
	free(copy);
}

static void pass_time(struct dtls *dtls, uint64_t ns)
{
	clock_ns += ns;
	if (clock_ns >= dtls_timer_ns(dtls))
		dtls_on_timer(dtls, clock_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dtls_identity *identity;
	unsigned int sent = 0;
	struct dtls *dtls;

	if (!identity && dtls_identity_create(&identity) < 0)
		abort();
	struct dtls_config config = {
		.identity = identity,
		.peer = {.hash = DTLS_HASH_SHA256, .size = 32},
		.send = on_send,
		.context = &sent,
	};
	clock_ns = 0;
	if (dtls_create(&config, clock_ns, &dtls) < 0)
		abort();
	while (size >= 2) {
		size_t word = (size_t)(data[0] << 8 | data[1]);
		data += 2;
		size -= 2;
		if (word & 0x8000) {
			pass_time(dtls, (word & 0x7fff) * 10000000);
			continue;
		}
		size_t n = word < size ? word : size;
		feed(dtls, data, n);
		data += n;
		size -= n;
	}
	/* No input knows the certificate whose hash is all zeros. */
	if (dtls_state(dtls) == DTLS_CONNECTED ||
	    (dtls_state(dtls) == DTLS_FAILED) != (dtls_failure(dtls) != NULL))
		abort();
	dtls_destroy(dtls);
	return 0;
}
