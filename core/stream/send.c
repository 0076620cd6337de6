#include "base/sys.h"
#include "stream/stream.h"
#include "zmq/message.h"

#include <math.h>

enum {
    LONGEST_RETRY_MS = 50,
    REFUSALS_A_MS = 200, /* so many peers take some hundredths of that time to ask */
};

/* What became of a message, whose parts are still there if it failed. */
static void note(eddy__stream *stream, int error, zmq_msg_t *msgs, double bytes, int report,
                 double number) {
    uint32_t before = stream->completions.count;
    eddy_stream_stats *stats = &stream->stats;
    if (error == 0 && (stats->messages_out == 0 || bytes < stats->smallest_out))
        stats->smallest_out = bytes;
    stats->errors += error != 0;
    stats->messages_out += error == 0;
    if (error == 0) stats->bytes_out += bytes;
    eddy__completions_note(&stream->completions, error, report, number);
    if (error == EHOSTUNREACH && stream->completions.count > before)
        eddy__lost_peers_add(&stream->lost_peers, msgs);
    if (stream->completions.count == 0) return;
    eddy__stream_make_due(stream);
    eddy__stream_count_alive(stream);
}

static void drop_oldest(eddy__stream *stream) {
    eddy__queued *oldest = eddy__sendq_oldest(&stream->queue);
    stream->stats.dropped += 1;
    if (oldest->report)
        eddy__completions_note(&stream->completions, ENOBUFS, 1, oldest->number);
    eddy__sendq_take(&stream->queue, oldest);
    eddy__sendq_drop(oldest);
}

/* The queue has reached a limit. A drain that was not told yet is none any more. */
static void fill(eddy__stream *stream) {
    if (stream->full) return;
    stream->full = 1;
    if (stream->tell_drained)
        stream->tell_drained = 0;
    else
        stream->tell_full = 1;
    eddy__stream_make_due(stream);
}

static void tell_when_drained(eddy__stream *stream) {
    if (!stream->full || !eddy__sendq_is_half_empty(&stream->queue)) return;
    stream->full = 0;
    stream->tell_drained = 1;
    eddy__stream_make_due(stream);
}

/* Makes room in the queue, as the policy has it. 0, 2 when the message is dropped, -ENOBUFS,
 * or -EMSGSIZE for one that is too large for any queue of these limits. */
static int make_room(eddy__stream *stream, double bytes, uint32_t count) {
    eddy__sendq *queue = &stream->queue;
    if (eddy__sendq_fits(queue, bytes, count)) return 0;
    int could_fit = eddy__sendq_could_fit(queue, bytes, count);
    if (could_fit) fill(stream);
    if (stream->policy == EDDY_DROP_NONE) return could_fit ? -ENOBUFS : -EMSGSIZE;
    while (could_fit && stream->policy == EDDY_DROP_OLDEST && queue->messages > 0) {
        drop_oldest(stream);
        if (eddy__sendq_fits(queue, bytes, count)) return 0;
    }
    stream->stats.dropped += 1;
    return 2;
}

/* Nothing is done with the message, and the sender knows at once. Returns `error`. */
static int refuse(eddy__stream *stream, zmq_msg_t *msgs, uint32_t count, int report,
                  int error) {
    eddy__message_close(msgs, count);
    if (report) eddy__completions_forget(&stream->completions);
    stream->reported -= report != 0;
    return error;
}

/* A message is in the queue: is there no room for another like it? */
static void measure(eddy__stream *stream, double bytes, uint32_t count) {
    const eddy__sendq *queue = &stream->queue;
    eddy_stream_stats *stats = &stream->stats;
    if (queue->messages > stats->high_water) stats->high_water = queue->messages;
    if (queue->bytes > stats->high_water_bytes) stats->high_water_bytes = queue->bytes;
    if (!eddy__sendq_fits(queue, bytes, count)) fill(stream);
}

static int enqueue(eddy__stream *stream, zmq_msg_t *msgs, uint32_t count, double bytes,
                   int report) {
    int rc = make_room(stream, bytes, count);
    if (rc == 0)
        rc = eddy__sendq_push(&stream->queue, msgs, count, bytes, report, stream->reported);
    if (rc != 0) return refuse(stream, msgs, count, report, rc);
    measure(stream, bytes, count);
    return 1;
}

