#include "base/sys.h"
#include "stream/stream.h"

enum {
    TRUSTED_SERVES = 8
}; /* before it is counted again how many messages there are at once */

static int take_inbox(eddy__stream *stream) {
    if (stream->inbox) return 0;
    eddy__loop_state *state = stream->state;
    eddy__node *node = eddy__list_shift(&state->inboxes);
    stream->inbox = node ? eddy__entry(node, eddy__inbox, free) : eddy__inbox_new();
    if (!stream->inbox) return -ENOMEM;
    if (node) state->pooled -= stream->inbox->capacity;
    eddy__list_push(&state->lent, &stream->loan.node);
    return 0;
}

void eddy__stream_give_inbox(eddy__stream *stream) {
    eddy__loop_state *state = stream->state;
    eddy__inbox *inbox = stream->inbox;
    stream->inbox = NULL;
    eddy__list_remove(&stream->loan.node);
    /* A message of any number of parts may have come: that much room is not kept. */
    if (inbox->capacity > EDDY__KEPT_PARTS ||
        state->pooled + inbox->capacity > EDDY__POOL_PARTS)
        return eddy__inbox_free(inbox);
    state->pooled += inbox->capacity;
    eddy__list_push(&state->inboxes, &inbox->free);
}

/* How many messages the stream may receive at once. */
static uint32_t budget_of(const eddy__stream *stream) {
    return eddy__socket_is_single(stream->socket) ? 1 : stream->budget;
}

/* True when the stream had its share and the socket may have more. */
static int receive(eddy__stream *stream, uint32_t messages) {
    if (eddy__stream_has_unread(stream)) {
        eddy__poller_recheck(&stream->state->poller, &stream->source);
        return 0;
    }
    int rc = take_inbox(stream);
    if (rc == 0)
        rc = eddy__inbox_receive(stream->inbox, stream->socket, messages, &stream->messages_in,
                                 &stream->bytes_in);
    if (rc == 0) {
        eddy__poller_emptied(&stream->source, stream->state->now);
    } else if (rc == -ETERM) {
        eddy__stream_terminated(stream);
    } else if (rc < 0 && rc != -EFSM) {
        stream->receive_error = -rc;
        stream->errors += 1;
        eddy__stream_make_due(stream);
        eddy__stream_count_alive(stream);
        eddy__poller_recheck(&stream->state->poller, &stream->source);
    }
    if (eddy__stream_has_unread(stream)) eddy__stream_make_due(stream);
    return rc > 0;
}

/* To ask for one message more than there are costs as much as the look at the socket after its
 * handler, and lets libzmq sleep, so that a message sent meanwhile must wake it. So a stream
 * whose messages came in equal numbers is, for a while, asked for as many and looked at. */
int eddy__stream_receive_share(eddy__stream *stream) {
    /* A timer that is due must not fire before a reply that has come. */
    int due = eddy__timer_heap_next(&stream->state->timer_heap) <= stream->state->now;
    uint32_t budget = budget_of(stream);
    if (stream->trust > 0 && stream->share <= budget && !due) {
        stream->trust--;
        receive(stream, stream->share);
        return 0;
    }
    double before = stream->messages_in;
    int more = receive(stream, budget);
    uint32_t count = (uint32_t)(stream->messages_in - before);
    if (!more && count > 0 && count == stream->share) stream->trust = TRUSTED_SERVES;
    stream->share = more ? 0 : count;
    return more;
}

eddy__inbox *eddy__stream_pull(eddy__stream *stream, uint32_t messages) {
    if (stream->socket && !eddy__socket_receives(stream->socket->type)) return NULL;
    if (stream->inbox && stream->inbox->view.busy) return NULL;
    if (stream->receiving != EDDY_RECEIVE_REST && !eddy__stream_has_unread(stream) &&
        stream->socket && messages > 0) {
        if (stream->inbox) eddy__inbox_release(stream->inbox);
        receive(stream, eddy__socket_is_single(stream->socket) ? 1 : messages);
    }
    return eddy__stream_has_unread(stream) ? stream->inbox : NULL;
}
