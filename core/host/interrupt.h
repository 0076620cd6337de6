/* SIGINT and SIGTERM for the loop that runs: the first stops it, in order; the second, or
 * one that comes while no loop runs, ends the process at once. */
#ifndef EDDY_INTERRUPT_H
#define EDDY_INTERRUPT_H

#include "eddy.h"

/* From now on the first signal interrupts this loop, with the signal's number. */
void eddy__interrupt_guard(eddy_loop *loop);

/* The loop no longer runs. */
void eddy__interrupt_release(void);

#endif
