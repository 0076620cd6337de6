/* Timers by deadline: a heap of four children a node, equal deadlines in order of age.
 * Time is an argument. Cancelling is O(log n), and memory for arming is taken when a timer
 * is made, so that arming cannot fail. */
#ifndef EDDY_TIMERS_H
#define EDDY_TIMERS_H

#include <stdint.h>

typedef struct eddy__timer {
    double due;        /* milliseconds on the loop's clock */
    uint64_t age;      /* smaller is older */
    uint32_t position; /* in the heap, from 1; 0 while not armed */
    int owner;         /* what kind of thing embeds this timer */
} eddy__timer;

typedef struct eddy__timer_entry {
    double due;
    eddy__timer *timer;
} eddy__timer_entry;

typedef struct eddy__timers {
    eddy__timer_entry *heap;
    uint32_t count, capacity;
    uint32_t reserved; /* timers that exist, armed or not */
    uint64_t age;
} eddy__timers;

void eddy__timers_init(eddy__timers *timers);
void eddy__timers_free(eddy__timers *timers);

/* Makes room for one more timer to exist; eddy__timers_release gives it back. 0 or -ENOMEM. */
int eddy__timers_reserve(eddy__timers *timers);
void eddy__timers_release(eddy__timers *timers);

/* Arms the timer, or moves it if it is armed. It counts as the youngest. */
void eddy__timers_arm(eddy__timers *timers, eddy__timer *timer, double due);

/* Disarms the timer, if it is armed. */
void eddy__timers_disarm(eddy__timers *timers, eddy__timer *timer);

/* Disarms and returns the earliest timer due at `now`; NULL when none is. */
eddy__timer *eddy__timers_expire(eddy__timers *timers, double now);

/* The earliest deadline; infinity when no timer is armed. */
double eddy__timers_next(const eddy__timers *timers);

/* The first point after `now` of the grid that goes through `due` in steps of `period`. */
double eddy__timers_grid(double due, double period, double now);

#endif
