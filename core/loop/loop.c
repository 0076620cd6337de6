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
    loop->born = eddy__forks;
    loop->thread = eddy__this_thread();
    eddy__turn *turn = &loop->turn;
    eddy__slots_init(&turn->slots);
    eddy__timers_init(&turn->timers);
    eddy__list_init(&turn->due);
    eddy__list_init(&turn->lent);
    eddy__list_init(&turn->inboxes);
    eddy__list_init(&turn->graves);
    eddy__signals_init(&loop->signals);
    int rc = eddy__poller_open(&turn->poller);
    if (rc == 0) {
        rc = eddy__wakeups_open(&loop->wakeups, &turn->poller);
        if (rc != 0) eddy__wakeups_close(&loop->wakeups, &turn->poller);
    }
    if (rc != 0) {
        eddy__poller_close(&turn->poller);
        eddy__free(loop);
        return rc;
    }
    turn->now = eddy__clock_now(&loop->clock);
    *made = loop;
    return 0;
}

int eddy__loop_is_foreign(const eddy_loop *loop) {
    return loop->born != eddy__forks;
}

int eddy__loop_refusal(const eddy_loop *loop) {
    if (eddy__loop_is_foreign(loop)) return -ESTALE;
    return eddy__is_elsewhere(loop->thread) ? -EPERM : 0;
}

void eddy__loop_each(eddy_loop *loop, int kind, void (*visit)(void *, void *), void *data) {
    int found;
    for (uint32_t i = 0; i < loop->turn.slots.used; i++) {
        void *object = eddy__slots_at(&loop->turn.slots, i, &found);
        if (!object || found != kind) continue;
        int is_closed = eddy__list_linked(&((eddy__grave *)object)->node);
        if (!is_closed) visit(object, data);
    }
}

static void reap(eddy__turn *turn) {
    for (eddy__node *node; (node = eddy__list_shift(&turn->graves));) {
        eddy__grave *grave = eddy__entry(node, eddy__grave, node);
        eddy__slots_remove(&turn->slots, grave->id);
        grave->free(turn, grave);
    }
}

static void close_stream(void *stream, void *data) {
    (void)data;
    eddy__stream_close(stream, EDDY_OWN_LINGER);
}

static void close_watch(void *watch, void *data) {
    (void)data;
    eddy__watch_close(watch);
}

static void close_alarm(void *alarm, void *data) {
    (void)data;
    eddy__alarm_close(alarm);
}

void eddy_loop_free(eddy_loop *loop) {
    if (!loop || eddy__loop_refusal(loop)) return;
    eddy__turn *turn = &loop->turn;
    eddy__loop_each(loop, EDDY__STREAM, close_stream, NULL);
    eddy__loop_each(loop, EDDY__WATCH, close_watch, NULL);
    eddy__loop_each(loop, EDDY__TIMER, close_alarm, NULL);
    reap(turn);
    for (eddy__node *node; (node = eddy__list_shift(&turn->inboxes));)
        eddy__inbox_free(eddy__entry(node, eddy__inbox, free));
    eddy__signals_close(&loop->signals, &turn->poller);
    eddy__wakeups_close(&loop->wakeups, &turn->poller);
    eddy__poller_close(&turn->poller);
    eddy__timers_free(&turn->timers);
    eddy__batch_free(&turn->batch);
    eddy__slots_free(&turn->slots);
    eddy__free(loop);
}

/* The last turn's loans end: what Lua read is given back, what it closed is freed. */
static void begin(eddy__turn *turn) {
    eddy__list lent;
    turn->batch.count = 0;
    reap(turn);
    eddy__list_init(&lent);
    eddy__list_append(&lent, &turn->lent);
    while (!eddy__list_empty(&lent)) {
        eddy__node *node = eddy__list_shift(&lent);
        eddy__list_push(&turn->lent, node);
        eddy__stream_settle(eddy__entry(node, eddy__stream, lent));
    }
}

static int has_work(const eddy_loop *loop) {
    const eddy__turn *turn = &loop->turn;
    return !eddy__list_empty(&turn->due) || !eddy__list_empty(&turn->poller.ready) ||
           loop->gap.lost > 0;
}

/* How long the loop may block: not at all while anything is to be done. */
static double patience(eddy_loop *loop, double timeout) {
    eddy__turn *turn = &loop->turn;
    if (has_work(loop)) return 0;
    double left = eddy__timers_next(&turn->timers) - turn->now;
    if (loop->clock.is_virtual && isfinite(left)) return 0;
    if (timeout >= 0) left = fmin(left, timeout);
    return fmax(left, 0);
}

