#include "stream/stream.h"
#include "base/sys.h"
#include "zmq/message.h"

#include <math.h>

enum {
    FLUSH_MESSAGES = 1000, /* sent in a turn, or peers that refuse: others have theirs, too */
    FIRST_RETRY_MS = 1,
    LONGEST_RETRY_MS = 50,
    REFUSALS_A_MS = 200, /* so many peers take some hundredths of that time to ask */
    TRUSTED_SERVES = 8,  /* before it is counted again how many messages there are at once */
};

static int has_unread(const eddy__stream *stream) {
    return stream->inbox && eddy__inbox_waiting(stream->inbox);
}

static void count_alive(eddy__stream *stream) {
    int alive = !stream->closing && stream->socket &&
                (stream->receiving == EDDY_RECEIVE || stream->queue.awaited > 0 ||
                 (stream->awaits_drain && (stream->full || stream->tell_drained)));
    alive |= !stream->closing && (stream->completions.count > 0 || stream->close_error);
    stream->state->alive += alive - stream->counted;
    stream->counted = alive;
}

static void make_due(eddy__stream *stream) {
    eddy__list_push(&stream->state->due, &stream->due.node);
}

static void tell(eddy__due *due) {
    eddy__stream *stream = eddy__entry(due, eddy__stream, due);
    eddy__events *batch = &stream->state->batch;
    uint32_t id = stream->grave.id;
    int *states[] = {&stream->receive_error, &stream->tell_full, &stream->tell_drained,
                     &stream->close_error};
    static const int kinds[] = {EDDY_RECEIVE_FAILED, EDDY_FULL, EDDY_DRAINED, EDDY_CLOSED};
    if (stream->receiving && has_unread(stream)) {
        if (eddy__events_reserve(batch) != 0) return make_due(stream);
        eddy__events_add(batch, EDDY_RECEIVED, id, 0)->inbox = &stream->inbox->view;
    }
    if (eddy__completions_tell(&stream->completions, batch, id) != 0) make_due(stream);
    for (int i = 0; i < 4; i++) {
        if (!*states[i]) continue;
        if (eddy__events_reserve(batch) != 0) return make_due(stream);
        eddy__events_add(batch, kinds[i], id, *states[i]);
        *states[i] = 0;
    }
    count_alive(stream);
}

static void free_stream(eddy__loop_state *state, eddy__grave *grave) {
    eddy__stream *stream = (eddy__stream *)grave;
    if (stream->inbox) eddy__inbox_free(stream->inbox);
    eddy__sendq_free(&stream->queue);
    eddy__completions_free(&stream->completions);
    eddy__timer_heap_release(&state->timer_heap);
    eddy__context_release(stream->context);
    eddy__free(stream);
}

static void serve(eddy__source *source);
static void settle(eddy__loan *loan);

static void orphan(eddy__source *source, int error) {
    eddy__stream_orphan(eddy__entry(source, eddy__stream, source), error);
}

static void try_again(eddy__timer_node *timer) {
    eddy__stream_update(eddy__entry(timer, eddy__stream, retry));
}

static eddy__stream *new_stream(eddy__loop_state *state, eddy_context *context) {
    eddy__stream *stream = eddy__calloc(1, sizeof *stream);
    if (!stream) return NULL;
    if (eddy__timer_heap_reserve(&state->timer_heap) != 0) {
        eddy__free(stream);
        return NULL;
    }
    stream->grave.free = free_stream;
    stream->state = state;
    stream->context = context;
    stream->budget = EDDY_BUDGET;
    stream->retry_delay = FIRST_RETRY_MS;
    stream->source.serve = serve;
    stream->source.orphan = orphan;
    stream->retry.fire = try_again;
    stream->loan.settle = settle;
    eddy__context_retain(context);
    eddy__sendq_init(&stream->queue);
    eddy__list_init(&stream->grave.node);
    eddy__list_init(&stream->due.node);
    stream->due.tell = tell;
    eddy__list_init(&stream->loan.node);
    return stream;
}

