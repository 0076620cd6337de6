/* Waits that can be ended: what the functions that block have in common. A thread's waits can
 * when eddy_waits_guard says so. */
#ifndef EDDY_BASE_WAITS_H
#define EDDY_BASE_WAITS_H

#include <poll.h>

/* Whether the calling thread's waits can be ended. */
int eddy__waits_guarded(void);

/* Whether the calling thread's wait is to end, with -EINTR. */
int eddy__waits_due(void);

/* Waits until one of some descriptors is ready, for at most `left` ms (negative: for ever), or
 * a signal comes, as ppoll does. The list has room for one more. 0 or -errno: -EINTR when the
 * wait is to end. */
int eddy__waits_poll(struct pollfd *fds, nfds_t count, double left);

/* When a wait for a condition is to look whether it is due: not after `deadline`. Signal
 * handlers cannot tell conditions, so a guarded wait looks every 50 ms. */
double eddy__waits_until(double deadline);

/* A loop has told of this signal: it ends no waits any more. */
void eddy__waits_heard(int signal);

#endif
