/* `nn5g-bench handover`: what viewers miss when somebody moves. */
#pragma once

int handover_main(int argc, char **argv);
