/* A description that was written once, with the places of what each session has of its own: viewers
 * of a stream whose browsers are of one kind get the same text but for those. Control thread. */
#pragma once

#include "gateway/sdp.h"

struct sdp_template;

/* Writes the description. NULL: no memory, or past SDP_TEMPLATE_BYTES_MAX. */
struct sdp_template *sdp_template_create(const struct sdp_agreement *agreement,
					 const struct sdp_local *local);
/* Takes NULL. */
void sdp_template_destroy(struct sdp_template *sdp_template);
/* Whether sdp_write would write the same, but for session id, version, ICE credentials, cname and
 * SSRCs. */
bool sdp_template_fits(const struct sdp_template *sdp_template,
		       const struct sdp_agreement *agreement, const struct sdp_local *local);
/* What sdp_write would write, of an agreement that fits. Bytes without NUL, or -ENOSPC. */
int sdp_template_write(const struct sdp_template *sdp_template,
		       const struct sdp_agreement *agreement, const struct sdp_local *local,
		       char *out, size_t room);

#define SDP_TEMPLATE_BYTES_MAX 65536
