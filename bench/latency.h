/* `nn5g-bench latency`: what a subject can carry without loss, and how long packets take at half of
 * that. */
#pragma once

/* argv[0] is "latency". Exit status. */
int latency_main(int argc, char **argv);
