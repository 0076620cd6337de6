#include "loop/loop.h"
#include "base/fork.h"
#include "base/sys.h"
#include "loop/timer.h"
#include "loop/watcher.h"
#include "stream/stream.h"

#include <math.h>

enum { DRAIN_MS = 5 }; /* how often sockets without a wake-up are tried while draining */

int eddy_loop_new(eddy_loop **made) {
    eddy_loop *loop = eddy__calloc(1, sizeof *loop);
    if (!loop) return -ENOMEM;
    loop->born = eddy__fork_count;
    loop->thread = eddy__thread_checker_this();
    eddy__loop_state *state = &loop->state;
    eddy__id_map_init(&state->ids);
    eddy__timer_heap_init(&state->timer_heap);
    eddy__list_init(&state->due);
    eddy__list_init(&state->lent);
    eddy__list_init(&state->inboxes);
    eddy__list_init(&state->graves);
    eddy__signals_init(&loop->signals);
    int rc = eddy__poller_open(&state->poller);
    if (rc == 0) {
        rc = eddy__wakeups_open(&loop->wakeups, &state->poller);
        if (rc != 0) eddy__wakeups_close(&loop->wakeups, &state->poller);
    }
    if (rc != 0) {
        eddy__poller_close(&state->poller);
        eddy__free(loop);
        return rc;
    }
    state->now = eddy__clock_now(&loop->clock);
    *made = loop;
    return 0;
}

int eddy__loop_is_foreign(const eddy_loop *loop) {
    return loop->born != eddy__fork_count;
}

int eddy__loop_refusal(const eddy_loop *loop) {
    if (eddy__loop_is_foreign(loop)) return -ESTALE;
    return eddy__thread_checker_is_elsewhere(loop->thread) ? -EPERM : 0;
}

void eddy__loop_each(eddy_loop *loop, int kind, void (*visit)(void *, void *), void *data) {
    int found;
    for (uint32_t i = 0; i < loop->state.ids.used; i++) {
        void *object = eddy__id_map_at(&loop->state.ids, i, &found);
        if (!object || found != kind) continue;
        int is_closed = eddy__list_linked(&((eddy__grave *)object)->node);
        if (!is_closed) visit(object, data);
    }
}

static void reap(eddy__loop_state *state) {
    for (eddy__node *node; (node = eddy__list_shift(&state->graves));) {
        eddy__grave *grave = eddy__entry(node, eddy__grave, node);
        eddy__id_map_remove(&state->ids, grave->id);
        grave->free(state, grave);
    }
}

static void close_stream(void *stream, void *data) {
    (void)data;
    eddy__stream_close(stream, EDDY_OWN_LINGER);
}

static void close_watcher(void *watcher, void *data) {
    (void)data;
    eddy__watcher_close(watcher);
}

static void close_timer(void *timer, void *data) {
    (void)data;
    eddy__timer_close(timer);
}

void eddy_loop_free(eddy_loop *loop) {
    if (!loop || eddy__loop_refusal(loop)) return;
    eddy__loop_state *state = &loop->state;
    eddy__loop_each(loop, EDDY__STREAM, close_stream, NULL);
    eddy__loop_each(loop, EDDY__WATCH, close_watcher, NULL);
    eddy__loop_each(loop, EDDY__TIMER, close_timer, NULL);
    reap(state);
    for (eddy__node *node; (node = eddy__list_shift(&state->inboxes));)
        eddy__inbox_free(eddy__entry(node, eddy__inbox, free));
    eddy__signals_close(&loop->signals, &state->poller);
    eddy__wakeups_close(&loop->wakeups, &state->poller);
    eddy__poller_close(&state->poller);
    eddy__timer_heap_free(&state->timer_heap);
    eddy__events_free(&state->batch);
    eddy__id_map_free(&state->ids);
    eddy__free(loop);
}

/* The last turn's loans end: what Lua read is given back, what it closed is freed. */
static void begin(eddy__loop_state *state) {
    eddy__list lent;
    state->batch.count = 0;
    reap(state);
    eddy__list_init(&lent);
    eddy__list_append(&lent, &state->lent);
    while (!eddy__list_empty(&lent)) {
        eddy__node *node = eddy__list_shift(&lent);
        eddy__list_push(&state->lent, node);
        eddy__stream_settle(eddy__entry(node, eddy__stream, lent));
    }
}

static int has_work(const eddy_loop *loop) {
    const eddy__loop_state *state = &loop->state;
    return !eddy__list_empty(&state->due) || !eddy__list_empty(&state->poller.ready) ||
           loop->time_jump.lost > 0;
}

/* How long the loop may block: not at all while anything is to be done. */
static double patience(eddy_loop *loop, double timeout) {
    eddy__loop_state *state = &loop->state;
    if (has_work(loop)) return 0;
    double left = eddy__timer_heap_next(&state->timer_heap) - state->now;
    if (loop->clock.is_virtual && isfinite(left)) return 0;
    if (timeout >= 0) left = fmin(left, timeout);
    return fmax(left, 0);
}

