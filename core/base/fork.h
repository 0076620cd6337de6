/* Forks. What was made before one belongs to the parent: libzmq's threads are not in the child,
 * and its descriptors lead to the same epoll and eventfds as the parent's. */
#ifndef EDDY_BASE_FORK_H
#define EDDY_BASE_FORK_H

/* How many forks lie between this process and the one that loaded the core. */
extern int eddy__fork_count;

/* Whether this process is a fork that was not counted yet: for signal handlers, which may run
 * before anything else in it does. */
int eddy__fork_is_new(void);

#endif
