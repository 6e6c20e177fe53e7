/* Usage on its way from the journal to the ledger: the oldest records that wait are reported, one
 * batch at a time, and forgotten once the control plane acknowledges them. A batch is one
 * transaction there, and synced: after one, the next waits a moment to be larger. Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

struct admin;
struct usage_record;

#define ADMIN_REPORT_RECORDS_MAX 256

struct admin_report {
	struct admin *admin;          /* parent */
	struct usage_record *records; /* owned; the batch on its way */
	unsigned int n_records;       /* 0: none is */
	bool is_recovering;           /* node.recovered is on its way */
	bool has_recovered;           /* this control plane knows it */
	guint timer;                  /* until the next batch, if any */
	unsigned int pause_ms;        /* its length after a failure; grows */
	uint64_t acknowledged, refused, failures;
};

/* -ENOMEM. */
int admin_report_init(struct admin_report *report, struct admin *admin);
void admin_report_fini(struct admin_report *report);
/* There is a control plane, or there are records. */
void admin_report_wake(struct admin_report *report);
/* It is another control plane from now on. */
void admin_report_reset(struct admin_report *report);
