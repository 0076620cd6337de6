/* Time that a loop lost: its process was stopped, or its machine suspended, or a handler ran
 * for long. It shows between two looks at the clock. */
#ifndef EDDY_GAP_H
#define EDDY_GAP_H

typedef struct eddy__gap {
    int is_watched;
    double seen;   /* when the loop looked at the clock last */
    double asleep; /* how long the machine was suspended, since it started */
    double lost;   /* ms that are to be told; 0: none */
} eddy__gap;

/* Begins to watch, at this time on the loop's clock, or ends. */
void eddy__gap_watch(eddy__gap *gap, double now, int on);

/* Adds to `lost` what was lost since the last look, `asked` ms after it. */
void eddy__gap_measure(eddy__gap *gap, double now, double asked);

/* The loop looked at the clock, having asked to wait for up to `asked` ms. */
static inline void eddy__gap_look(eddy__gap *gap, double now, double asked) {
    if (gap->is_watched) eddy__gap_measure(gap, now, asked);
}

#endif
