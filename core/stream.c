#include "stream.h"
#include "message.h"
#include "sys.h"

#include <math.h>

enum {
    FLUSH_MESSAGES = 1000, /* sent from the queue in a turn, so that others have theirs */
    FIRST_RETRY_MS = 1,
    LONGEST_RETRY_MS = 50,
    TRUSTED_SERVES = 8, /* before it is counted again how many messages there are at once */
};

static int has_unread(const eddy__stream *stream) {
    return stream->inbox && eddy__inbox_waiting(stream->inbox);
}

static void count_alive(eddy__stream *stream) {
    int alive = !stream->closing && stream->socket &&
                (stream->receiving || stream->queue.awaited > 0 ||
                 (stream->awaits_drain && (stream->full || stream->tell_drained)));
    alive |= !stream->closing && (stream->outcomes.count > 0 || stream->close_error);
    stream->turn->alive += alive - stream->counted;
    stream->counted = alive;
}

static void make_due(eddy__stream *stream) {
    eddy__list_push(&stream->turn->due, &stream->due.node);
}

static void tell(eddy__due *due) {
    eddy__stream *stream = eddy__entry(due, eddy__stream, due);
    eddy__batch *batch = &stream->turn->batch;
    uint32_t id = stream->grave.id;
    /* One event each: unread messages, a failed receive, full, drained, closed. */
    int unread = stream->receiving && has_unread(stream);
    int *states[] = {&stream->receive_error, &stream->tell_full, &stream->tell_drained};
    static const int kinds[] = {EDDY_RECEIVE_FAILED, EDDY_FULL, EDDY_DRAINED};
    if (unread) {
        if (eddy__batch_reserve(batch) != 0) return make_due(stream);
        eddy__batch_add(batch, EDDY_RECEIVED, id, 0)->inbox = &stream->inbox->view;
    }
    if (eddy__outcomes_tell(&stream->outcomes, batch, id) != 0) make_due(stream);
    for (int i = 0; i < 3; i++) {
        if (!*states[i]) continue;
        if (eddy__batch_reserve(batch) != 0) return make_due(stream);
        eddy__batch_add(batch, kinds[i], id, *states[i]);
        *states[i] = 0;
    }
    if (stream->close_error && eddy__batch_reserve(batch) == 0) {
        eddy__batch_add(batch, EDDY_CLOSED, id, stream->close_error);
        stream->close_error = 0;
    } else if (stream->close_error) {
        make_due(stream);
    }
    count_alive(stream);
}

static void free_stream(eddy__turn *turn, eddy__grave *grave) {
    eddy__stream *stream = (eddy__stream *)grave;
    if (stream->inbox) eddy__inbox_free(stream->inbox);
    eddy__sendq_free(&stream->queue);
    eddy__outcomes_free(&stream->outcomes);
    eddy__timers_release(&turn->timers);
    eddy__context_release(stream->context);
    eddy__free(stream);
}

static eddy__stream *new_stream(eddy__turn *turn, eddy_context *context) {
    eddy__stream *stream = eddy__calloc(1, sizeof *stream);
    if (!stream) return NULL;
    if (eddy__timers_reserve(&turn->timers) != 0) {
        eddy__free(stream);
        return NULL;
    }
    stream->grave.free = free_stream;
    stream->turn = turn;
    stream->context = context;
    stream->budget = EDDY_BUDGET;
    stream->retry_delay = FIRST_RETRY_MS;
    stream->source.owner = EDDY__STREAM;
    stream->retry.owner = EDDY__STREAM;
    eddy__context_retain(context);
    eddy__sendq_init(&stream->queue);
    eddy__list_init(&stream->grave.node);
    eddy__list_init(&stream->due.node);
    stream->due.tell = tell;
    eddy__list_init(&stream->lent);
    return stream;
}

int eddy__stream_open(eddy__turn *turn, eddy_context *context, eddy__socket *socket) {
    if (socket->owner) return -EEXIST;
    eddy__stream *stream = new_stream(turn, context);
    if (!stream) return -ENOMEM;
    int id = eddy__slots_add(&turn->slots, stream, EDDY__STREAM);
    if (id > 0) {
        int rc = eddy__poller_add(&turn->poller, &stream->source, socket, -1);
        if (rc != 0) {
            eddy__slots_remove(&turn->slots, (uint32_t)id);
            id = rc;
        }
    }
    if (id < 0) {
        free_stream(turn, &stream->grave);
        return id;
    }
    stream->grave.id = (uint32_t)id;
    stream->socket = socket;
    socket->owner = &stream->source;
    return id;
}

