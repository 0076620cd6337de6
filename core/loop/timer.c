#include "loop/timer.h"
#include "base/sys.h"

static void free_timer(eddy__loop_state *state, eddy__grave *grave) {
    eddy__timer_heap_release(&state->timer_heap);
    eddy__free(grave);
}

static void arm(eddy__timer *timer, double due) {
    eddy__timer_heap_arm(&timer->state->timer_heap, &timer->node, due);
    timer->state->alive++;
    if (timer->node.position == 1) eddy__sleeper_wake(&timer->state->poller.sleeper);
}

static void fire(eddy__timer_node *node) {
    eddy__timer *timer = eddy__entry(node, eddy__timer, node);
    eddy__events_add(&timer->state->batch, EDDY_TIMER, timer->grave.id, 0);
    timer->state->alive--; /* a periodic one whose handler waits brings nothing meanwhile */
    /* Its id stays good until the batch that names it is over. */
    if (timer->period <= 0) eddy__timer_close(timer);
}

int eddy__timer_open(eddy__loop_state *state, double due, double period) {
    eddy__timer *timer = eddy__calloc(1, sizeof *timer);
    if (!timer) return -ENOMEM;
    int id = eddy__timer_heap_reserve(&state->timer_heap);
    if (id == 0) {
        id = eddy__id_map_add(&state->ids, timer, EDDY__TIMER);
        if (id < 0) eddy__timer_heap_release(&state->timer_heap);
    }
    if (id < 0) {
        eddy__free(timer);
        return id;
    }
    timer->state = state;
    timer->grave.id = (uint32_t)id;
    timer->grave.free = free_timer;
    timer->node.fire = fire;
    timer->period = period;
    eddy__list_init(&timer->grave.node);
    arm(timer, due);
    return id;
}

void eddy__timer_again(eddy__timer *timer, double jitter) {
    if (timer->closing || timer->period <= 0 || timer->node.position != 0) return;
    arm(timer,
        eddy__timer_heap_grid(timer->node.due, timer->period + jitter, timer->state->now));
}

void eddy__timer_close(eddy__timer *timer) {
    if (timer->closing) return;
    timer->closing = 1;
    timer->state->alive -= timer->node.position != 0;
    eddy__timer_heap_disarm(&timer->state->timer_heap, &timer->node);
    eddy__state_bury(timer->state, &timer->grave);
}
