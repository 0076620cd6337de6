/* Descriptors that the process was started with and that listen, as systemd passes them: a bind
 * at the address of one uses it. They stay open for the life of the process, so that a bind may
 * end and begin anew: libzmq gets copies, and closes those. */
#ifndef EDDY_ZMQ_PASSED_H
#define EDDY_ZMQ_PASSED_H

#include <stddef.h>

enum { EDDY__PASSED_NONE = -1 };

/* A copy of the one at the endpoint's address; EDDY__PASSED_NONE when there is none,
 * -EADDRINUSE when somebody here is bound to it, or another -errno. Names are looked up, with
 * IPv6's addresses among them if `ipv6`. A bind everywhere takes a narrower one, too, where
 * there is none other; one that is meant for a single address never takes a wider one. */
int eddy__passed_take(const char *endpoint, int ipv6);

/* The name that libzmq has for the one at the endpoint's address. 0, or -ENOENT. */
int eddy__passed_name(const char *endpoint, int ipv6, char *name, size_t size);

#endif
