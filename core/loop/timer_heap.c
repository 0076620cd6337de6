#include "loop/timer_heap.h"
#include "base/sys.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { CHILDREN = 4, FIRST_CAPACITY = 16 };

void eddy__timers_init(eddy__timers *timers) {
    memset(timers, 0, sizeof *timers);
}

void eddy__timers_free(eddy__timers *timers) {
    eddy__free(timers->heap);
    eddy__timers_init(timers);
}

int eddy__timers_reserve(eddy__timers *timers) {
    if (timers->reserved == timers->capacity) {
        uint32_t capacity = timers->capacity ? timers->capacity * 2 : FIRST_CAPACITY;
        eddy__timer_entry *heap = eddy__realloc(timers->heap, (size_t)capacity * sizeof *heap);
        if (!heap) return -ENOMEM;
        timers->heap = heap;
        timers->capacity = capacity;
    }
    timers->reserved++;
    return 0;
}

void eddy__timers_release(eddy__timers *timers) {
    timers->reserved--;
}

static int earlier(const eddy__timer_entry *a, const eddy__timer_entry *b) {
    return a->due != b->due ? a->due < b->due : a->timer->age < b->timer->age;
}

static void place(eddy__timers *timers, uint32_t position, eddy__timer_entry entry) {
    timers->heap[position] = entry;
    entry.timer->position = position + 1;
}

static void rise(eddy__timers *timers, uint32_t position, eddy__timer_entry entry) {
    while (position > 0) {
        uint32_t parent = (position - 1) / CHILDREN;
        if (!earlier(&entry, &timers->heap[parent])) break;
        place(timers, position, timers->heap[parent]);
        position = parent;
    }
    place(timers, position, entry);
}

static void sink(eddy__timers *timers, uint32_t position, eddy__timer_entry entry) {
    for (;;) {
        uint32_t first = position * CHILDREN + 1, last = first + CHILDREN, best = first;
        if (first >= timers->count) break;
        if (last > timers->count) last = timers->count;
        for (uint32_t child = first + 1; child < last; child++)
            if (earlier(&timers->heap[child], &timers->heap[best])) best = child;
        if (!earlier(&timers->heap[best], &entry)) break;
        place(timers, position, timers->heap[best]);
        position = best;
    }
    place(timers, position, entry);
}

void eddy__timers_arm(eddy__timers *timers, eddy__timer *timer, double due) {
    eddy__timers_disarm(timers, timer);
    timer->due = due;
    timer->age = timers->age++;
    rise(timers, timers->count++, (eddy__timer_entry){due, timer});
}

void eddy__timers_disarm(eddy__timers *timers, eddy__timer *timer) {
    if (timer->position == 0) return;
    uint32_t hole = timer->position - 1;
    timer->position = 0;
    eddy__timer_entry last = timers->heap[--timers->count];
    if (last.timer == timer) return;
    if (hole > 0 && earlier(&last, &timers->heap[(hole - 1) / CHILDREN]))
        rise(timers, hole, last);
    else
        sink(timers, hole, last);
}

eddy__timer *eddy__timers_expire(eddy__timers *timers, double now) {
    if (timers->count == 0 || timers->heap[0].due > now) return NULL;
    eddy__timer *timer = timers->heap[0].timer;
    eddy__timers_disarm(timers, timer);
    return timer;
}

double eddy__timers_next(const eddy__timers *timers) {
    return timers->count > 0 ? timers->heap[0].due : INFINITY;
}

double eddy__timers_grid(double due, double period, double now) {
    double next = due + period;
    if (next <= now) next = due + (floor((now - due) / period) + 1) * period;
    /* Where the step is lost in rounding, time must move on all the same. */
    return next > now ? next : nextafter(now, INFINITY);
}
