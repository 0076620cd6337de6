/* Whole messages that wait until their socket takes them, within limits: in one queue, oldest
 * first, or in one for each peer, so that nobody waits for a peer that does not read. */
#ifndef EDDY_STREAM_SENDQ_H
#define EDDY_STREAM_SENDQ_H

#include "stream/peer_queues.h"
#include "zmq/socket.h"

#include <stdint.h>
#include <zmq.h>

typedef struct eddy__queued {
    eddy__node age, place; /* in `all`, in its peer's queue */
    eddy__peer_queue *peer_queue;
    double bytes;
    double number; /* its sender's */
    uint32_t count;
    int report; /* EDDY_REPORT ...: the sender is to hear what became of it */
    zmq_msg_t msgs[];
} eddy__queued;

typedef struct eddy__sendq {
    eddy__list all; /* oldest first */
    eddy__peer_queues peer_queues;
    int by_peer;                      /* a message's first part names its peer */
    double messages, bytes, parts;    /* waiting now */
    uint32_t awaited, idle;           /* of them, those with EDDY_REPORT, EDDY_REPORT_IDLY */
    double message_limit, byte_limit; /* infinity: none */
} eddy__sendq;

void eddy__sendq_init(eddy__sendq *queue);

/* Drops everything. */
void eddy__sendq_free(eddy__sendq *queue);

/* True when a message of that many bytes and parts may be queued. A part counts with its
 * bytes alone; but as a part takes memory even when it is empty, their number is limited to
 * what fits into EDDY_SEND_LIMIT bytes, or into the limit if that is larger. */
int eddy__sendq_fits(const eddy__sendq *queue, double bytes, uint32_t count);

/* True when as much again as it holds would be within its limits. */
int eddy__sendq_is_half_empty(const eddy__sendq *queue);

/* True when its size alone does not keep it out of an empty queue. */
int eddy__sendq_could_fit(const eddy__sendq *queue, double bytes, uint32_t count);

/* True when a message with this first part must wait behind another one. */
int eddy__sendq_holds(const eddy__sendq *queue, zmq_msg_t *first);

/* Appends a message, which becomes the queue's: its parts are moved. 0 or -ENOMEM. */
int eddy__sendq_push(eddy__sendq *queue, zmq_msg_t *msgs, uint32_t count, double bytes,
                     int report, double number);

/* The oldest message of all, and of a peer; NULL when there is none. */
eddy__queued *eddy__sendq_oldest(const eddy__sendq *queue);
eddy__queued *eddy__sendq_first(const eddy__peer_queue *peer_queue);

/* Takes a message out of the queue, which eddy__sendq_drop frees. Returns the next one for
 * its peer; NULL when it was the last, and the peer has no queue any more. */
eddy__queued *eddy__sendq_take(eddy__sendq *queue, eddy__queued *queued);
void eddy__sendq_drop(eddy__queued *queued);

#endif
