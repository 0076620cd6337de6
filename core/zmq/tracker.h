/* Trackers: whether anybody still uses bytes that libzmq was lent. libzmq tells from its I/O
 * threads. */
#ifndef EDDY_ZMQ_TRACKER_H
#define EDDY_ZMQ_TRACKER_H

#include "eddy.h"

/* A tracker of one use, with one reference. NULL when there is no memory. */
eddy_tracker *eddy__tracker_new(void);

eddy_tracker *eddy__tracker_retain(eddy_tracker *tracker);

/* The use is over. From any thread. */
void eddy__tracker_done(eddy_tracker *tracker);

#endif
