#include "media/intake.h"

#include "media/transport.h"

/* The session remembers where its run is; whether it is there shows itself. */
static struct intake_run *run_of(struct intake *intake, struct transport *transport, bool is_rtcp)
{
	uint16_t *place = &transport->intake_runs[is_rtcp];
	if (*place < intake->n_runs && intake->runs[*place].transport == transport &&
	    intake->runs[*place].is_rtcp == is_rtcp)
		return &intake->runs[*place];
	*place = (uint16_t)intake->n_runs++;
	struct intake_run *run = &intake->runs[*place];
	*run = (struct intake_run){.transport = transport, .is_rtcp = is_rtcp};
	return run;
}

void intake_add(struct intake *intake, struct transport *transport, bool is_rtcp,
		struct rte_mbuf *packet)
{
	struct intake_run *run = run_of(intake, transport, is_rtcp);
	uint16_t place = (uint16_t)intake->n_packets++;
	intake->packets[place] = packet;
	if (run->n == 0)
		run->first = place;
	else
		intake->next[run->last] = place;
	run->last = place;
	run->n++;
}

unsigned int intake_take(const struct intake *intake, struct intake_run *run,
			 struct rte_mbuf *packets[PORT_BURST])
{
	unsigned int n = 0;
	for (; n < PORT_BURST && run->n > 0; run->n--) {
		packets[n++] = intake->packets[run->first];
		run->first = intake->next[run->first];
	}
	return n;
}