static int wait(eddy_loop *loop, double timeout) {
    eddy__loop_state *state = &loop->state;
    state->now = eddy__clock_now(&loop->clock);
    eddy__time_jump_look(&loop->time_jump, state->now, 0);
    eddy__poller_sweep(&state->poller, state->now);
    eddy__poller_refresh(&state->poller, state->now);
    /* A timer must not fire while a reply that came before it is not looked for. */
    int nothing_due = eddy__timer_heap_next(&state->timer_heap) > state->now;
    if (nothing_due && eddy__poller_busy(&state->poller, state->now)) return 0;
    double asked = patience(loop, timeout);
    int rc = eddy__poller_wait(&state->poller, asked, state->now);
    if (loop->clock.is_virtual && !has_work(loop) && timeout != 0) {
        double next = eddy__timer_heap_next(&state->timer_heap);
        if (isfinite(next)) loop->clock.virtual_now = fmax(next, state->now);
        asked = loop->clock.virtual_now - state->now;
    }
    state->now = eddy__clock_now(&loop->clock);
    eddy__time_jump_look(&loop->time_jump, state->now, asked);
    return rc;
}

/* Before all else of the turn: timers that are late tell of themselves after it. */
static void tell_gap(eddy_loop *loop) {
    if (loop->time_jump.lost == 0 || eddy__events_reserve(&loop->state.batch) != 0) return;
    eddy__events_add(&loop->state.batch, EDDY_GAP, 0, 0)->number = loop->time_jump.lost;
    loop->time_jump.lost = 0;
}

static void serve_internal(eddy_loop *loop, eddy__source *source) {
    source->ready = 0;
    if (source == &loop->wakeups.source)
        eddy__wakeups_tell(&loop->wakeups, &loop->state.batch);
    else
        eddy__signals_tell(&loop->signals, &loop->state.batch);
}

static void serve(eddy_loop *loop) {
    eddy__list ready;
    eddy__list_init(&ready);
    eddy__list_append(&ready, &loop->state.poller.ready);
    for (eddy__node *node; (node = eddy__list_shift(&ready));) {
        eddy__source *source = eddy__entry(node, eddy__source, mark);
        switch (source->owner) {
        case EDDY__STREAM: eddy__stream_serve(eddy__entry(source, eddy__stream, source)); break;
        case EDDY__WATCH:
            eddy__watcher_serve(eddy__entry(source, eddy__watcher, source));
            break;
        default: serve_internal(loop, source);
        }
    }
}

static void tell(eddy__loop_state *state) {
    eddy__list due;
    eddy__list_init(&due);
    eddy__list_append(&due, &state->due);
    for (eddy__node *node; (node = eddy__list_shift(&due));) {
        eddy__due *item = eddy__entry(node, eddy__due, node);
        item->tell(item);
    }
}

static void expire(eddy__loop_state *state) {
    while (eddy__timer_heap_next(&state->timer_heap) <= state->now) {
        if (eddy__events_reserve(&state->batch) != 0) return;
        eddy__timer_node *timer = eddy__timer_heap_expire(&state->timer_heap, state->now);
        if (timer->owner == EDDY__STREAM)
            eddy__stream_update(eddy__entry(timer, eddy__stream, retry));
        else
            eddy__timer_tell(eddy__entry(timer, eddy__timer, node));
    }
}

int eddy_loop_turn(eddy_loop *loop, double timeout) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    begin(&loop->state);
    int rc = wait(loop, timeout);
    if (rc != 0) return rc;
    tell_gap(loop);
    serve(loop);
    tell(&loop->state);
    expire(&loop->state);
    loop->state.number += 1;
    loop->events += loop->state.batch.count;
    return loop->state.batch.count;
}

typedef struct eddy__drain {
    double waiting, lost; /* messages whose socket is there, and is not */
} eddy__drain;

static void flush(void *object, void *data) {
    eddy__stream *stream = object;
    eddy__drain *drain = data;
    if (stream->socket) eddy__stream_flush(stream, INFINITY);
    *(stream->socket ? &drain->waiting : &drain->lost) += stream->queue.messages;
}

int eddy_loop_drain(eddy_loop *loop, double timeout) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    eddy__poller *poller = &loop->state.poller;
    double deadline = eddy_time() + timeout;
    for (;;) {
        eddy__drain drain = {0, 0};
        eddy__loop_each(loop, EDDY__STREAM, flush, &drain);
        double left = deadline - eddy_time();
        if (drain.waiting == 0 || left <= 0) return (int)(drain.waiting + drain.lost);
        eddy__poller_refresh(poller, loop->state.now);
        int rc = eddy__poller_wait(poller, fmin(left, DRAIN_MS), loop->state.now);
        if (rc != 0) return rc;
        /* What is ready to receive stays so for the next turn. */
        for (eddy__node *node; (node = eddy__list_shift(&poller->ready));) {
            eddy__source *source = eddy__entry(node, eddy__source, mark);
            source->ready = 0;
            eddy__poller_recheck(poller, source);
        }
    }
}
