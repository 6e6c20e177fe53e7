/* THREADED: several workers, and a thread of its own that owns the scheduler. */
#define FIXTURE_WORKERS 2
#include "tests/media/egress_cases.h"

TEST_MAIN_WITH("egress_thread", tests, fixture_start, fixture_stop)