/* Tells the poller what the stream waits for now. */
static void update(eddy__stream *stream) {
    count_alive(stream);
    if (!stream->socket) return;
    int to_send = stream->queue.first || stream->full;
    int wanted = (stream->receiving ? EDDY_READ : 0) |
                 (to_send && stream->retry.position == 0 ? EDDY_WRITE : 0);
    eddy__poller_want(&stream->turn->poller, &stream->source, wanted);
}

static void detach(eddy__stream *stream) {
    if (!stream->socket) return;
    eddy__poller_remove(&stream->turn->poller, &stream->source);
    eddy__timers_disarm(&stream->turn->timers, &stream->retry);
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
    eddy__list_remove(&stream->lent);
    eddy__sendq_free(&stream->queue);
    eddy__turn_bury(stream->turn, &stream->grave);
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
    update(stream);
}

void eddy__stream_receive(eddy__stream *stream, int on) {
    stream->receiving = on;
    if (on && has_unread(stream)) make_due(stream);
    update(stream);
}

static void note(eddy__stream *stream, int error, double bytes, int report) {
    if (error) {
        stream->stats.errors += 1;
    } else {
        if (stream->stats.messages_out == 0 || bytes < stream->stats.smallest_out)
            stream->stats.smallest_out = bytes;
        stream->stats.messages_out += 1;
        stream->stats.bytes_out += bytes;
    }
    eddy__outcomes_note(&stream->outcomes, error, report);
    if (stream->outcomes.count == 0) return;
    make_due(stream);
    count_alive(stream);
}

