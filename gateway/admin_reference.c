/* What the control plane answers, in the same words as what the node does. Nobody dispatches this
 * table here: nn5g-control has its own, this one is what we ask of it. */
#include "gateway/admin_private.h"

#define FIELDS(list) .fields = list, .n_fields = sizeof(list) / sizeof(list[0])

#define TENANT                                                                                     \
	{                                                                                          \
		.name = "tenant", .type = RPC_TEXT, .is_required = true, .min = 1, .max = 63,      \
		.text = "Whose."                                                                   \
	}
#define ROWS(member, words)                                                                        \
	{                                                                                          \
		.name = member, .type = RPC_LIST, .is_required = true, .text = words               \
	}

static const struct rpc_field quota_fields[] = {
	TENANT,
	{.name = "account",
	 .type = RPC_TEXT,
	 .is_required = true,
	 .text = "`credit` (micros), `video` or `voice` (ms of stream)."},
	{.name = "wanted", .type = RPC_INTEGER, .is_required = true, .text = "At least this much."},
	{.name = "comfort",
	 .type = RPC_INTEGER,
	 .is_required = true,
	 .text = "Up to this much if there is plenty."},
};
static const struct rpc_field report_fields[] = {
	ROWS("records", "At most 256 closed usage records, as in the journal."),
};
static const struct rpc_field recovered_fields[] = {
	{.name = "boot", .type = RPC_TEXT, .is_required = true, .text = "This run of the node."},
};
static const struct rpc_field claim_fields[] = {
	ROWS("sessions", "At most 256 rows as session.list has them, oldest first; `since_ms`: "
			 "when it began, if that is not told before."),
};
static const struct rpc_field audit_fields[] = {
	ROWS("events", "At most 256 rows: `at_ms`, `type`, `tenant`, `stream`, `session`, `gate`, "
		       "`gate_name`, `status`, `slice`, `detail`. Types: `denied`, "
		       "`slice.allocated`, `slice.changed`, `slice.released`, `slice.refused`, "
		       "`tenant.placed`, `tenant.moved`, `tenant.shaped`, `tenant.refused`."),
};

static const struct rpc_method upcalls[] = {
	{.name = "quota.request",
	 .text = "More of an account is wanted. May take up to two seconds when other nodes have "
		 "to "
		 "give back first.",
	 .result = "`granted_total` since the node's start, `unlimited`, `exhausted`",
	 FIELDS(quota_fields)},
	{.name = "usage.report",
	 .text = "Usage for the ledger. One call at a time; what is neither acknowledged nor "
		 "refused "
		 "comes again.",
	 .result = "`acknowledged`, `refused`: ids, which the node forgets; `elsewhere`: those of "
		   "the "
		   "acknowledged that another node or boot has paid for",
	 FIELDS(report_fields)},
	{.name = "node.recovered",
	 .text = "All usage of earlier runs of this node was acknowledged: their grants are void.",
	 .result = "nothing",
	 FIELDS(recovered_fields)},
	{.name = "node.ended",
	 .text = "This run of the node ends and all its usage was acknowledged: its grants are "
		 "void.",
	 .result = "nothing",
	 FIELDS(recovered_fields)},
	{.name = "session.claim",
	 .text = "Sessions that came, changed or ended; all there are, after a snapshot.",
	 .result = "nothing",
	 FIELDS(claim_fields)},
	{.name = "audit.report",
	 .text = "The audit trail: denials and changes.",
	 .result = "nothing",
	 FIELDS(audit_fields)},
};

static const struct rpc_table upcall_table = {
	.title = "Upcalls to nn5g-control",
	.methods = upcalls,
	.n_methods = sizeof(upcalls) / sizeof(upcalls[0]),
};

void admin_reference(FILE *out)
{
	fputs("# The admin socket\n\n"
	      "JSON-RPC 2.0 over a Unix stream socket (`admin.socket` in gateway.yaml), one "
	      "message "
	      "a line,\nin both directions. The peer must be the gateway's own user, root, or a "
	      "member of `admin.group`.\nThis text is written by `nn5g-gateway "
	      "--admin-reference`.\n\n",
	      out);
	rpc_table_reference(&admin_table, out);
	fputc('\n', out);
	rpc_table_reference(&upcall_table, out);
}
