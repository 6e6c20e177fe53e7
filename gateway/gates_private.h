/* The gates themselves, for the one table that puts them in order (gates.c). Each check answers
 * YES, or NO through gates_say_no, or LATER after it has arranged for admission->on_ready. A
 * release undoes what its check set aside when it said YES. */
#pragma once

#include "gateway/gates.h"

/* Fills in the denial; always ADMIT_NO. */
enum admit gates_say_no(struct admission *admission, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Room for the request's offer, not read yet: admission->offer, or NULL. */
struct sdp_session *admission_make_offer(struct admission *admission);
/* Takes NULL for an offer. */
void admission_drop_offer(struct admission *admission);

/* gates_check.c: those that only look */
enum admit gate_check_request(struct admission *admission);
enum admit gate_check_node(struct admission *admission);
enum admit gate_check_transport(struct admission *admission);
enum admit gate_check_token(struct admission *admission);
enum admit gate_check_freshness(struct admission *admission);
enum admit gate_check_audience(struct admission *admission);
enum admit gate_check_tenant(struct admission *admission);
enum admit gate_check_standing(struct admission *admission);
enum admit gate_check_isolation(struct admission *admission);

/* gates_policy.c: those that the tenant's policy decides */
enum admit gate_check_origin(struct admission *admission);
enum admit gate_check_scope(struct admission *admission);
enum admit gate_check_route(struct admission *admission);
enum admit gate_check_consent(struct admission *admission);

/* gates_reserve.c: those that set something aside */
enum admit gate_take_rate(struct admission *admission);
void gate_release_rate(struct admission *admission);
enum admit gate_take_concurrency(struct admission *admission);
void gate_release_concurrency(struct admission *admission);
enum admit gate_take_slice(struct admission *admission);
void gate_release_slice(struct admission *admission);
enum admit gate_take_budget(struct admission *admission);
void gate_release_budget(struct admission *admission);
/* Ends the waiting at either. */
void gate_stop_waiting(struct admission *admission);