int eddy__stream_open(eddy__loop_state *state, eddy_context *context, eddy__socket *socket) {
    if (socket->owner) return -EEXIST;
    eddy__stream *stream = new_stream(state, context);
    if (!stream) return -ENOMEM;
    int id = eddy__id_map_add(&state->ids, stream, EDDY__STREAM);
    if (id > 0) {
        int rc = eddy__poller_add(&state->poller, &stream->source, socket, -1);
        if (rc != 0) {
            eddy__id_map_remove(&state->ids, (uint32_t)id);
            id = rc;
        }
    }
    if (id < 0) {
        free_stream(state, &stream->grave);
        return id;
    }
    stream->grave.id = (uint32_t)id;
    stream->socket = socket;
    stream->queue.by_peer = socket->type == ZMQ_ROUTER || socket->type == ZMQ_STREAM;
    socket->owner = &stream->source;
    return id;
}

void eddy__stream_update(eddy__stream *stream) {
    count_alive(stream);
    if (!stream->socket) return;
    int to_send = stream->queue.messages > 0 || stream->full;
    int wanted = (stream->receiving ? EDDY_READ : 0) |
                 (to_send && stream->retry.position == 0 ? EDDY_WRITE : 0);
    eddy__poller_want(&stream->state->poller, &stream->source, wanted);
}

static void detach(eddy__stream *stream) {
    if (!stream->socket) return;
    eddy__poller_remove(&stream->state->poller, &stream->source);
    eddy__timer_heap_disarm(&stream->state->timer_heap, &stream->retry);
    stream->socket->owner = NULL;
    stream->socket = NULL;
}

int eddy__stream_close(eddy__stream *stream, int linger) {
    if (stream->closing) return 0;
    int lost = (int)stream->queue.messages;
    eddy__socket *socket = stream->socket;
    stream->closing = 1;
    stream->stats.dropped += lost;
    detach(stream);
    if (socket) eddy__context_close(stream->context, socket, linger);
    eddy__list_remove(&stream->due.node);
    eddy__list_remove(&stream->loan.node);
    eddy__sendq_free(&stream->queue);
    eddy__state_bury(stream->state, &stream->grave);
    count_alive(stream);
    return lost;
}

/* The context is gone: so is the socket. */
static void terminated(eddy__stream *stream) {
    eddy__socket *socket = stream->socket;
    eddy__stream_orphan(stream, ETERM);
    if (socket) eddy__context_close(stream->context, socket, EDDY_OWN_LINGER);
}

void eddy__stream_orphan(eddy__stream *stream, int error) {
    detach(stream);
    stream->close_error = error;
    make_due(stream);
    eddy__stream_update(stream);
}

void eddy__stream_receive(eddy__stream *stream, int on) {
    stream->receiving = on;
    if (on && has_unread(stream)) make_due(stream);
    eddy__stream_update(stream);
}

static void note(eddy__stream *stream, int error, double bytes, int report, double number) {
    eddy_stream_stats *stats = &stream->stats;
    if (error == 0 && (stats->messages_out == 0 || bytes < stats->smallest_out))
        stats->smallest_out = bytes;
    stats->errors += error != 0;
    stats->messages_out += error == 0;
    if (error == 0) stats->bytes_out += bytes;
    eddy__completions_note(&stream->completions, error, report, number);
    if (stream->completions.count == 0) return;
    make_due(stream);
    count_alive(stream);
}

static void drop_oldest(eddy__stream *stream) {
    eddy__queued *oldest = eddy__sendq_oldest(&stream->queue);
    stream->stats.dropped += 1;
    if (oldest->report)
        eddy__completions_note(&stream->completions, ENOBUFS, 1, oldest->number);
    eddy__sendq_take(&stream->queue, oldest);
    eddy__sendq_drop(oldest);
}

