/* `nn5g-bench crypto`: what it costs to protect a packet. */
#pragma once

/* argv[0] is "crypto". Exit status. */
int crypto_main(int argc, char **argv);
