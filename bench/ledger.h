/* `nn5g-bench ledger`: what a store of usage and quota takes. */
#pragma once

int ledger_main(int argc, char **argv);
