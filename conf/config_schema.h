/* The rows of gateway.yaml and what reads their choices as words. For config.c alone. */
#pragma once

#include <stdbool.h>

#include "conf/config.h"
#include "conf/schema.h"

#define CONFIG_NAME_BYTES_MAX 64

extern const struct schema config_schema;
extern const char *const config_control_modes[];     /* by enum control_mode */
extern const char *const config_port_modes[];        /* by enum port_mode */
extern const char *const config_hugepages_choices[]; /* by enum hugepages */

/* NULL if good, else what was expected. */
const char *config_check_name(const char *value);
bool config_store_is_sqlite(const char *url);
