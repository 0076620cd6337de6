/* A timer of a script: one tick, or ticks on a grid. */
#ifndef EDDY_ALARM_H
#define EDDY_ALARM_H

#include "loop/state.h"

typedef struct eddy__alarm {
    eddy__grave grave;
    eddy__turn *turn;
    eddy__timer timer;
    double period; /* 0: it ticks once */
    int closing;
} eddy__alarm;

/* Its id, or -errno. */
int eddy__alarm_open(eddy__turn *turn, double due, double period);

/* Arms it for the next point of its grid, the step being longer by `jitter` this time. */
void eddy__alarm_again(eddy__alarm *alarm, double jitter);

void eddy__alarm_close(eddy__alarm *alarm);

/* It is due: puts its event into the batch, which has room. */
void eddy__alarm_tell(eddy__alarm *alarm);

#endif
