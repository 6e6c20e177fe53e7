/* Gates 10 to 13: what the tenant's policy and the token's scope say of this request. */
#include "gateway/gates_private.h"

#include <string.h>
#include <strings.h>

/* The host of an Origin header (RFC 6454 6.1), not NUL-terminated; port and scheme do not count.
 * NULL: there is none, as in "null". */
static const char *origin_host(const char *origin, size_t *len)
{
	const char *host = strstr(origin, "://");
	if (!host)
		return NULL;
	host += strlen("://");
	*len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	/* Two origins, or none: whoever sent that was no browser. */
	if (*len == 0 || *len > strlen(host) || strpbrk(host, ", /@"))
		return NULL;
	return host;
}

static bool is_within(const char *host, size_t len, const char *domain)
{
	size_t size = strlen(domain);
	if (domain[0] != '.')
		return size == len && strncasecmp(host, domain, len) == 0;
	return len > size && strncasecmp(host + len - size, domain, size) == 0;
}

/* A request without an Origin passes: it comes from a program, which could send any. The gate is
 * for browsers, which send the one of the page they show. */
enum admit gate_check_origin(struct admission *admission)
{
	const struct policy *policy = &admission->tenant->config->policy;
	const char *origin = admission->request->origin;
	size_t len;
	if (policy->access.n_domains == 0 || origin[0] == '\0')
		return ADMIT_YES;
	const char *host = origin_host(origin, &len);
	for (unsigned int i = 0; host && i < policy->access.n_domains; i++)
		if (is_within(host, len, policy->access.domains[i]))
			return ADMIT_YES;
	return gates_say_no(admission, 403, "pages of '%.100s' may not use tenant '%s'", origin,
			    admission->tenant_id);
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = words; (at = strstr(at, word)); at += len) {
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	}
	return false;
}

enum admit gate_check_scope(struct admission *admission)
{
	const char *wanted = admission->ask == ASK_USAGE            ? "usage"
			     : admission->role == SESSION_PUBLISHER ? "publish"
								    : "play";
	if (!has_word(admission->claims.scope, wanted))
		return gates_say_no(admission, 403, "scope is '%s', expected it to hold '%s'",
				    admission->claims.scope, wanted);
	return ADMIT_YES;
}

enum admit gate_check_route(struct admission *admission)
{
	const char *stream = admission->stream_name, *subject;
	enum policy_access access =
		policy_route_find(&admission->tenant->config->policy, stream, &subject);
	if (access == ACCESS_PUBLIC)
		return ADMIT_YES;
	if (strcmp(admission->claims.stream, stream) != 0)
		return gates_say_no(admission, 403,
				    "stream '%s' wants a token that names it, this one names '%s'",
				    stream, admission->claims.stream);
	if (access == ACCESS_RESTRICTED &&
	    (!subject || strcmp(admission->claims.subject, subject) != 0))
		return gates_say_no(admission, 403, "stream '%s' is not for subject '%s'", stream,
				    admission->claims.subject);
	return ADMIT_YES;
}

enum admit gate_check_consent(struct admission *admission)
{
	switch (policy_consent(&admission->tenant->config->policy)) {
	case CONSENT_GRANTED:
		return ADMIT_YES;
	case CONSENT_PENDING:
		return gates_say_no(admission, 403, "the owner of '%s' has not approved of it yet",
				    admission->tenant_id);
	default:
		return gates_say_no(admission, 403, "the owner of '%s' has taken back the approval",
				    admission->tenant_id);
	}
}
