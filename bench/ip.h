/* iproute2 in the calling thread's network namespace. */
#pragma once

/* Runs "ip" with the words of the formatted text. Negative errno with a line on stderr. */
int ip_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The interface's kernel would leave checksums to hardware that a veth pair has not, and who reads
 * raw frames at the other end finds them unfinished: from now on it computes them. */
int ip_compute_checksums(const char *interface);
