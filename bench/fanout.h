/* `nn5g-bench fanout`: streams, many viewers, everything counted; several subjects in turns. */
#pragma once

/* argv[0] is "fanout". Exit status. */
int fanout_main(int argc, char **argv);
