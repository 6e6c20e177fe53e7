/* Two network namespaces joined by a veth pair: ours, and a peer's. They have no names and are gone
 * with the process, however it ends. */
#pragma once

#define VETH_OURS         "nn0"
#define VETH_OURS_ADDRESS "10.77.0.1"
#define VETH_PEER_ADDRESS "10.77.0.2"

struct veth;

/* Moves the process into a namespace of its own, so before it has threads. Negative errno with a
 * line on stderr; -EPERM without the rights. */
int veth_create(struct veth **out);
/* Takes NULL. */
void veth_destroy(struct veth *veth);
/* Runs `call(context)` within the peer's namespace and returns what it returns. Sockets that it
 * opens stay there. */
int veth_call_in_peer(struct veth *veth, int (*call)(void *context), void *context);