static void drop_oldest(eddy__stream *stream) {
    eddy__queued *oldest = eddy__sendq_shift(&stream->queue);
    stream->stats.dropped += 1;
    if (oldest->report) eddy__outcomes_note(&stream->outcomes, ENOBUFS, 1);
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

static int drop_newest(eddy__stream *stream) {
    stream->stats.dropped += 1;
    return 2;
}

/* Makes room in the queue, as the policy has it. 0, 2 when the message is dropped, -ENOBUFS,
 * or -EMSGSIZE for one that is too large for any queue of these limits. */
static int make_room(eddy__stream *stream, double bytes, uint32_t count) {
    if (eddy__sendq_fits(&stream->queue, bytes, count)) return 0;
    if (!eddy__sendq_could_fit(&stream->queue, bytes, count))
        return stream->policy == EDDY_DROP_NONE ? -EMSGSIZE : drop_newest(stream);
    stream->full = stream->tell_full = 1;
    make_due(stream);
    if (stream->policy == EDDY_DROP_NONE) return -ENOBUFS;
    if (stream->policy == EDDY_DROP_NEWEST || !stream->queue.first) return drop_newest(stream);
    while (!eddy__sendq_fits(&stream->queue, bytes, count)) {
        if (!stream->queue.first) return drop_newest(stream);
        drop_oldest(stream);
    }
    return 0;
}

static int enqueue(eddy__stream *stream, zmq_msg_t *msgs, uint32_t count, double bytes,
                   int report) {
    int rc = make_room(stream, bytes, count);
    if (rc == 0) rc = eddy__sendq_push(&stream->queue, msgs, count, bytes, report);
    if (rc == 0) return 1;
    eddy__message_close(msgs, count);
    if (report) eddy__outcomes_forget(&stream->outcomes);
    return rc;
}

int eddy__stream_send(eddy__stream *stream, zmq_msg_t *msgs, uint32_t count, double bytes,
                      int report) {
    int rc = report ? eddy__outcomes_expect(&stream->outcomes) : 0;
    if (rc != 0) {
        eddy__message_close(msgs, count);
        return rc;
    }
    if (!stream->queue.first) {
        rc = eddy__message_send(stream->socket, msgs, count);
        if (!eddy__message_may_pass(rc)) {
            if (rc != 0) eddy__message_close(msgs, count);
            if (rc == 0) eddy__tally_add(&stream->fresh, stream->turn);
            note(stream, -rc, bytes, report);
            if (rc == -ETERM) terminated(stream);
            return 0;
        }
    }
    rc = enqueue(stream, msgs, count, bytes, report);
    update(stream);
    return rc;
}

/* The socket says that it could send and refuses: it is asked again later and later. */
static void back_off(eddy__stream *stream) {
    int events = eddy__socket_events(stream->socket);
    if (events < 0 || !(events & ZMQ_POLLOUT)) return;
    eddy__timers_arm(&stream->turn->timers, &stream->retry,
                     stream->turn->now + stream->retry_delay);
    stream->retry_delay = fmin(stream->retry_delay * 2, LONGEST_RETRY_MS);
}

int eddy__stream_flush(eddy__stream *stream, double messages) {
    int left_queue = 0;
    while (left_queue < messages && stream->queue.first) {
        eddy__queued *oldest = stream->queue.first;
        int rc = eddy__message_send(stream->socket, oldest->msgs, oldest->count);
        if (eddy__message_may_pass(rc)) {
            back_off(stream);
            break;
        }
        left_queue++;
        stream->retry_delay = FIRST_RETRY_MS;
        note(stream, -rc, oldest->bytes, oldest->report);
        eddy__sendq_shift(&stream->queue);
        if (rc == 0) oldest->count = 0; /* its parts are libzmq's */
        eddy__sendq_drop(oldest);
        if (rc == -ETERM) {
            terminated(stream);
            return left_queue;
        }
    }
    tell_when_drained(stream);
    update(stream);
    return left_queue;
}

int eddy__stream_push(eddy__stream *stream, double messages) {
    double fresh = eddy__tally_take(&stream->fresh, stream->turn, messages);
    return (int)fresh + eddy__stream_flush(stream, messages - fresh);
}

void eddy__stream_finish(eddy__stream *stream) {
    stream->queue.message_limit = stream->queue.byte_limit = 0;
    stream->full = stream->awaits_drain = 1;
    tell_when_drained(stream);
    update(stream);
}

void eddy__stream_await_word(eddy__stream *stream) {
    eddy__sendq_await(&stream->queue);
    count_alive(stream);
}

int eddy__stream_word(eddy__stream *stream, eddy_event *event) {
    int found = eddy__outcomes_take(&stream->outcomes, event, stream->grave.id);
    count_alive(stream);
    return found;
}

void eddy__stream_retry(eddy__stream *stream) {
    update(stream);
}

static int take_inbox(eddy__stream *stream) {
    if (stream->inbox) return 0;
    eddy__node *node = eddy__list_shift(&stream->turn->inboxes);
    stream->inbox = node ? eddy__entry(node, eddy__inbox, free) : eddy__inbox_new();
    if (!stream->inbox) return -ENOMEM;
    eddy__list_push(&stream->turn->lent, &stream->lent);
    return 0;
}

/* True when the stream had its share and the socket may have more. */
static int receive(eddy__stream *stream, uint32_t messages) {
    if (has_unread(stream)) {
        eddy__poller_recheck(&stream->turn->poller, &stream->source);
        return 0;
    }
    int rc = take_inbox(stream);
    if (rc == 0)
        rc = eddy__inbox_receive(stream->inbox, stream->socket, messages,
                                 &stream->stats.messages_in, &stream->stats.bytes_in);
    if (rc == 0) {
        eddy__poller_emptied(&stream->source, stream->turn->now);
    } else if (rc == -ETERM) {
        terminated(stream);
    } else if (rc < 0 && rc != -EFSM) {
        stream->receive_error = -rc;
        stream->stats.errors += 1;
        make_due(stream);
        eddy__poller_recheck(&stream->turn->poller, &stream->source);
    }
    if (has_unread(stream)) make_due(stream);
    return rc > 0;
}

/* To ask for one message more than there are costs as much as the look at the socket after its
 * handler, and lets libzmq sleep, so that a message sent meanwhile must wake it. So a stream
 * whose messages came in equal numbers is, for a while, asked for as many and looked at. */
static int receive_share(eddy__stream *stream) {
    /* A timer that is due must not fire before a reply that has come. */
    int due = eddy__timers_next(&stream->turn->timers) <= stream->turn->now;
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

void eddy__stream_serve(eddy__stream *stream) {
    int ready = stream->source.ready, more = 0;
    stream->source.ready = 0;
    if (ready & EDDY_READ) more = receive_share(stream);
    if (stream->socket && (ready & EDDY_WRITE)) eddy__stream_flush(stream, FLUSH_MESSAGES);
    /* With messages to send too, a look at the socket's events tells both. */
    if (more && !stream->queue.first)
        eddy__poller_keep(&stream->turn->poller, &stream->source, EDDY_READ);
    update(stream);
}

void eddy__stream_settle(eddy__stream *stream) {
    eddy__inbox *inbox = stream->inbox;
    if (eddy__inbox_release(inbox)) {
        stream->inbox = NULL;
        eddy__list_remove(&stream->lent);
        eddy__list_push(&stream->turn->inboxes, &inbox->free);
    } else if (stream->receiving && eddy__inbox_waiting(inbox)) {
        make_due(stream);
    }
    update(stream);
}

eddy__inbox *eddy__stream_pull(eddy__stream *stream, uint32_t messages) {
    int sends_only =
        stream->socket && (stream->socket->type == ZMQ_PUSH || stream->socket->type == ZMQ_PUB);
    if (sends_only) return NULL;
    if (stream->inbox) eddy__inbox_release(stream->inbox);
    if (!has_unread(stream) && stream->socket && messages > 0) receive(stream, messages);
    return has_unread(stream) ? stream->inbox : NULL;
}
