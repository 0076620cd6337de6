/* Signals as events. A watched signal has a handler, which counts it and wakes the loop. None
 * is blocked: a program that is started would begin with it blocked, and the handlers are what
 * the kernel takes off for it. */
#ifndef EDDY_LOOP_SIGNALS_H
#define EDDY_LOOP_SIGNALS_H

#include "loop/events.h"
#include "loop/wakeups.h"

#include <signal.h>

typedef struct eddy__signals {
    sigset_t watched;
    sigset_t unblocked; /* those of them that the thread had blocked before */
    int count;
} eddy__signals;

void eddy__signals_init(eddy__signals *signals);

/* Gives all watched signals back. */
void eddy__signals_close(eddy__signals *signals);

/* 0 or -errno: -EINVAL for what is no signal or cannot be caught, -EBUSY when the process
 * watches it already, here or on another loop, -ENOENT. */
int eddy__signals_watch(eddy__signals *signals, eddy__wakeups *wakeups, int number);
int eddy__signals_unwatch(eddy__signals *signals, int number);

/* Moves the signals that came to the batch. What has no room wakes the loop again. */
void eddy__signals_tell(eddy__signals *signals, eddy__wakeups *wakeups, eddy__events *batch);

/* A signal's number by name, "SIGTERM" or "TERM"; 0 for an unknown one. */
int eddy__signal_number(const char *name);

#endif
