/* `nn5g-bench meter`: what metering adds to a packet. */
#pragma once

/* argv[0] is "meter". Exit status. */
int meter_main(int argc, char **argv);
