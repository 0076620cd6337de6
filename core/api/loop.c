/* The public functions of loops, timers, watchers, signals and wake-ups: each looks its ids
 * up, refuses stale ones and values that make no sense, and calls the folder that knows. */
#include "loop/loop.h"
#include "base/sys.h"
#include "loop/timer.h"
#include "loop/watcher.h"
#include "process/child.h"
#include "process/pipe.h"
#include "stream/stream.h"

#include <math.h>
#include <stdio.h>

static eddy__watcher *find_watcher(eddy_loop *loop, uint32_t id) {
    if (eddy__loop_refusal(loop)) return NULL;
    eddy__watcher *watcher = eddy__id_map_find(&loop->state.ids, id, EDDY__WATCH);
    return watcher && !watcher->closing ? watcher : NULL;
}

static void adopt(const eddy_loop *loop, eddy__socket *socket) {
    if (socket) socket->thread = loop->thread;
}

static void adopt_stream(void *stream, void *loop) {
    adopt(loop, ((eddy__stream *)stream)->socket);
}

static void adopt_watcher(void *watcher, void *loop) {
    adopt(loop, ((eddy__watcher *)watcher)->source.socket);
}

int eddy_loop_adopt(eddy_loop *loop) {
    if (eddy__loop_is_foreign(loop)) return -ESTALE;
    if (!EDDY_CHECKS) return 0;
    loop->thread = eddy__thread_checker_this();
    eddy__loop_each(loop, EDDY__STREAM, adopt_stream, loop);
    eddy__loop_each(loop, EDDY__WATCH, adopt_watcher, loop);
    return 0;
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

static void kill_child(void *object, void *data) {
    (void)data;
    eddy__child *child = object;
    if (!(child->flags & EDDY_CHILD_DETACHED)) eddy__child_kill(child, SIGKILL, 1);
}

static void close_child(void *child, void *data) {
    (void)data;
    eddy__child_close(child);
}

static void close_pipe(void *pipe, void *data) {
    (void)data;
    eddy__pipe_close(pipe);
}

void eddy_loop_free(eddy_loop *loop) {
    if (!loop || eddy__loop_refusal(loop)) return;
    eddy__loop_each(loop, EDDY__CHILD, kill_child, NULL); /* all, before any is waited for */
    eddy__loop_each(loop, EDDY__CHILD, close_child, NULL);
    eddy__loop_each(loop, EDDY__PIPE, close_pipe, NULL);
    eddy__loop_each(loop, EDDY__STREAM, close_stream, NULL);
    eddy__loop_each(loop, EDDY__WATCH, close_watcher, NULL);
    eddy__loop_each(loop, EDDY__TIMER, close_timer, NULL);
    eddy__loop_reap(loop);
    for (eddy__node *node; (node = eddy__list_shift(&loop->state.inboxes));)
        eddy__inbox_free(eddy__entry(node, eddy__inbox, free));
    eddy__loop_free(loop);
}

eddy_event *eddy_loop_events(eddy_loop *loop) {
    return loop->state.batch.events;
}

double eddy_loop_time(eddy_loop *loop) {
    return eddy__clock_now(&loop->clock);
}

double eddy_wall_time(eddy_loop *loop) {
    double now = eddy__clock_wall();
    if (!loop || !loop->clock.is_virtual) return now;
    return now + loop->clock.virtual_now - eddy_time();
}

int eddy_loop_virtual_time(eddy_loop *loop, double now) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    if (!isfinite(now)) return -EINVAL;
    loop->clock = (eddy__clock){1, now};
    loop->state.now = loop->time_jump.seen = now;
    return 0;
}

int eddy_loop_advance(eddy_loop *loop, double by) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    if (!loop->clock.is_virtual || !(by >= 0) || isinf(by)) return -EINVAL;
    loop->clock.virtual_now += by;
    return 0;
}

int eddy_loop_tell_gaps(eddy_loop *loop, int on) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    eddy__time_jump_watch(&loop->time_jump, eddy__clock_now(&loop->clock), on != 0);
    return 0;
}

int eddy_loop_alive(eddy_loop *loop) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    return loop->state.alive + loop->signals.count;
}