static void tell_when_drained(eddy__stream *stream) {
    eddy__sendq *queue = &stream->queue;
    if (!stream->full) return;
    if (queue->messages * 2 > queue->message_limit || queue->bytes * 2 > queue->byte_limit)
        return;
    stream->full = 0;
    stream->tell_drained = 1;
    make_due(stream);
}

/* Makes room in the queue, as the policy has it. 0, 2 when the message is dropped, -ENOBUFS,
 * or -EMSGSIZE for one that is too large for any queue of these limits. */
static int make_room(eddy__stream *stream, double bytes, uint32_t count) {
    eddy__sendq *queue = &stream->queue;
    if (eddy__sendq_fits(queue, bytes, count)) return 0;
    int could_fit = eddy__sendq_could_fit(queue, bytes, count);
    if (could_fit) {
        stream->full = stream->tell_full = 1;
        make_due(stream);
    }
    if (stream->policy == EDDY_DROP_NONE) return could_fit ? -ENOBUFS : -EMSGSIZE;
    while (could_fit && stream->policy == EDDY_DROP_OLDEST && queue->messages > 0) {
        drop_oldest(stream);
        if (eddy__sendq_fits(queue, bytes, count)) return 0;
    }
    stream->stats.dropped += 1;
    return 2;
}

static int enqueue(eddy__stream *stream, zmq_msg_t *msgs, uint32_t count, double bytes,
                   int report) {
    int rc = make_room(stream, bytes, count);
    if (rc == 0)
        rc = eddy__sendq_push(&stream->queue, msgs, count, bytes, report, stream->reported);
    if (rc == 0) return 1;
    eddy__message_close(msgs, count);
    if (report) eddy__completions_forget(&stream->completions);
    stream->reported -= report != 0;
    return rc;
}