static int wait(eddy_loop *loop, double timeout) {
    eddy__turn *turn = &loop->turn;
    turn->now = eddy__clock_now(&loop->clock);
    eddy__gap_look(&loop->gap, turn->now, 0);
    eddy__poller_sweep(&turn->poller, turn->now);
    eddy__poller_refresh(&turn->poller, turn->now);
    /* A timer must not fire while a reply that came before it is not looked for. */
    int nothing_due = eddy__timers_next(&turn->timers) > turn->now;
    if (nothing_due && eddy__poller_busy(&turn->poller, turn->now)) return 0;
    double asked = patience(loop, timeout);
    int rc = eddy__poller_wait(&turn->poller, asked, turn->now);
    if (loop->clock.is_virtual && !has_work(loop) && timeout != 0) {
        double next = eddy__timers_next(&turn->timers);
        if (isfinite(next)) loop->clock.virtual_now = fmax(next, turn->now);
        asked = loop->clock.virtual_now - turn->now;
    }
    turn->now = eddy__clock_now(&loop->clock);
    eddy__gap_look(&loop->gap, turn->now, asked);
    return rc;
}

/* Before all else of the turn: timers that are late tell of themselves after it. */
static void tell_gap(eddy_loop *loop) {
    if (loop->gap.lost == 0 || eddy__batch_reserve(&loop->turn.batch) != 0) return;
    eddy__batch_add(&loop->turn.batch, EDDY_GAP, 0, 0)->number = loop->gap.lost;
    loop->gap.lost = 0;
}

static void serve_internal(eddy_loop *loop, eddy__source *source) {
    source->ready = 0;
    if (source == &loop->wakeups.source)
        eddy__wakeups_tell(&loop->wakeups, &loop->turn.batch);
    else
        eddy__signals_tell(&loop->signals, &loop->turn.batch);
}

static void serve(eddy_loop *loop) {
    eddy__list ready;
    eddy__list_init(&ready);
    eddy__list_append(&ready, &loop->turn.poller.ready);
    for (eddy__node *node; (node = eddy__list_shift(&ready));) {
        eddy__source *source = eddy__entry(node, eddy__source, mark);
        switch (source->owner) {
        case EDDY__STREAM: eddy__stream_serve(eddy__entry(source, eddy__stream, source)); break;
        case EDDY__WATCH: eddy__watch_serve(eddy__entry(source, eddy__watch, source)); break;
        default: serve_internal(loop, source);
        }
    }
}

static void tell(eddy__turn *turn) {
    eddy__list due;
    eddy__list_init(&due);
    eddy__list_append(&due, &turn->due);
    for (eddy__node *node; (node = eddy__list_shift(&due));) {
        eddy__due *item = eddy__entry(node, eddy__due, node);
        item->tell(item);
    }
}

static void expire(eddy__turn *turn) {
    while (eddy__timers_next(&turn->timers) <= turn->now) {
        if (eddy__batch_reserve(&turn->batch) != 0) return;
        eddy__timer *timer = eddy__timers_expire(&turn->timers, turn->now);
        if (timer->owner == EDDY__STREAM)
            eddy__stream_update(eddy__entry(timer, eddy__stream, retry));
        else
            eddy__alarm_tell(eddy__entry(timer, eddy__alarm, timer));
    }
}

int eddy_loop_turn(eddy_loop *loop, double timeout) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    begin(&loop->turn);
    int rc = wait(loop, timeout);
    if (rc != 0) return rc;
    tell_gap(loop);
    serve(loop);
    tell(&loop->turn);
    expire(&loop->turn);
    loop->turn.number += 1;
    loop->events += loop->turn.batch.count;
    return loop->turn.batch.count;
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
    eddy__poller *poller = &loop->turn.poller;
    double deadline = eddy_time() + timeout;
    for (;;) {
        eddy__drain drain = {0, 0};
        eddy__loop_each(loop, EDDY__STREAM, flush, &drain);
        double left = deadline - eddy_time();
        if (drain.waiting == 0 || left <= 0) return (int)(drain.waiting + drain.lost);
        eddy__poller_refresh(poller, loop->turn.now);
        int rc = eddy__poller_wait(poller, fmin(left, DRAIN_MS), loop->turn.now);
        if (rc != 0) return rc;
        /* What is ready to receive stays so for the next turn. */
        for (eddy__node *node; (node = eddy__list_shift(&poller->ready));) {
            eddy__source *source = eddy__entry(node, eddy__source, mark);
            source->ready = 0;
            eddy__poller_recheck(poller, source);
        }
    }
}
