#include "stream/stream.h"
#include "base/sys.h"

int eddy__stream_is_alive(const eddy__stream *stream) {
    const eddy__outbox *out = stream->out;
    if (stream->closing) return 0;
    if (out->completions.count > 0 || out->tell_full || stream->receive_error ||
        stream->close_error)
        return 1;
    if (!stream->socket) return 0;
    return stream->receiving == EDDY_RECEIVE || out->queue.awaited > 0 ||
           (stream->awaits_word && out->queue.idle > 0) ||
           (stream->awaits_drain && (out->full || out->tell_drained));
}

int eddy__stream_takes_more(const eddy__stream *stream) {
    return stream->receiving && stream->receiving != EDDY_RECEIVE_REST;
}

void eddy__stream_count_alive(eddy__stream *stream) {
    int alive = eddy__stream_is_alive(stream);
    stream->state->alive += alive - stream->counted;
    stream->counted = alive;
}

void eddy__stream_make_due(eddy__stream *stream) {
    eddy__list_push(&stream->state->due, &stream->due.node);
    eddy__sleeper_wake(&stream->state->poller.sleeper);
}

static void tell(eddy__due *due) {
    eddy__stream *stream = eddy__entry(due, eddy__stream, due);
    eddy__events *batch = &stream->state->batch;
    eddy__outbox *out = stream->out;
    uint32_t id = stream->grave.id;
    int *states[] = {&stream->receive_error, &out->tell_full, &out->tell_drained,
                     &out->tell_overdue, &stream->close_error};
    static const int kinds[] = {EDDY_RECEIVE_FAILED, EDDY_FULL, EDDY_DRAINED, EDDY_OVERDUE,
                                EDDY_CLOSED};
    if (stream->receiving && eddy__stream_has_unread(stream)) {
        if (eddy__events_reserve(batch) != 0) return eddy__stream_make_due(stream);
        eddy__events_add(batch, EDDY_RECEIVED, id, 0)->inbox = &stream->inbox->view;
    }
    if (eddy__completions_tell(&out->completions, batch, id) != 0)
        eddy__stream_make_due(stream);
    for (int i = 0; i < 5; i++) {
        if (!*states[i]) continue;
        if (eddy__events_reserve(batch) != 0) return eddy__stream_make_due(stream);
        eddy__events_add(batch, kinds[i], id, *states[i]);
        if (kinds[i] == EDDY_OVERDUE && stream->answers && eddy__stream_place(stream))
            stream->place->page->unanswered += 1;
        *states[i] = 0;
    }
    eddy__stream_count_alive(stream);
}

static void free_stream(eddy__loop_state *state, eddy__grave *grave) {
    eddy__stream *stream = (eddy__stream *)grave;
    if (stream->inbox) eddy__inbox_free(stream->inbox);
    eddy__outbox_free(state, stream->out);
    eddy__context_release(stream->context);
    eddy__free(stream);
}

static void serve(eddy__source *source);
static void settle(eddy__loan *loan);
static int is_unread(eddy__loan *loan);

static void orphan(eddy__source *source, int error) {
    eddy__stream_orphan(eddy__entry(source, eddy__stream, source), error);
}

static void try_again(eddy__timer_node *timer) {
    eddy__stream_update(eddy__entry(timer, eddy__outbox, retry)->stream);
}

static void overdue(eddy__timer_node *timer) {
    eddy__outbox *out = eddy__entry(timer, eddy__outbox, retry);
    eddy__stream *stream = out->stream;
    eddy__socket_touch(stream->socket);
    int events = eddy__socket_events(stream->socket);
    /* A request may have been answered past the stream. */
    out->tell_overdue = !stream->answers || (events > 0 && (events & ZMQ_POLLOUT) &&
                                             !eddy__stream_has_unread(stream));
    eddy__stream_make_due(stream);
}

eddy__outbox *eddy__stream_outbox(eddy__stream *stream) {
    if (stream->out != &eddy__no_outbox) return stream->out;
    eddy__outbox *made = eddy__outbox_new(stream->state, stream);
    if (!made) return NULL;
    int type = stream->socket ? stream->socket->type : 0;
    made->queue.by_peer = type == ZMQ_ROUTER || type == ZMQ_STREAM;
    made->retry.fire = stream->reminds ? overdue : try_again;
    return stream->out = made;
}

static eddy__stream *new_stream(eddy__loop_state *state, eddy_context *context,
                                eddy__socket *socket) {
    eddy__stream *stream = eddy__calloc(1, sizeof *stream);
    if (!stream) return NULL;
    stream->grave.free = free_stream;
    stream->state = state;
    stream->context = context;
    stream->socket = socket;
    stream->answers = socket->type == ZMQ_REP;
    stream->reminds = stream->answers || socket->type == ZMQ_SUB;
    stream->out = (eddy__outbox *)&eddy__no_outbox;
    stream->budget = EDDY_BUDGET;
    stream->source.serve = serve;
    stream->source.orphan = orphan;
    stream->loan.settle = settle;
    stream->loan.is_unread = is_unread;
    eddy__context_retain(context);
    eddy__list_init(&stream->grave.node);
    eddy__list_init(&stream->due.node);
    stream->due.tell = tell;
    eddy__list_init(&stream->loan.node);
    if (!stream->answers || eddy__stream_outbox(stream)) return stream;
    free_stream(state, &stream->grave);
    return NULL;
}