int eddy__stream_send(eddy__stream *stream, zmq_msg_t *msgs, uint32_t count, double bytes,
                      int report) {
    int rc = report ? eddy__completions_expect(&stream->completions) : 0;
    if (rc != 0) {
        eddy__message_close(msgs, count);
        return rc;
    }
    if (report) stream->reported++;
    if (!eddy__sendq_holds(&stream->queue, msgs)) {
        rc = eddy__message_send(stream->socket, msgs, count);
        if (!eddy__message_may_pass(rc)) {
            if (rc != 0) eddy__message_close(msgs, count);
            if (rc == 0) eddy__tally_add(&stream->fresh, stream->state);
            note(stream, -rc, bytes, report, stream->reported);
            if (rc == -ETERM) terminated(stream);
            return 0;
        }
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
    if (rest < FIRST_RETRY_MS && (events < 0 || !(events & ZMQ_POLLOUT))) return;
    eddy__timer_heap_arm(&stream->state->timer_heap, &stream->retry,
                         stream->state->now + delay);
    stream->retry_delay = fmin(stream->retry_delay * 2, LONGEST_RETRY_MS);
}

/* A queued message is out, or failed. Returns the next one of its lane. */
static eddy__queued *leave(eddy__stream *stream, eddy__queued *queued, int rc) {
    stream->retry_delay = FIRST_RETRY_MS;
    note(stream, -rc, queued->bytes, queued->report, queued->number);
    eddy__queued *next = eddy__sendq_take(&stream->queue, queued);
    if (rc == 0) queued->count = 0; /* its parts are libzmq's */
    eddy__sendq_drop(queued);
    if (rc != -ETERM) return next;
    terminated(stream);
    return NULL;
}

int eddy__stream_flush(eddy__stream *stream, double messages) {
    eddy__peer_queues *peer_queues = &stream->queue.peer_queues;
    int count = 0, refused = 0;
    if (peer_queues->count > 1) eddy__socket_events(stream->socket);
    for (size_t i = peer_queues->count; i > 0 && refused < FLUSH_MESSAGES; i--) {
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

void eddy__stream_await_word(eddy__stream *stream) {
    eddy__sendq_await(&stream->queue);
    count_alive(stream);
}

int eddy__stream_word(eddy__stream *stream, eddy_event *event) {
    int found = eddy__completions_take(&stream->completions, event, stream->grave.id);
    count_alive(stream);
    return found;
}

static int take_inbox(eddy__stream *stream) {
    if (stream->inbox) return 0;
    eddy__node *node = eddy__list_shift(&stream->state->inboxes);
    stream->inbox = node ? eddy__entry(node, eddy__inbox, free) : eddy__inbox_new();
    if (!stream->inbox) return -ENOMEM;
    eddy__list_push(&stream->state->lent, &stream->loan.node);
    return 0;
}

/* True when the stream had its share and the socket may have more. */
static int receive(eddy__stream *stream, uint32_t messages) {
    if (has_unread(stream)) {
        eddy__poller_recheck(&stream->state->poller, &stream->source);
        return 0;
    }
    int rc = take_inbox(stream);
    if (rc == 0)
        rc = eddy__inbox_receive(stream->inbox, stream->socket, messages,
                                 &stream->stats.messages_in, &stream->stats.bytes_in);
    if (rc == 0) {
        eddy__poller_emptied(&stream->source, stream->state->now);
    } else if (rc == -ETERM) {
        terminated(stream);
    } else if (rc < 0 && rc != -EFSM) {
        stream->receive_error = -rc;
        stream->stats.errors += 1;
        make_due(stream);
        eddy__poller_recheck(&stream->state->poller, &stream->source);
    }
    if (has_unread(stream)) make_due(stream);
    return rc > 0;
}

/* To ask for one message more than there are costs as much as the look at the socket after its
 * handler, and lets libzmq sleep, so that a message sent meanwhile must wake it. So a stream
 * whose messages came in equal numbers is, for a while, asked for as many and looked at. */
static int receive_share(eddy__stream *stream) {
    /* A timer that is due must not fire before a reply that has come. */
    int due = eddy__timer_heap_next(&stream->state->timer_heap) <= stream->state->now;
    if (stream->trust > 0 && stream->share <= stream->budget && !due) {
        stream->trust--;
        receive(stream, stream->share);
        return 0;
    }
    double before = stream->stats.messages_in;
    int more = receive(stream, stream->budget);
    uint32_t count = (uint32_t)(stream->stats.messages_in - before);
    if (!more && count > 0 && count == stream->share) stream->trust = TRUSTED_SERVES;
    stream->share = more ? 0 : count;
    return more;
}

static void serve(eddy__source *source) {
    eddy__stream *stream = eddy__entry(source, eddy__stream, source);
    int ready = source->ready, more = 0;
    source->ready = 0;
    if (ready & EDDY_READ) more = receive_share(stream);
    if (stream->socket && (ready & EDDY_WRITE)) eddy__stream_flush(stream, FLUSH_MESSAGES);
    /* With messages to send too, a look at the socket's events tells both. */
    if (more && stream->queue.messages == 0)
        eddy__poller_keep(&stream->state->poller, source, EDDY_READ);
    eddy__stream_update(stream);
}

static void settle(eddy__loan *loan) {
    eddy__stream *stream = eddy__entry(loan, eddy__stream, loan);
    eddy__inbox *inbox = stream->inbox;
    if (eddy__inbox_release(inbox)) {
        stream->inbox = NULL;
        eddy__list_remove(&stream->loan.node);
        eddy__list_push(&stream->state->inboxes, &inbox->free);
    } else if (stream->receiving && eddy__inbox_waiting(inbox)) {
        make_due(stream);
    }
    eddy__stream_update(stream);
}

eddy__inbox *eddy__stream_pull(eddy__stream *stream, uint32_t messages) {
    int type = stream->socket ? stream->socket->type : 0;
    if (type == ZMQ_PUSH || type == ZMQ_PUB) return NULL;
    if (stream->inbox) eddy__inbox_release(stream->inbox);
    if (!has_unread(stream) && stream->socket && messages > 0) receive(stream, messages);
    return has_unread(stream) ? stream->inbox : NULL;
}
