/* Writes our answer or offer. Everything runs on one BUNDLE transport whose address stands in the
 * first accepted m-line; the others repeat its port and credentials, as browsers do themselves. */
#include <errno.h>
#include <string.h>

#include "gateway/sdp_text.h"

static void write_session_part(struct sdp_out *out, const struct sdp_agreement *agreement,
			       const struct sdp_local *local)
{
	sdp_put(out, "v=0\r\no=- ");
	sdp_put_own(out, agreement, local, SDP_OWN_SESSION_ID, 0);
	sdp_put(out, " ");
	sdp_put_own(out, agreement, local, SDP_OWN_VERSION, 0);
	sdp_put(out, " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
	for (unsigned int i = 0; i < agreement->n_lines; i++)
		if (agreement->lines[i].accepted)
			sdp_put(out, " %s", agreement->lines[i].mid);
	sdp_put(out, "\r\na=msid-semantic:WMS *\r\na=ice-lite\r\na=ice-options:trickle\r\n");
	if (agreement->extmap_allow_mixed)
		sdp_put(out, "a=extmap-allow-mixed\r\n");
}

static void write_rejected(struct sdp_out *out, const struct sdp_line *line)
{
	sdp_put(out, "m=%s 0 %s %s\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n", line->kind_name,
		line->protocol, line->format_text);
	if (line->mid[0])
		sdp_put(out, "a=mid:%s\r\n", line->mid);
}

static void write_media_line(struct sdp_out *out, const struct sdp_line *line,
			     const struct sdp_local *local)
{
	char ip[ADDRESS_TEXT_MAX] = "0.0.0.0";
	unsigned int port = 9;
	bool is_ipv4 = true;
	if (local->n_candidates) {
		const struct address *address = &local->candidates[0].address;
		address_format_ip(address, ip);
		ip[strcspn(ip, "%")] = '\0';
		is_ipv4 = address_is_ipv4(address);
		port = address->port;
	}
	sdp_put(out, "m=%s %u %s %u", line->kind_name, port, line->protocol, line->payload_type);
	if (line->rtx_payload_type)
		sdp_put(out, " %u", line->rtx_payload_type);
	sdp_put(out, "\r\nc=IN IP%d %s\r\n", is_ipv4 ? 4 : 6, ip);
}

static void write_transport(struct sdp_out *out, const struct sdp_agreement *agreement,
			    const struct sdp_local *local)
{
	static const char *const setups[] = {
		[SDP_ACTPASS] = "actpass", [SDP_ACTIVE] = "active", [SDP_PASSIVE] = "passive"};
	sdp_put(out, "a=ice-ufrag:");
	sdp_put_own(out, agreement, local, SDP_OWN_UFRAG, 0);
	sdp_put(out, "\r\na=ice-pwd:");
	sdp_put_own(out, agreement, local, SDP_OWN_PWD, 0);
	sdp_put(out, "\r\na=fingerprint:sha-256 %s\r\na=setup:%s\r\n", local->fingerprint,
		setups[local->setup]);
}

static void write_format(struct sdp_out *out, const struct sdp_line *line)
{
	const struct codec_row *row = codec_row(line->codec);
	unsigned int pt = line->payload_type;
	sdp_put(out, "a=rtpmap:%u %s/%u", pt, row->name, (unsigned int)row->clock_hz);
	if (row->channels)
		sdp_put(out, "/%u", row->channels);
	sdp_put(out, "\r\n");
	if (line->transport_cc)
		sdp_put(out, "a=rtcp-fb:%u transport-cc\r\n", pt);
	if (line->remb)
		sdp_put(out, "a=rtcp-fb:%u goog-remb\r\n", pt);
	if (line->fir)
		sdp_put(out, "a=rtcp-fb:%u ccm fir\r\n", pt);
	if (line->nack)
		sdp_put(out, "a=rtcp-fb:%u nack\r\n", pt);
	if (line->pli)
		sdp_put(out, "a=rtcp-fb:%u nack pli\r\n", pt);
	if (line->fmtp[0])
		sdp_put(out, "a=fmtp:%u %s\r\n", pt, line->fmtp);
	if (line->rtx_payload_type)
		sdp_put(out, "a=rtpmap:%u rtx/%u\r\na=fmtp:%u apt=%u\r\n", line->rtx_payload_type,
			(unsigned int)row->clock_hz, line->rtx_payload_type, pt);
}

static void write_source(struct sdp_out *out, const struct sdp_agreement *agreement,
			 const struct sdp_local *local, enum sdp_own ssrc, unsigned int i)
{
	sdp_put(out, "a=ssrc:");
	sdp_put_own(out, agreement, local, ssrc, i);
	sdp_put(out, " cname:");
	sdp_put_own(out, agreement, local, SDP_OWN_CNAME, i);
	sdp_put(out, "\r\n");
}

/* RFC 5576 4: the sources of what we send; one cname says that they are in sync. */
static void write_sources(struct sdp_out *out, const struct sdp_agreement *agreement,
			  const struct sdp_local *local, unsigned int i)
{
	const struct sdp_line *line = &agreement->lines[i];
	sdp_put(out, "a=msid:%s %s\r\n", line->stream_id, line->track_id);
	if (line->rtx_ssrc) {
		sdp_put(out, "a=ssrc-group:FID ");
		sdp_put_own(out, agreement, local, SDP_OWN_SSRC, i);
		sdp_put(out, " ");
		sdp_put_own(out, agreement, local, SDP_OWN_RTX_SSRC, i);
		sdp_put(out, "\r\n");
	}
	write_source(out, agreement, local, SDP_OWN_SSRC, i);
	if (line->rtx_ssrc)
		write_source(out, agreement, local, SDP_OWN_RTX_SSRC, i);
}

static void write_extensions(struct sdp_out *out, const struct sdp_line *line)
{
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
		if (line->extensions.id[e])
			sdp_put(out, "a=extmap:%u %s\r\n", line->extensions.id[e],
				rtp_extension_uri(e));
}

static void write_accepted(struct sdp_out *out, const struct sdp_agreement *agreement,
			   const struct sdp_local *local, unsigned int i, bool tagged)
{
	const struct sdp_line *line = &agreement->lines[i];
	const char *direction = local->publish ? "recvonly" : "sendonly";
	write_media_line(out, line, local);
	if (tagged)
		sdp_put_candidates(out, local);
	write_transport(out, agreement, local);
	sdp_put(out, "a=mid:%s\r\n", line->mid);
	write_extensions(out, line);
	sdp_put(out, "a=%s\r\na=rtcp-mux\r\n", line->feed >= 0 ? direction : "inactive");
	if (line->rtcp_rsize)
		sdp_put(out, "a=rtcp-rsize\r\n");
	if (line->rtcp_rtt && !local->publish)
		sdp_put(out, "a=rtcp-xr:rcvr-rtt=all\r\n");
	write_format(out, line);
	if (!local->publish && line->feed >= 0)
		write_sources(out, agreement, local, i);
}

void sdp_put_description(struct sdp_out *out, const struct sdp_agreement *agreement,
			 const struct sdp_local *local)
{
	bool tagged = true;
	write_session_part(out, agreement, local);
	for (unsigned int i = 0; i < agreement->n_lines; i++) {
		const struct sdp_line *line = &agreement->lines[i];
		if (!line->accepted) {
			write_rejected(out, line);
			continue;
		}
		write_accepted(out, agreement, local, i, tagged);
		tagged = false;
	}
}

int sdp_write(const struct sdp_agreement *agreement, const struct sdp_local *local, char *text,
	      size_t room)
{
	struct sdp_out out = {.text = text, .room = room};
	sdp_put_description(&out, agreement, local);
	return sdp_out_bytes(&out);
}
