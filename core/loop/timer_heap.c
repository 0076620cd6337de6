#include "loop/timer_heap.h"
#include "base/sys.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { CHILDREN = 4, FIRST_CAPACITY = 16 };

void eddy__timer_heap_init(eddy__timer_heap *timer_heap) {
    memset(timer_heap, 0, sizeof *timer_heap);
}

void eddy__timer_heap_free(eddy__timer_heap *timer_heap) {
    eddy__free(timer_heap->heap);
    eddy__timer_heap_init(timer_heap);
}

int eddy__timer_heap_reserve(eddy__timer_heap *timer_heap) {
    if (timer_heap->reserved == timer_heap->capacity) {
        uint32_t capacity = timer_heap->capacity ? timer_heap->capacity * 2 : FIRST_CAPACITY;
        eddy__timer_heap_entry *heap =
            eddy__realloc(timer_heap->heap, (size_t)capacity * sizeof *heap);
        if (!heap) return -ENOMEM;
        timer_heap->heap = heap;
        timer_heap->capacity = capacity;
    }
    timer_heap->reserved++;
    return 0;
}

void eddy__timer_heap_release(eddy__timer_heap *timer_heap) {
    timer_heap->reserved--;
}

static int earlier(const eddy__timer_heap_entry *a, const eddy__timer_heap_entry *b) {
    return a->due != b->due ? a->due < b->due : a->timer->age < b->timer->age;
}

static void place(eddy__timer_heap *timer_heap, uint32_t position,
                  eddy__timer_heap_entry entry) {
    timer_heap->heap[position] = entry;
    entry.timer->position = position + 1;
}

static void rise(eddy__timer_heap *timer_heap, uint32_t position,
                 eddy__timer_heap_entry entry) {
    while (position > 0) {
        uint32_t parent = (position - 1) / CHILDREN;
        if (!earlier(&entry, &timer_heap->heap[parent])) break;
        place(timer_heap, position, timer_heap->heap[parent]);
        position = parent;
    }
    place(timer_heap, position, entry);
}

static void sink(eddy__timer_heap *timer_heap, uint32_t position,
                 eddy__timer_heap_entry entry) {
    for (;;) {
        uint32_t first = position * CHILDREN + 1, last = first + CHILDREN, best = first;
        if (first >= timer_heap->count) break;
        if (last > timer_heap->count) last = timer_heap->count;
        for (uint32_t child = first + 1; child < last; child++)
            if (earlier(&timer_heap->heap[child], &timer_heap->heap[best])) best = child;
        if (!earlier(&timer_heap->heap[best], &entry)) break;
        place(timer_heap, position, timer_heap->heap[best]);
        position = best;
    }
    place(timer_heap, position, entry);
}

void eddy__timer_heap_arm(eddy__timer_heap *timer_heap, eddy__timer_node *timer, double due) {
    eddy__timer_heap_disarm(timer_heap, timer);
    timer->due = due;
    timer->age = timer_heap->age++;
    rise(timer_heap, timer_heap->count++, (eddy__timer_heap_entry){due, timer});
}

void eddy__timer_heap_disarm(eddy__timer_heap *timer_heap, eddy__timer_node *timer) {
    if (timer->position == 0) return;
    uint32_t hole = timer->position - 1;
    timer->position = 0;
    eddy__timer_heap_entry last = timer_heap->heap[--timer_heap->count];
    if (last.timer == timer) return;
    if (hole > 0 && earlier(&last, &timer_heap->heap[(hole - 1) / CHILDREN]))
        rise(timer_heap, hole, last);
    else
        sink(timer_heap, hole, last);
}

eddy__timer_node *eddy__timer_heap_expire(eddy__timer_heap *timer_heap, double now) {
    if (timer_heap->count == 0 || timer_heap->heap[0].due > now) return NULL;
    eddy__timer_node *timer = timer_heap->heap[0].timer;
    eddy__timer_heap_disarm(timer_heap, timer);
    return timer;
}

double eddy__timer_heap_next(const eddy__timer_heap *timer_heap) {
    return timer_heap->count > 0 ? timer_heap->heap[0].due : INFINITY;
}

double eddy__timer_heap_grid(double due, double period, double now) {
    double next = due + period;
    if (next <= now) next = due + (floor((now - due) / period) + 1) * period;
    /* Where the step is lost in rounding, time must move on all the same. */
    return next > now ? next : nextafter(now, INFINITY);
}
