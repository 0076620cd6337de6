/* A child of this process on a loop, which learns by its pidfd when it ends, and how. */
#ifndef EDDY_PROCESS_CHILD_H
#define EDDY_PROCESS_CHILD_H

#include "eddy.h"
#include "loop/state.h"

#include <sys/types.h>

typedef struct eddy__child {
    eddy__grave grave;
    eddy__loop_state *state;
    eddy__source source; /* of the pidfd; -1 once it has ended */
    eddy__due due;
    pid_t pid;
    int flags;        /* EDDY_CHILD_ */
    int is_asked;     /* it got a SIGTERM */
    int code, signal; /* how it ended */
    int closing;
} eddy__child;

/* Starts a program as the plan says. The child's id, or -errno. */
int eddy__child_spawn(eddy__loop_state *state, eddy_spawn *plan);

/* Sends it a signal, or its whole group if it leads one. 0, -ESRCH when it has ended, -errno.
 */
int eddy__child_kill(eddy__child *child, int signal, int whole_group);

/* Asks it to end, once, unless it is to outlive us. */
void eddy__child_ask(eddy__child *child);

/* Waits until it has ended, up to this time of the system's clock. Whether it has. */
int eddy__child_wait(eddy__child *child, double deadline);

/* Closes it. One that runs is killed, with its group, unless it is detached. */
void eddy__child_close(eddy__child *child);

#endif