int eddy__stream_open(eddy__loop_state *state, eddy_context *context, eddy__socket *socket) {
    if (socket->owner) return -EEXIST;
    eddy__stream *stream = new_stream(state, context, socket);
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
    eddy__stream_page_take(stream);
    socket->owner = &stream->source;
    return id;
}

void eddy__stream_update(eddy__stream *stream) {
    eddy__stream_count_alive(stream);
    eddy__stream_show(stream);
    if (!stream->socket) return;
    const eddy__outbox *out = stream->out;
    int to_send = out->queue.messages > 0 || out->full;
    int wanted = (eddy__stream_takes_more(stream) ? EDDY_READ : 0) |
                 (to_send && out->retry.position == 0 ? EDDY_WRITE : 0);
    eddy__poller_want(&stream->state->poller, &stream->source, wanted);
}

static void detach(eddy__stream *stream) {
    if (!stream->socket) return;
    eddy__poller_remove(&stream->state->poller, &stream->source);
    eddy__timer_heap_disarm(&stream->state->timer_heap, &stream->out->retry);
    stream->socket->owner = NULL;
    stream->socket = NULL;
}

int eddy__stream_close(eddy__stream *stream, int linger) {
    if (stream->closing) return 0;
    int lost = (int)stream->out->queue.messages;
    eddy__socket *socket = stream->socket;
    stream->closing = 1;
    detach(stream);
    if (socket) eddy__context_close(stream->context, socket, linger);
    eddy__list_remove(&stream->due.node);
    eddy__list_remove(&stream->loan.node);
    eddy__sendq_free(&stream->out->queue);
    eddy__stream_page_leave(stream);
    eddy__state_bury(stream->state, &stream->grave);
    eddy__stream_count_alive(stream);
    return lost;
}

/* The context is gone: so is the socket. */
void eddy__stream_terminated(eddy__stream *stream) {
    eddy__socket *socket = stream->socket;
    eddy__stream_orphan(stream, ETERM);
    if (socket) eddy__context_close(stream->context, socket, EDDY_OWN_LINGER);
}

void eddy__stream_orphan(eddy__stream *stream, int error) {
    detach(stream);
    stream->close_error = error;
    eddy__stream_make_due(stream);
    eddy__stream_update(stream);
}

int eddy__stream_receive(eddy__stream *stream, int on) {
    if (on && stream->socket && !eddy__socket_receives(stream->socket->type)) return -ENOTSUP;
    stream->receiving = on;
    eddy__stream_show_receiving(stream);
    if (on && eddy__stream_has_unread(stream)) eddy__stream_make_due(stream);
    eddy__stream_update(stream);
    return 0;
}

int eddy__stream_remind(eddy__stream *stream, double ms) {
    if (!stream->reminds) return -ENOTSUP;
    eddy__outbox *out = eddy__stream_outbox(stream);
    if (!out) return -ENOMEM;
    out->tell_overdue = 0;
    eddy__timer_heap *timers = &stream->state->timer_heap;
    if (ms < 0 || !stream->socket)
        eddy__timer_heap_disarm(timers, &out->retry);
    else
        eddy__timer_heap_arm(timers, &out->retry, stream->state->now + ms);
    eddy__sleeper_wake(&stream->state->poller.sleeper);
    return 0;
}

static void serve(eddy__source *source) {
    eddy__stream *stream = eddy__entry(source, eddy__stream, source);
    int ready = source->ready, more = 0;
    source->ready = 0;
    if ((ready & EDDY_READ) && stream->receiving != EDDY_RECEIVE_REST)
        more = eddy__stream_receive_share(stream);
    if (stream->socket && (ready & EDDY_WRITE))
        eddy__stream_flush(stream, EDDY__FLUSH_MESSAGES);
    /* With messages to send too, a look at the socket's events tells both. */
    if (more && stream->out->queue.messages == 0)
        eddy__poller_keep(&stream->state->poller, source, EDDY_READ);
    eddy__stream_update(stream);
}

static int is_unread(eddy__loan *loan) {
    const eddy__stream *stream = eddy__entry(loan, eddy__stream, loan);
    return stream->receiving && eddy__stream_has_unread(stream);
}

static void settle(eddy__loan *loan) {
    eddy__stream *stream = eddy__entry(loan, eddy__stream, loan);
    eddy__inbox *inbox = stream->inbox;
    if (eddy__inbox_release(inbox)) {
        eddy__stream_give_inbox(stream);
    } else if (stream->receiving && eddy__inbox_waiting(inbox)) {
        eddy__stream_make_due(stream);
    }
    eddy__stream_update(stream);
}
