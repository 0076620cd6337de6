/* A batch of whole messages received from one socket, lent to Lua part by part. Lua moves
 * `head` as it reads; what it has not read stays. */
#ifndef EDDY_STREAM_INBOX_H
#define EDDY_STREAM_INBOX_H

#include "base/list.h"
#include "eddy.h"
#include "zmq/socket.h"

typedef struct eddy__inbox {
    eddy_inbox view; /* what Lua sees; must come first */
    zmq_msg_t *msgs; /* the owners of the parts' bytes, in the same places */
    uint32_t fill;   /* parts received, the ones of an unfinished message included */
    uint32_t capacity;
    eddy__node free; /* in the loop's pool while no stream has it */
} eddy__inbox;

enum {
    EDDY__KEPT_PARTS =
        16384, /* the largest inbox that is kept: what a turn's budget can fill */
    EDDY__POOL_PARTS = 32768, /* what the inboxes of a loop's pool have room for together */
};

/* NULL when there is no memory. */
eddy__inbox *eddy__inbox_new(void);
void eddy__inbox_free(eddy__inbox *inbox);

/* Receives until the socket is empty (0), or until `budget` messages or EDDY_BATCH_BYTES are
 * reached (1: there may be more); a part weighs its bytes and its zmq_msg_t. Or -errno; -EFSM
 * from a REQ or REP socket that has had its message. What was received before is there in any
 * case; `messages` and `bytes` are raised by what came. */
int eddy__inbox_receive(eddy__inbox *inbox, eddy__socket *socket, uint32_t budget,
                        double *messages, double *bytes);

/* True while a whole message waits to be read. */
static inline int eddy__inbox_waiting(const eddy__inbox *inbox) {
    return inbox->view.head < inbox->view.tail;
}

/* Ends the loan of the parts that were read. True when nothing is left in the inbox. */
int eddy__inbox_release(eddy__inbox *inbox);

#endif
