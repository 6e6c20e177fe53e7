/* `nn5g-bench setup`: how fast sessions come, and what one that is there costs. */
#pragma once

/* argv[0] is "setup". Exit status. */
int setup_main(int argc, char **argv);
