/* The public functions of streams: each looks its ids up, refuses stale ones and values that
 * make no sense, and calls the stream. */
#include "stream/stream.h"
#include "base/sys.h"
#include "loop/loop.h"
#include "zmq/message.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DRAIN_MS = 5 }; /* how often sockets without a wake-up are tried while draining */

static eddy__stream *find_stream(eddy_loop *loop, uint32_t id) {
    if (!loop || eddy__loop_refusal(loop)) return NULL;
    eddy__stream *stream = eddy__id_map_find(&loop->state.ids, id, EDDY__STREAM);
    return stream && !stream->closing ? stream : NULL;
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
    return stream ? eddy__stream_close(stream, linger) : eddy__loop_stale(loop);
}

int eddy_stream_receive(eddy_loop *loop, uint32_t id, int on) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    return eddy__stream_receive(stream, on);
}

int eddy_stream_remind(eddy_loop *loop, uint32_t id, double ms) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    return isnan(ms) ? -EINVAL : eddy__stream_remind(stream, ms);
}

int eddy_stream_budget(eddy_loop *loop, uint32_t id, int messages) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    if (messages < 1) return -EINVAL;
    if (messages > 1 && stream->socket && eddy__socket_is_single(stream->socket))
        return -ENOTSUP;
    stream->budget = (uint32_t)messages;
    return 0;
}

int eddy_stream_priority(eddy_loop *loop, uint32_t id, int priority) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    if (stream->socket) eddy__poller_rank(&stream->state->poller, &stream->source, priority);
    return 0;
}

/* The number of the message that was reported last. */
static int number_of(const eddy__stream *stream) {
    return (int)fmod(stream->out->reported, EDDY_NUMBERS);
}

int eddy_stream_send_parts(eddy_loop *loop, uint32_t id, const eddy_part *parts, uint32_t count,
                           int report) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    if (!stream->socket) return -ENOTSOCK;
    if (count == 0) return -EINVAL;
    zmq_msg_t few[EDDY__FEW_PARTS], *msgs = eddy__message_room(few, count);
    if (!msgs) return -ENOMEM;
    int rc = eddy__message_copy(msgs, parts, count);
    if (rc == 0) {
        double bytes = eddy__message_bytes_of(msgs, parts, count);
        rc = eddy__stream_send(stream, msgs, parts, count, bytes, report);
        if (report && (rc == 0 || rc == 1)) rc += 4 * number_of(stream);
    }
    eddy__message_leave(msgs, few);
    return rc;
}

int eddy_stream_send(eddy_loop *loop, uint32_t id, const char *data, uint32_t size,
                     int report) {
    eddy_part part = {data, (int32_t)size, 0};
    if (report) return eddy_stream_send_parts(loop, id, &part, 1, report);
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    if (!stream->socket) return -ENOTSOCK;
    zmq_msg_t msg;
    if (eddy__msg_init(&msg, size) != 0) return -ENOMEM;
    if (size > 0) memcpy(zmq_msg_data(&msg), data, size);
    return eddy__stream_send(stream, &msg, &part, 1, size, 0);
}

eddy_inbox *eddy_stream_pull(eddy_loop *loop, uint32_t id, double messages) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return NULL;
    eddy__inbox *inbox = eddy__stream_pull(stream, (uint32_t)fmin(messages, EDDY_BUDGET));
    return inbox ? &inbox->view : NULL;
}

int eddy_stream_push(eddy_loop *loop, uint32_t id, double messages) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    return stream->socket ? eddy__stream_push(stream, messages) : 0;
}

int eddy_stream_await_word(eddy_loop *loop, uint32_t id, int on) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    eddy__stream_await_word(stream, on);
    return 0;
}

int eddy_stream_lost_peer(eddy_loop *loop, uint32_t id, char *peer) {
    eddy__stream *stream = find_stream(loop, id);
    return stream ? eddy__lost_peers_take(&stream->out->lost_peers, peer)
                  : eddy__loop_stale(loop);
}

int eddy_stream_word(eddy_loop *loop, uint32_t id, eddy_event *event) {
    eddy__stream *stream = find_stream(loop, id);
    return stream ? eddy__stream_word(stream, event) : eddy__loop_stale(loop);
}

int eddy_stream_drain(eddy_loop *loop, uint32_t id, double timeout) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    double deadline = eddy_time() + timeout;
    while (stream->socket) {
        eddy__stream_flush(stream, INFINITY);
        double left = deadline - eddy_time();
        if (stream->out->queue.messages == 0 || left <= 0) break;
        /* A socket may say that it can send and refuse: it is not asked all the time. */
        int can = eddy__socket_wait(stream->socket, EDDY_WRITE, left);
        if (can > 0 && stream->out->retry.position != 0) eddy__sleep(fmin(left, 1));
    }
    return (int)stream->out->queue.messages;
}

int eddy_stream_await_drain(eddy_loop *loop, uint32_t id, int on) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    eddy__stream_await_drain(stream, on);
    return 0;
}

int eddy_stream_finish(eddy_loop *loop, uint32_t id) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    return eddy__stream_finish(stream);
}

int eddy_stream_limit(eddy_loop *loop, uint32_t id, double messages, double bytes, int policy) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    if (isnan(messages) || isnan(bytes) || policy < EDDY_DROP_NONE || policy > EDDY_DROP_OLDEST)
        return -EINVAL;
    return eddy__stream_limit(stream, messages < 0 ? INFINITY : messages,
                              bytes < 0 ? INFINITY : bytes, policy);
}

int eddy_stream_stats_get(eddy_loop *loop, uint32_t id, eddy_stream_stats *stats) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    const eddy__outbox *out = stream->out;
    *stats = (eddy_stream_stats){
        .messages_in = stream->messages_in,
        .bytes_in = stream->bytes_in,
        .messages_out = out->messages_out,
        .bytes_out = out->bytes_out,
        .smallest_out = out->smallest_out,
        .queued = out->queue.messages,
        .queued_bytes = out->queue.bytes,
        .high_water = out->high_water,
        .high_water_bytes = out->high_water_bytes,
        .dropped = out->dropped,
        .errors = stream->errors,
    };
    return 0;
}

int eddy_stream_label(eddy_loop *loop, uint32_t id, const char *name, const char *endpoint) {
    eddy__stream *stream = find_stream(loop, id);
    if (!stream) return eddy__loop_stale(loop);
    eddy__stream_show_label(stream, name, endpoint);
    return 0;
}

double eddy_stream_begin(eddy_loop *loop, uint32_t id) {
    eddy__stream *stream = find_stream(loop, id);
    return stream ? eddy__stream_timing_begin(stream) : eddy_time();
}

/* What is measured on a loop of this process's; NULL: nothing. */
static eddy__handling *handling_of(const eddy_loop *loop) {
    return loop && !eddy__loop_refusal(loop) ? loop->state.handling : NULL;
}

void eddy_stream_lap(eddy_loop *loop) {
    eddy__handling *handling = handling_of(loop);
    if (handling) eddy__stream_timing_lap(eddy__stream_timing_of(handling));
}

double eddy_stream_end(eddy_loop *loop) {
    double now = eddy_time();
    eddy__handling *handling = handling_of(loop);
    if (handling) handling->end(handling, now);
    return now;
}

typedef struct eddy__drain {
    double waiting, lost; /* messages whose socket is there, and is not */
} eddy__drain;

static void flush(void *object, void *data) {
    eddy__stream *stream = object;
    eddy__drain *drain = data;
    if (stream->socket) eddy__stream_flush(stream, INFINITY);
    *(stream->socket ? &drain->waiting : &drain->lost) += stream->out->queue.messages;
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
