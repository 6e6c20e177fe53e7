#include "slices/tenant.h"
