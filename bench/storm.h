/* `nn5g-bench storm`: what a storm of set-ups does to a stream that runs. */
#pragma once

/* argv[0] is "storm". Exit status. */
int storm_main(int argc, char **argv);
