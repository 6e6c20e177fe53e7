/* `nn5g-bench fanout`: one publisher, many viewers, everything counted. */
#pragma once

/* argv[0] is "fanout". Exit status. */
int fanout_main(int argc, char **argv);
