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
    eddy__outbox *out = stream->out;
    uint32_t before = out->completions.count;
    if (error == 0 && (out->messages_out == 0 || bytes < out->smallest_out))
        out->smallest_out = bytes;
    stream->errors += error != 0;
    out->messages_out += error == 0;
    if (error == 0) out->bytes_out += bytes;
    eddy__stream_show_sent(stream);
    if (error == 0 && !report) return;
    eddy__completions_note(&out->completions, error, report, number);
    if (error == EHOSTUNREACH && out->completions.count > before)
        eddy__lost_peers_add(&out->lost_peers, msgs);
    if (out->completions.count == 0) return;
    eddy__stream_make_due(stream);
    eddy__stream_count_alive(stream);
}

static void drop_oldest(eddy__stream *stream) {
    eddy__queued *oldest = eddy__sendq_oldest(&stream->out->queue);
    stream->out->dropped += 1;
    if (eddy__stream_place(stream)) stream->place->page->dropped_oldest += 1;
    if (oldest->report)
        eddy__completions_note(&stream->out->completions, ENOBUFS, 1, oldest->number);
    eddy__sendq_take(&stream->out->queue, oldest);
    eddy__sendq_drop(oldest);
}

/* The queue has reached a limit. A drain that was not told yet is none any more. */
static void fill(eddy__stream *stream) {
    if (stream->out->full) return;
    stream->out->full = 1;
    if (stream->out->tell_drained)
        stream->out->tell_drained = 0;
    else
        stream->out->tell_full = 1;
    eddy__stream_make_due(stream);
}

static void tell_when_drained(eddy__stream *stream) {
    if (!stream->out->full || !eddy__sendq_is_half_empty(&stream->out->queue)) return;
    stream->out->full = 0;
    stream->out->tell_drained = 1;
    eddy__stream_make_due(stream);
}

/* Makes room in the queue, as the policy has it. 0, 2 when the message is dropped, -ENOBUFS,
 * or -EMSGSIZE for one that is too large for any queue of these limits. */
static int make_room(eddy__stream *stream, double bytes, uint32_t count) {
    eddy__sendq *queue = &stream->out->queue;
    if (eddy__sendq_fits(queue, bytes, count)) return 0;
    int could_fit = eddy__sendq_could_fit(queue, bytes, count);
    if (could_fit) fill(stream);
    if (stream->out->policy == EDDY_DROP_NONE) {
        if (eddy__stream_place(stream)) stream->place->page->no_room += 1;
        return could_fit ? -ENOBUFS : -EMSGSIZE;
    }
    while (could_fit && stream->out->policy == EDDY_DROP_OLDEST && queue->messages > 0) {
        drop_oldest(stream);
        if (eddy__sendq_fits(queue, bytes, count)) return 0;
    }
    stream->out->dropped += 1;
    if (eddy__stream_place(stream)) stream->place->page->dropped_newest += 1;
    return 2;
}

/* Nothing is done with the message, and the sender knows at once. Returns `error`. */
static int refuse(eddy__stream *stream, zmq_msg_t *msgs, uint32_t count, int report,
                  int error) {
    eddy__message_close(msgs, count);
    if (report) eddy__completions_forget(&stream->out->completions);
    stream->out->reported -= report != 0;
    return error;
}

/* A message is in the queue: is there no room for another like it? */
static void measure(eddy__stream *stream, double bytes, uint32_t count) {
    eddy__outbox *out = stream->out;
    const eddy__sendq *queue = &out->queue;
    if (queue->messages > out->high_water) out->high_water = queue->messages;
    if (queue->bytes > out->high_water_bytes) out->high_water_bytes = queue->bytes;
    if (!eddy__sendq_fits(queue, bytes, count)) fill(stream);
}

static int enqueue(eddy__stream *stream, zmq_msg_t *msgs, uint32_t count, double bytes,
                   int report) {
    int rc = make_room(stream, bytes, count);
    if (rc == 0)
        rc = eddy__sendq_push(&stream->out->queue, msgs, count, bytes, report,
                              stream->out->reported);
    if (rc != 0) return refuse(stream, msgs, count, report, rc);
    measure(stream, bytes, count);
    return 1;
}