int eddy__stream_send(eddy__stream *stream, zmq_msg_t *msgs, uint32_t count, double bytes,
                      int report) {
    int rc = report ? eddy__completions_expect(&stream->completions) : 0;
    if (rc != 0) {
        eddy__message_close(msgs, count);
        return rc;
    }
    if (report) stream->reported++;
    /* A request that nobody has read is nobody's to answer. */
    if (stream->answers && eddy__stream_has_unread(stream))
        return refuse(stream, msgs, count, report, -EFSM);
    if (!eddy__sendq_holds(&stream->queue, msgs)) {
        rc = eddy__message_send(stream->socket, msgs, count);
        if (!eddy__message_may_pass(rc)) {
            if (rc == -ENOTSUP) return refuse(stream, msgs, count, report, rc);
            if (rc == 0) eddy__tally_add(&stream->fresh, stream->state);
            note(stream, -rc, msgs, bytes, report, stream->reported);
            if (rc != 0) eddy__message_close(msgs, count);
            if (rc == -ETERM) eddy__stream_terminated(stream);
            return 0;
        }
        if (stream->answers) return refuse(stream, msgs, count, report, rc);
    }
    rc = enqueue(stream, msgs, count, bytes, report);
    eddy__stream_update(stream);
    return rc;
}

/* The socket says that it could send and refuses: it is asked again later and later. So is one
 * with so many peers that refuse that each of its wake-ups would be dear. */
static void back_off(eddy__stream *stream, int refused) {
    double rest = (double)refused / REFUSALS_A_MS, delay = fmax(stream->retry_delay, rest);
    int events = eddy__socket_events(stream->socket);
    if (rest < EDDY__FIRST_RETRY_MS && (events < 0 || !(events & ZMQ_POLLOUT))) return;
    eddy__timer_heap_arm(&stream->state->timer_heap, &stream->retry,
                         stream->state->now + delay);
    stream->retry_delay = fmin(stream->retry_delay * 2, LONGEST_RETRY_MS);
}

/* A queued message is out, or failed. Returns the next one for its peer. */
static eddy__queued *leave(eddy__stream *stream, eddy__queued *queued, int rc) {
    stream->retry_delay = EDDY__FIRST_RETRY_MS;
    note(stream, -rc, queued->msgs, queued->bytes, queued->report, queued->number);
    eddy__queued *next = eddy__sendq_take(&stream->queue, queued);
    if (rc == 0) queued->count = 0; /* its parts are libzmq's */
    eddy__sendq_drop(queued);
    if (rc != -ETERM) return next;
    eddy__stream_terminated(stream);
    return NULL;
}

int eddy__stream_flush(eddy__stream *stream, double messages) {
    eddy__peer_queues *peer_queues = &stream->queue.peer_queues;
    int count = 0, refused = 0;
    if (peer_queues->count > 1) eddy__socket_events(stream->socket);
    for (size_t i = peer_queues->count; i > 0 && refused < EDDY__FLUSH_MESSAGES; i--) {
        if (!stream->socket || count >= messages) break;
        eddy__queued *next = eddy__sendq_first(eddy__peer_queues_next(peer_queues));
        while (next && count < messages) {
            int rc = peer_queues->count > 1
                         ? eddy__message_try(stream->socket, next->msgs, next->count)
                         : eddy__message_send(stream->socket, next->msgs, next->count);
            int waits = eddy__message_may_pass(rc);
            refused += waits;
            count += !waits;
            next = waits ? NULL : leave(stream, next, rc);
        }
    }
    if (refused && stream->socket) back_off(stream, refused);
    tell_when_drained(stream);
    eddy__stream_update(stream);
    return count;
}

int eddy__stream_push(eddy__stream *stream, double messages) {
    double fresh = eddy__tally_take(&stream->fresh, stream->state, messages);
    return (int)fresh + eddy__stream_flush(stream, messages - fresh);
}

void eddy__stream_finish(eddy__stream *stream) {
    stream->queue.message_limit = stream->queue.byte_limit = 0;
    stream->full = stream->awaits_drain = 1;
    tell_when_drained(stream);
    eddy__stream_update(stream);
}

void eddy__stream_limit(eddy__stream *stream, double messages, double bytes, int policy) {
    eddy__sendq *queue = &stream->queue;
    queue->message_limit = messages;
    queue->byte_limit = bytes;
    stream->policy = policy;
    if (eddy__sendq_fits(queue, 0, 1))
        tell_when_drained(stream);
    else if (queue->messages > 0)
        fill(stream);
    eddy__stream_update(stream);
}

void eddy__stream_await_drain(eddy__stream *stream, int on) {
    stream->awaits_drain = on;
    eddy__stream_count_alive(stream);
}

void eddy__stream_await_word(eddy__stream *stream, int on) {
    stream->awaits_word = on;
    eddy__stream_count_alive(stream);
}

int eddy__stream_word(eddy__stream *stream, eddy_event *event) {
    int found = eddy__completions_take(&stream->completions, event, stream->grave.id);
    eddy__stream_count_alive(stream);
    return found;
}
