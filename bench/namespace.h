/* A network of our own: a namespace with nothing but loopback, so that what is measured meets
 * nobody's traffic, firewall or ports. It has no name and is gone with the last process in it. */
#pragma once

/* Moves the process there, so before it has threads; what it starts is born there. As root, or
 * within a user namespace where ordinary users may make one. Negative errno: it stays where it
 * was. */
int namespace_enter(void);
