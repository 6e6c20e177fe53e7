#include "media/rtp_form.h"

#include <assert.h>
#include <string.h>

static_assert(RTP_EXTENSIONS * RTP_SHAPE_BITS < 63, "a shape is one word");
static_assert(sizeof(struct rtp_form) <= 128, "two cache lines");

void rtp_form_init(struct rtp_form *form, const struct rtp_extension_map *ids)
{
	*form = (struct rtp_form){.mask = RTP_SHAPE_KNOWN};
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
		if (ids->id[e] && e != RTP_EXT_MID)
			form->mask |= ((1ull << RTP_SHAPE_BITS) - 1) << (e * RTP_SHAPE_BITS);
}

void rtp_form_learn(struct rtp_form *form, uint64_t shape, const uint8_t *block, size_t bytes,
		    const struct rtp_form_value *values, unsigned int n)
{
	form->shape = 0;
	if (shape == 0 || bytes > RTP_FORM_BYTES_MAX || n > RTP_FORM_VALUES_MAX)
		return;
	form->shape = shape & form->mask;
	form->bytes = (uint8_t)bytes;
	form->n_values = (uint8_t)n;
	memcpy(form->block, block, bytes);
	memcpy(form->values, values, n * sizeof(values[0]));
}
