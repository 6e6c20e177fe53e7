/* Until the admin socket is there: no control plane is. Its own functions take precedence. */
#include "gateway/admin.h"

__attribute__((weak)) bool admin_has_control(const struct admin *admin)
{
	(void)admin;
	return false;
}

__attribute__((weak)) void admin_call(struct admin *admin, const char *method,
				      struct json_t *params, rpc_reply reply, void *context)
{
	(void)admin;
	(void)method;
	(void)params;
	(void)reply;
	(void)context;
}

__attribute__((weak)) void admin_claim(struct admin *admin, const struct session *session)
{
	(void)admin;
	(void)session;
}
