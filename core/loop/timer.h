/* A timer of a script: one tick, or ticks on a grid. */
#ifndef EDDY_LOOP_TIMER_H
#define EDDY_LOOP_TIMER_H

#include "loop/state.h"

typedef struct eddy__timer {
    eddy__grave grave;
    eddy__loop_state *state;
    eddy__timer_node node;
    double period; /* 0: it ticks once */
    int closing;
} eddy__timer;

/* Its id, or -errno. */
int eddy__timer_open(eddy__loop_state *state, double due, double period);

/* Arms it for the next point of its grid, the step being longer by `jitter` this time. */
void eddy__timer_again(eddy__timer *timer, double jitter);

void eddy__timer_close(eddy__timer *timer);

#endif
