#include "gateway/profile_report.h"

#include <jansson.h>

#include "conf/clock.h"
#include "gateway/metrics_control.h"
#include "gateway/node.h"
#include "media/plane.h"

struct json_t *profile_report(struct node *node)
{
	json_t *stages = json_array();
	uint64_t instructions = 0;
	for (unsigned int i = 0; i < PROFILE_STAGES; i++) {
		struct profile_figures figures = plane_profile(node->plane, (enum profile_stage)i);
		instructions += figures.instructions;
		json_array_append_new(stages,
				      json_pack("{s:s, s:f, s:I, s:I}", "stage",
						profile_stage_names[i], "seconds", figures.seconds,
						"packets", (json_int_t)figures.packets,
						"instructions", (json_int_t)figures.instructions));
	}
	return json_pack("{s:s, s:I, s:i, s:b, s:o}", "node", node->config.node.name, "at_ns",
			 (json_int_t)clock_ns(), "every",
			 node->config.is_profiled ? 1 : PROFILE_EVERY, "has_instructions",
			 instructions > 0, "stages", stages);
}

void profile_render(struct node *node, GString *out)
{
	struct profile_figures figures[PROFILE_STAGES];
	for (unsigned int i = 0; i < PROFILE_STAGES; i++)
		figures[i] = plane_profile(node->plane, (enum profile_stage)i);
	metrics_head(out, "stage_seconds_total",
		     "Time of workers and egress, by stage; estimated from a sample of rounds "
		     "unless --profile was given",
		     COUNTER);
	for (unsigned int i = 0; i < PROFILE_STAGES; i++)
		g_string_append_printf(out, "nn5g_stage_seconds_total{stage=\"%s\"} %.9f\n",
				       profile_stage_names[i], figures[i].seconds);
	metrics_head(out, "stage_packets_total", "Packets that passed a stage, likewise", COUNTER);
	for (unsigned int i = 0; i < PROFILE_STAGES; i++)
		g_string_append_printf(out, "nn5g_stage_packets_total{stage=\"%s\"} %llu\n",
				       profile_stage_names[i],
				       (unsigned long long)figures[i].packets);
	if (!node->config.is_profiled)
		return;
	metrics_head(out, "stage_instructions_total",
		     "Instructions of a stage; 0 where the machine does not count them", COUNTER);
	for (unsigned int i = 0; i < PROFILE_STAGES; i++)
		g_string_append_printf(out, "nn5g_stage_instructions_total{stage=\"%s\"} %llu\n",
				       profile_stage_names[i],
				       (unsigned long long)figures[i].instructions);
}
