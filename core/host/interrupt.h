/* SIGINT and SIGTERM for the loop that runs: the first stops it, in order; the second, or
 * one that comes while no loop runs, ends the process at once. SIGPIPE stops it when nobody
 * reads the standard output any more; any other broken pipe is its writer's error. */
#ifndef EDDY_INTERRUPT_H
#define EDDY_INTERRUPT_H

#include "eddy.h"

/* From now on the first signal interrupts this loop, with the signal's number. */
void eddy__interrupt_guard(eddy_loop *loop);

/* The loop no longer runs. */
void eddy__interrupt_release(void);

/* Takes SIGPIPE, for as long as the process lives. */
void eddy__interrupt_watch_output(void);

/* The process ends by itself: what is still printed may go nowhere. */
void eddy__interrupt_end(void);

#endif
