#include "gateway/marking.h"

#include <stdbool.h>

#include "conf/config.h"

/* AFxy is 8x + 2y: x of 1 to 4, y of 1 to 3. */
static uint8_t yellow_dscp(unsigned int dscp)
{
	unsigned int class = dscp >> 3, precedence = dscp >> 1 & 3;
	bool is_af = class >= 1 && class <= 4 && precedence >= 1 && !(dscp & 1);
	return (uint8_t)(is_af && precedence < 3 ? dscp + 2 : dscp);
}

void marking_map(const struct gateway_config *config, struct dscp_map *map)
{
	const unsigned int dscp[TRAFFIC_CLASSES] = {
		[CLASS_CONTROL] = config->qos.dscp.control,
		[CLASS_VOICE] = config->qos.dscp.voice,
		[CLASS_INTERACTIVE_DATA] = config->qos.dscp.interactive_data,
		[CLASS_INTERACTIVE_VIDEO] = config->qos.dscp.interactive_video,
		[CLASS_VIDEO] = config->qos.dscp.video,
		[CLASS_RETRANSMISSION] = config->qos.dscp.retransmission,
		[CLASS_BULK] = config->qos.dscp.bulk,
	};
	for (unsigned int i = 0; i < TRAFFIC_CLASSES; i++) {
		map->of[i][COLOR_GREEN] = (uint8_t)dscp[i];
		map->of[i][COLOR_YELLOW] = yellow_dscp(dscp[i]);
	}
}
