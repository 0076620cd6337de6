/* The public functions of loops and what is in them: each looks its ids up, refuses stale
 * ones and values that make no sense, and calls the room. */
#include "loop/loop.h"
#include "base/sys.h"
#include "loop/timer.h"
#include "loop/watcher.h"
#include "stream/stream.h"
#include "zmq/message.h"

#include <math.h>

static eddy__stream *find_stream(eddy_loop *loop, uint32_t id) {
    if (!loop || eddy__loop_refusal(loop)) return NULL;
    eddy__stream *stream = eddy__id_map_find(&loop->state.ids, id, EDDY__STREAM);
    return stream && !stream->closing ? stream : NULL;
}

/* Why an id was not found. */
static int refusal(const eddy_loop *loop) {
    int refused = loop ? eddy__loop_refusal(loop) : 0;
    return refused ? refused : -EBADF;
}

static eddy__watcher *find_watch(eddy_loop *loop, uint32_t id) {
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

static void adopt_watch(void *watcher, void *loop) {
    adopt(loop, ((eddy__watcher *)watcher)->source.socket);
}

int eddy_loop_adopt(eddy_loop *loop) {
    if (eddy__loop_is_foreign(loop)) return -ESTALE;
    if (!EDDY_CHECKS) return 0;
    loop->thread = eddy__thread_checker_this();
    eddy__loop_each(loop, EDDY__STREAM, adopt_stream, loop);
    eddy__loop_each(loop, EDDY__WATCH, adopt_watch, loop);
    return 0;
}

eddy_event *eddy_loop_events(eddy_loop *loop) {
    return loop->state.batch.events;
}

double eddy_loop_time(eddy_loop *loop) {
    return eddy__clock_now(&loop->clock);
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
    return eddy__signals_watch(&loop->signals, &loop->state.poller, signal);
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
    eddy__watcher *watcher = find_watch(loop, id);
    return watcher ? eddy__watcher_change(watcher, events) : refusal(loop);
}

int eddy_watch_close(eddy_loop *loop, uint32_t id) {
    eddy__watcher *watcher = find_watch(loop, id);
    if (!watcher) return refusal(loop);
    eddy__watcher_close(watcher);
    return 0;
}

int eddy_descriptor_close(int fd) {
    return close(fd) == 0 ? 0 : -errno;
}

int eddy_stream_open(eddy_loop *loop, eddy_context *context, uint32_t id) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    eddy__socket *socket = eddy__context_find(context, id);
    return socket ? eddy__stream_open(&loop->state, context, socket)
                  : eddy__context_refusal(context, id);
}

int eddy_stream_close(eddy_loop *loop, uint32_t id, int linger) {
    eddy__stream *stream = find_stream(loop, id);
    return stream ? eddy__stream_close(stream, linger) : refusal(loop);
}

int eddy_stream_receive(eddy_loop *loop, uint32_t id, int on) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return refusal(loop);
    eddy__stream_receive(stream, on);
    return 0;
}

int eddy_stream_budget(eddy_loop *loop, uint32_t id, int messages) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return refusal(loop);
    if (messages < 1) return -EINVAL;
    stream->budget = (uint32_t)messages;
    return 0;
}

int eddy_stream_send(eddy_loop *loop, uint32_t id, const char *data, uint32_t size,
                     int report) {
    eddy_part part = {data, (int32_t)size, 0};
    return eddy_stream_send_parts(loop, id, &part, 1, report);
}

int eddy_stream_send_parts(eddy_loop *loop, uint32_t id, const eddy_part *parts, uint32_t count,
                           int report) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return refusal(loop);
    if (!stream->socket) return -ENOTSOCK;
    if (count == 0) return -EINVAL;
    zmq_msg_t few[EDDY__FEW_PARTS], *msgs = eddy__message_room(few, count);
    if (!msgs) return -ENOMEM;
    int rc = eddy__message_copy(msgs, parts, count);
    if (rc == 0) {
        double bytes = eddy__message_bytes(msgs, count);
        rc = eddy__stream_send(stream, msgs, count, bytes, report);
    }
    eddy__message_leave(msgs, few);
    return rc;
}

eddy_inbox *eddy_stream_pull(eddy_loop *loop, uint32_t id, double messages) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return NULL;
    eddy__inbox *inbox = eddy__stream_pull(stream, (uint32_t)fmin(messages, EDDY_BUDGET));
    return inbox ? &inbox->view : NULL;
}

int eddy_stream_push(eddy_loop *loop, uint32_t id, double messages) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return refusal(loop);
    return stream->socket ? eddy__stream_push(stream, messages) : 0;
}

int eddy_stream_await_word(eddy_loop *loop, uint32_t id) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return refusal(loop);
    eddy__stream_await_word(stream);
    return 0;
}

int eddy_stream_word(eddy_loop *loop, uint32_t id, eddy_event *event) {
    eddy__stream *stream = find_stream(loop, id);
    return stream ? eddy__stream_word(stream, event) : refusal(loop);
}

int eddy_stream_drain(eddy_loop *loop, uint32_t id, double timeout) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return refusal(loop);
    double deadline = eddy_time() + timeout;
    while (stream->socket) {
        eddy__stream_flush(stream, INFINITY);
        double left = deadline - eddy_time();
        if (stream->queue.messages == 0 || left <= 0) break;
        /* A socket may say that it can send and refuse: it is not asked all the time. */
        int can = eddy__socket_wait(stream->socket, EDDY_WRITE, left);
        if (can > 0 && stream->retry.position != 0) eddy__sleep(fmin(left, 1));
    }
    return (int)stream->queue.messages;
}

int eddy_stream_await_drain(eddy_loop *loop, uint32_t id, int on) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return refusal(loop);
    stream->awaits_drain = on;
    return 0;
}

int eddy_stream_finish(eddy_loop *loop, uint32_t id) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return refusal(loop);
    eddy__stream_finish(stream);
    return 0;
}

int eddy_stream_limit(eddy_loop *loop, uint32_t id, double messages, double bytes, int policy) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return refusal(loop);
    if (isnan(messages) || isnan(bytes) || policy < EDDY_DROP_NONE || policy > EDDY_DROP_OLDEST)
        return -EINVAL;
    stream->queue.message_limit = messages < 0 ? INFINITY : messages;
    stream->queue.byte_limit = bytes < 0 ? INFINITY : bytes;
    stream->policy = policy;
    return 0;
}

int eddy_stream_stats_get(eddy_loop *loop, uint32_t id, eddy_stream_stats *stats) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return refusal(loop);
    *stats = stream->stats;
    stats->queued = stream->queue.messages;
    stats->queued_bytes = stream->queue.bytes;
    return 0;
}
