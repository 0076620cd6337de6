/* Timers by deadline: a heap of four children a node, equal deadlines in order of age.
 * Time is an argument. Cancelling is O(log n), and memory for arming is taken when a timer
 * is made, so that arming cannot fail. */
#ifndef EDDY_LOOP_TIMER_HEAP_H
#define EDDY_LOOP_TIMER_HEAP_H

#include <stdint.h>

typedef struct eddy__timer_node {
    double due;        /* milliseconds on the loop's clock */
    uint64_t age;      /* smaller is older */
    uint32_t position; /* in the heap, from 1; 0 while not armed */
    /* It is due, and disarmed. The batch has room for an event. */
    void (*fire)(struct eddy__timer_node *timer);
} eddy__timer_node;

typedef struct eddy__timer_heap_entry {
    double due;
    eddy__timer_node *timer;
} eddy__timer_heap_entry;

typedef struct eddy__timer_heap {
    eddy__timer_heap_entry *heap;
    uint32_t count, capacity;
    uint32_t reserved; /* timers that exist, armed or not */
    uint64_t age;
} eddy__timer_heap;

void eddy__timer_heap_init(eddy__timer_heap *timer_heap);
void eddy__timer_heap_free(eddy__timer_heap *timer_heap);

/* Makes room for one more timer to exist; eddy__timer_heap_release gives it back. 0 or -ENOMEM.
 */
int eddy__timer_heap_reserve(eddy__timer_heap *timer_heap);
void eddy__timer_heap_release(eddy__timer_heap *timer_heap);

/* Arms the timer, or moves it if it is armed. It counts as the youngest. */
void eddy__timer_heap_arm(eddy__timer_heap *timer_heap, eddy__timer_node *timer, double due);

/* Disarms the timer, if it is armed. */
void eddy__timer_heap_disarm(eddy__timer_heap *timer_heap, eddy__timer_node *timer);

/* Disarms and returns the earliest timer due at `now`; NULL when none is. */
eddy__timer_node *eddy__timer_heap_expire(eddy__timer_heap *timer_heap, double now);

/* The earliest deadline; infinity when no timer is armed. */
double eddy__timer_heap_next(const eddy__timer_heap *timer_heap);

/* The first point after `now` of the grid that goes through `due` in steps of `period`. */
double eddy__timer_heap_grid(double due, double period, double now);

#endif