int eddy__stream_send(eddy__stream *stream, zmq_msg_t *msgs, const eddy_part *parts,
                      uint32_t count, double bytes, int report) {
    eddy__outbox *out = eddy__stream_outbox(stream);
    int rc = out ? 0 : -ENOMEM;
    if (rc == 0 && report) rc = eddy__completions_expect(&out->completions);
    if (rc != 0) {
        eddy__message_close(msgs, count);
        return rc;
    }
    if (report) out->reported++;
    /* A request that nobody has read is nobody's to answer. */
    if (stream->answers && eddy__stream_has_unread(stream))
        return refuse(stream, msgs, count, report, -EFSM);
    if (!eddy__sendq_holds(&out->queue, msgs)) {
        rc = count == 1 ? eddy__message_send_one(stream->socket, msgs)
                        : eddy__message_send_parts(stream->socket, msgs, parts, count);
        if (!eddy__message_may_pass(rc)) {
            if (rc == -ENOTSUP) return refuse(stream, msgs, count, report, rc);
            if (rc == 0) eddy__tally_add(&out->fresh, stream->state);
            note(stream, -rc, msgs, bytes, report, out->reported);
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
    double rest = (double)refused / REFUSALS_A_MS, delay = fmax(stream->out->retry_delay, rest);
    int events = eddy__socket_events(stream->socket);
    if (rest < EDDY__FIRST_RETRY_MS && (events < 0 || !(events & ZMQ_POLLOUT))) return;
    eddy__timer_heap_arm(&stream->state->timer_heap, &stream->out->retry,
                         stream->state->now + delay);
    stream->out->retry_delay = fmin(stream->out->retry_delay * 2, LONGEST_RETRY_MS);
}

/* A queued message is out, or failed. Returns the next one for its peer. */
static eddy__queued *leave(eddy__stream *stream, eddy__queued *queued, int rc) {
    stream->out->retry_delay = EDDY__FIRST_RETRY_MS;
    note(stream, -rc, queued->msgs, queued->bytes, queued->report, queued->number);
    eddy__queued *next = eddy__sendq_take(&stream->out->queue, queued);
    if (rc == 0) queued->count = 0; /* its parts are libzmq's */
    eddy__sendq_drop(queued);
    if (rc != -ETERM) return next;
    eddy__stream_terminated(stream);
    return NULL;
}

int eddy__stream_flush(eddy__stream *stream, double messages) {
    eddy__peer_queues *peer_queues = &stream->out->queue.peer_queues;
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
    if (stream->out == &eddy__no_outbox) return 0;
    double fresh = eddy__tally_take(&stream->out->fresh, stream->state, messages);
    return (int)fresh + eddy__stream_flush(stream, messages - fresh);
}

int eddy__stream_finish(eddy__stream *stream) {
    eddy__outbox *out = eddy__stream_outbox(stream);
    if (!out) return -ENOMEM;
    out->queue.message_limit = out->queue.byte_limit = 0;
    out->full = stream->awaits_drain = 1;
    tell_when_drained(stream);
    eddy__stream_update(stream);
    return 0;
}

int eddy__stream_limit(eddy__stream *stream, double messages, double bytes, int policy) {
    eddy__outbox *out = eddy__stream_outbox(stream);
    if (!out) return -ENOMEM;
    eddy__sendq *queue = &out->queue;
    queue->message_limit = messages;
    queue->byte_limit = bytes;
    out->policy = policy;
    if (eddy__sendq_fits(queue, 0, 1))
        tell_when_drained(stream);
    else if (queue->messages > 0)
        fill(stream);
    eddy__stream_update(stream);
    return 0;
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
    int found = eddy__completions_take(&stream->out->completions, event, stream->grave.id);
    eddy__stream_count_alive(stream);
    return found;
}
