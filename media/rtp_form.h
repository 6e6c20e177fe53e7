/* A viewer's block of header extensions, written once and filled in for each packet: packet after
 * packet has elements of the same lengths, so only their values differ. The shape of a packet says
 * which elements it has and how long they are:
 *
 *      63    62 .. 40   39 .. 35   ...   4 .. 0
 *     | 1 |     0     |   e = 7  |  ...  | e = 0 |    length + 1, or 0: absent
 *
 * Pure over small structs; single thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/rtp.h"

#define RTP_FORM_BYTES_MAX   46 /* of a block; longer ones are written out each time */
#define RTP_FORM_VALUES_MAX  5  /* that differ from packet to packet */
#define RTP_SHAPE_KNOWN      (1ull << 63)
#define RTP_SHAPE_BITS       5
#define RTP_SHAPE_LENGTH_MAX 30 /* a packet with a longer element has no shape: 0 */

/* A value to fill in; `offset` is from the block's first byte. */
struct rtp_form_value {
	uint8_t extension, offset, bytes; /* enum rtp_extension */
};

/* Two cache lines; the second holds the end of long blocks alone. */
struct rtp_form {
	uint64_t mask;  /* of what of a packet's shape makes a difference to this viewer */
	uint64_t shape; /* masked, that the block is laid out for; 0: it is not */
	uint8_t n_values, bytes;
	struct rtp_form_value values[RTP_FORM_VALUES_MAX];
	uint8_t block[RTP_FORM_BYTES_MAX];
};

static inline uint64_t rtp_shape_of(enum rtp_extension extension, unsigned int length)
{
	return (uint64_t)(length + 1) << (extension * RTP_SHAPE_BITS);
}

/* `ids` are the viewer's. MID is its own, whatever the source has. */
void rtp_form_init(struct rtp_form *form, const struct rtp_extension_map *ids);
/* Whether the block is laid out for packets like this one. */
static inline bool rtp_form_fits(const struct rtp_form *form, uint64_t shape)
{
	return form->shape != 0 && (shape & form->mask) == form->shape;
}
/* Lays it out like a block that was written (`bytes` long) with `n` values in it that will differ,
 * if it is short enough. */
void rtp_form_learn(struct rtp_form *form, uint64_t shape, const uint8_t *block, size_t bytes,
		    const struct rtp_form_value *values, unsigned int n);
