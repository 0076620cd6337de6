/* eddy_poll: waiting for several sockets and descriptors at once, by the caller's list and
 * without a loop. The kernel is asked with poll(2) over the sockets' ZMQ_FD and the plain
 * descriptors, and each socket's ZMQ_EVENTS are read before every block: its cost follows
 * the length of the list, where a loop's follows what is ready. */
#ifndef EDDY_ZMQ_POLL_H
#define EDDY_ZMQ_POLL_H

#include "eddy.h"

#endif
