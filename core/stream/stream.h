/* A stream: one socket, its inbox, its send queue. Turns the socket's readiness into events,
 * and sends when the socket can. */
#ifndef EDDY_STREAM_STREAM_H
#define EDDY_STREAM_STREAM_H

#include "loop/state.h"
#include "stream/inbox.h"
#include "stream/outbox.h"
#include "zmq/context.h"

/* The place on the counters page of a stream that has counted something, and how long its
 * handlers take. Two looks at the clock are enough for all messages of a turn, where handlers
 * are so quick that more would be felt. */
typedef struct eddy__place {
    eddy__handling handling;
    eddy_page_stream *page;
    struct eddy__stream *stream;
    double began;  /* or when the last handler ended that was told of */
    double count;  /* of messages whose handlers were called */
    uint32_t head; /* of the inbox, when it began */
    double usual;  /* ms that a message of this stream takes */
    int is_slow;   /* so long that each is worth a look at the clock */
} eddy__place;

typedef struct eddy__stream {
    eddy__grave grave;
    eddy__loop_state *state;
    eddy_context *context;
    eddy__socket *socket; /* NULL once it is gone */
    eddy__outbox *out;    /* its own once it sends: see eddy__stream_outbox */
    eddy__inbox *inbox;   /* NULL while nothing was received */
    eddy__source source;
    eddy__place *place;   /* on the counters page; NULL: it has none, or only an */
    eddy_page_idle *idle; /* as long as it has counted nothing; or NULL */
    eddy__due due;
    eddy__loan loan;
    double messages_in, bytes_in, errors;
    uint32_t budget;
    uint32_t share; /* messages that there were when the stream was last emptied */
    int receive_error, close_error;
    uint8_t trust;              /* for how many turns there are expected to be as many */
    uint8_t receiving, counted; /* `counted`: among the loop's `alive` */
    uint8_t answers;            /* a REP, which has its requests one by one */
    uint8_t reminds;            /* a REP or SUB: see eddy__stream_remind */
    uint8_t awaits_drain;
    uint8_t awaits_word; /* of the messages that are reported idly */
    uint8_t closing;
} eddy__stream;

enum {
    EDDY__FLUSH_MESSAGES =
        1000, /* sent in a turn, or peers that refuse: others have theirs, too */
};

/* Opens a stream on the socket and returns its id, or -errno. */
int eddy__stream_open(eddy__loop_state *state, eddy_context *context, eddy__socket *socket);

/* Its own outbox, made if need be; NULL when there is no memory. */
eddy__outbox *eddy__stream_outbox(eddy__stream *stream);

/* Closes the stream with its socket and returns how many messages are lost. */
int eddy__stream_close(eddy__stream *stream, int linger);

/* The socket goes away under the stream: events of it end, and EDDY_CLOSED tells. */
void eddy__stream_orphan(eddy__stream *stream, int error);

/* Whether it is to take messages from its socket. */
int eddy__stream_takes_more(const eddy__stream *stream);

/* 0, or -ENOTSUP for a socket that never receives. */
int eddy__stream_receive(eddy__stream *stream, int on);

/* EDDY_OVERDUE in so many ms (negative: not any more). -ENOTSUP for others than REP and SUB. */
int eddy__stream_remind(eddy__stream *stream, double ms);

/* Sends or queues the message, which was made of these parts; takes it over whatever it
 * returns: as eddy_stream_send. */
int eddy__stream_send(eddy__stream *stream, zmq_msg_t *msgs, const eddy_part *parts,
                      uint32_t count, double bytes, int report);

/* Moves queued messages into the socket until it takes no more, at most this many. Returns
 * how many left the queue. */
int eddy__stream_flush(eddy__stream *stream, double messages);

/* The same for a script's flush, which counts before those of the queue what went out at once
 * since the turn began, or the last flush. */
int eddy__stream_push(eddy__stream *stream, double messages);

/* Takes no more messages; EDDY_DRAINED tells when the queue is empty. 0 or -ENOMEM. */
int eddy__stream_finish(eddy__stream *stream);

/* Receives up to so many messages now, unless some are unread. NULL when nothing is there, or
 * the reader is busy. */
eddy__inbox *eddy__stream_pull(eddy__stream *stream, uint32_t messages);

/* Changes the send queue's limits (infinity: none) and its policy. 0 or -ENOMEM. */
int eddy__stream_limit(eddy__stream *stream, double messages, double bytes, int policy);

/* Whether somebody waits for EDDY_DRAINED, and for completions that are reported idly. */
void eddy__stream_await_drain(eddy__stream *stream, int on);
void eddy__stream_await_word(eddy__stream *stream, int on);

/* Takes the oldest completion. 1, or 0 when there is none. */
int eddy__stream_word(eddy__stream *stream, eddy_event *event);

/* Tells the poller what the stream waits for now: also when a back-off is over. */
void eddy__stream_update(eddy__stream *stream);

/* Whether the inbox has messages that Lua has not read. */
static inline int eddy__stream_has_unread(const eddy__stream *stream) {
    return stream->inbox && eddy__inbox_waiting(stream->inbox);
}

/* Receives the stream's share of a turn. True when it had its share and the socket may have
 * more. */
int eddy__stream_receive_share(eddy__stream *stream);

/* Gives the inbox, of which all is read, back to the loop's pool, as far as that has room. */
void eddy__stream_give_inbox(eddy__stream *stream);

/* It has something to tell in this turn. */
void eddy__stream_make_due(eddy__stream *stream);

/* Whether something that somebody waits for may still come of it. */
int eddy__stream_is_alive(const eddy__stream *stream);

/* Counts again whether it is alive: after each change of what that depends on. */
void eddy__stream_count_alive(eddy__stream *stream);

/* Joins and leaves the counters page. */
void eddy__stream_page_take(eddy__stream *stream);
void eddy__stream_page_leave(eddy__stream *stream);

/* Where it counts, made if need be; NULL when it is not on the page. */
eddy__place *eddy__stream_place(eddy__stream *stream);

/* Shows there what people know it by (NULL: as before); whether it receives; what it counts:
 * all, and what it sent. */
void eddy__stream_show_label(eddy__stream *stream, const char *name, const char *endpoint);
void eddy__stream_show_receiving(eddy__stream *stream);
void eddy__stream_show(eddy__stream *stream);
void eddy__stream_show_sent(eddy__stream *stream);

/* As eddy_stream_begin and eddy_stream_lap. */
double eddy__stream_timing_begin(eddy__stream *stream);
void eddy__stream_timing_lap(eddy__stream *stream);

/* The stream that is being measured. */
eddy__stream *eddy__stream_timing_of(eddy__handling *handling);

/* The context is gone: so is the socket. */
void eddy__stream_terminated(eddy__stream *stream);

#endif
