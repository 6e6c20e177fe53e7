/* THREADED: one worker, which owns the scheduler. */
#define FIXTURE_WORKERS 1
#include "tests/media/egress_cases.h"

TEST_MAIN_WITH("egress", tests, fixture_start, fixture_stop)
