/* Time that a loop lost: its process was stopped, or its machine suspended, or a handler ran
 * for long. It shows between two looks at the clock. */
#ifndef EDDY_LOOP_TIME_JUMP_H
#define EDDY_LOOP_TIME_JUMP_H

typedef struct eddy__time_jump {
    int is_watched;
    double seen;   /* when the loop looked at the clock last */
    double asleep; /* how long the machine was suspended, since it started */
    double lost;   /* ms that are to be told; 0: none */
} eddy__time_jump;

/* Begins to watch, at this time on the loop's clock, or ends. */
void eddy__time_jump_watch(eddy__time_jump *time_jump, double now, int on);

/* Adds to `lost` what was lost since the last look, `asked` ms after it. */
void eddy__time_jump_measure(eddy__time_jump *time_jump, double now, double asked);

/* The loop looked at the clock, having asked to wait for up to `asked` ms. */
static inline void eddy__time_jump_look(eddy__time_jump *time_jump, double now, double asked) {
    if (time_jump->is_watched) eddy__time_jump_measure(time_jump, now, asked);
}

#endif
