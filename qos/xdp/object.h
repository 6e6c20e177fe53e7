/* The compiled steer.bpf.c, an ELF file; qos/xdp/embed.cmake writes it at build time. */
#pragma once

#include <stddef.h>

extern const unsigned char xdp_steer_object[];
extern const size_t xdp_steer_object_bytes;
