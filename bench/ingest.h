/* `nn5g-bench ingest`: publishers that nobody watches. */
#pragma once

int ingest_main(int argc, char **argv);
