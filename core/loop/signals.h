/* Signals as events. A watched signal is blocked in the thread and read from a descriptor. */
#ifndef EDDY_LOOP_SIGNALS_H
#define EDDY_LOOP_SIGNALS_H

#include "loop/events.h"
#include "loop/poller.h"

#include <signal.h>

typedef struct eddy__signals {
    eddy__source source; /* of the signalfd; its fd is -1 until a signal is watched */
    sigset_t watched;
    sigset_t blocked; /* those of them that were not blocked before */
    int count;
} eddy__signals;

void eddy__signals_init(eddy__signals *signals);

/* Gives all watched signals back. */
void eddy__signals_close(eddy__signals *signals, eddy__poller *poller);

/* 0 or -errno: -EINVAL for what is no signal or cannot be caught, -EBUSY when the process
 * watches it already, here or on another loop, -ENOENT. */
int eddy__signals_watch(eddy__signals *signals, eddy__poller *poller, int number);
int eddy__signals_unwatch(eddy__signals *signals, int number);

/* Moves the signals that came to the batch. */
void eddy__signals_tell(eddy__signals *signals, eddy__events *batch);

/* A signal's number by name, "SIGTERM" or "TERM"; 0 for an unknown one. */
int eddy__signal_number(const char *name);

#endif