static void count(void *object, void *number) {
    (void)object;
    *(double *)number += 1;
}

int eddy_loop_stats_get(eddy_loop *loop, eddy_loop_stats *stats) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    *stats = (eddy_loop_stats){.turns = loop->state.number,
                               .events = loop->events,
                               .missed_wakeups = loop->state.poller.missed_wakeups};
    eddy__loop_each(loop, EDDY__STREAM, count, &stats->streams);
    eddy__loop_each(loop, EDDY__TIMER, count, &stats->timers);
    eddy__loop_each(loop, EDDY__WATCH, count, &stats->handlers);
    return 0;
}

int eddy_loop_interrupt(eddy_loop *loop, int value) {
    if (eddy__loop_is_foreign(loop)) return -ESTALE;
    if (value <= 0) return -EINVAL;
    eddy__wakeups_interrupt(&loop->wakeups, value);
    return 0;
}

int eddy_loop_wake(eddy_loop *loop, uint32_t waker, double number) {
    if (eddy__loop_is_foreign(loop)) return -ESTALE;
    return eddy__wakeups_post(&loop->wakeups, waker, number);
}

int eddy_waker_open(eddy_loop *loop) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    int id = eddy__id_map_add(&loop->state.ids, loop, EDDY__WAKER);
    if (id > 0) loop->state.alive++;
    return id;
}

int eddy_waker_close(eddy_loop *loop, uint32_t waker) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    if (!eddy__id_map_find(&loop->state.ids, waker, EDDY__WAKER)) return -EBADF;
    eddy__id_map_remove(&loop->state.ids, waker);
    loop->state.alive--;
    return 0;
}

int eddy_signal_number(const char *name) {
    return eddy__signal_number(name);
}

int eddy_signal_watch(eddy_loop *loop, int signal) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    return eddy__signals_watch(&loop->signals, &loop->wakeups, signal);
}

int eddy_signal_unwatch(eddy_loop *loop, int signal) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    return eddy__signals_unwatch(&loop->signals, signal);
}

int eddy_timer_open(eddy_loop *loop, double due, double period) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    if (isnan(due) || !(period >= 0) || isinf(period)) return -EINVAL;
    return eddy__timer_open(&loop->state, due, period);
}

int eddy_timer_again(eddy_loop *loop, uint32_t id, double jitter) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    eddy__timer *timer = eddy__id_map_find(&loop->state.ids, id, EDDY__TIMER);
    if (!timer) return -EBADF;
    if (!(timer->period + jitter > 0)) return -EINVAL;
    loop->state.now = eddy__clock_now(&loop->clock);
    eddy__timer_again(timer, jitter);
    return 0;
}

int eddy_timer_close(eddy_loop *loop, uint32_t id) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    eddy__timer *timer = eddy__id_map_find(&loop->state.ids, id, EDDY__TIMER);
    if (!timer) return -EBADF;
    eddy__timer_close(timer);
    return 0;
}

int eddy_watch_fd(eddy_loop *loop, int fd, int events) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    return fd < 0 ? -EBADF : eddy__watcher_open(&loop->state, NULL, fd, events);
}

int eddy_watch_socket(eddy_loop *loop, eddy_context *context, uint32_t id, int events) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    eddy__socket *socket = eddy__context_find(context, id);
    return socket ? eddy__watcher_open(&loop->state, socket, -1, events)
                  : eddy__context_refusal(context, id);
}

int eddy_watch_change(eddy_loop *loop, uint32_t id, int events) {
    eddy__watcher *watcher = find_watcher(loop, id);
    return watcher ? eddy__watcher_change(watcher, events) : eddy__loop_stale(loop);
}

int eddy_watch_close(eddy_loop *loop, uint32_t id) {
    eddy__watcher *watcher = find_watcher(loop, id);
    if (!watcher) return eddy__loop_stale(loop);
    eddy__watcher_close(watcher);
    return 0;
}

int eddy_descriptor_close(int fd) {
    return close(fd) == 0 ? 0 : -errno;
}

int eddy_file_descriptor(void *file) {
    int fd = file ? fileno(file) : -1;
    return fd >= 0 ? fd : -EBADF;
}
