/* What a stream has once it sends: its queue, what became of messages, and their counters.
 * There may be thousands of streams that never do. */
#ifndef EDDY_STREAM_OUTBOX_H
#define EDDY_STREAM_OUTBOX_H

#include "loop/state.h"
#include "stream/completions.h"
#include "stream/lost_peers.h"
#include "stream/sendq.h"

typedef struct eddy__outbox {
    struct eddy__stream *stream;
    eddy__sendq queue;
    eddy__completions completions;
    eddy__lost_peers lost_peers;
    eddy__timer_node retry; /* armed while the socket refuses although it says it could; of
                               those that never do: a REP's while a request is to be overdue,
                               a SUB's while its first subscription is */
    double retry_delay;
    double reported;   /* the number of the last message whose completion is reported */
    eddy__tally fresh; /* messages that went out at once */
    double messages_out, bytes_out, smallest_out, high_water, high_water_bytes, dropped;
    int policy;
    int full, tell_full, tell_drained, tell_overdue;
} eddy__outbox;

enum { EDDY__FIRST_RETRY_MS = 1 };

/* That of all streams that have not sent: empty, and in memory that cannot be changed. */
extern const eddy__outbox eddy__no_outbox;

/* One for a stream; NULL when there is no memory. */
eddy__outbox *eddy__outbox_new(eddy__loop_state *state, struct eddy__stream *stream);

/* Drops what is in it. */
void eddy__outbox_free(eddy__loop_state *state, eddy__outbox *outbox);

#endif
