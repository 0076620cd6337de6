/* Messages that are lent to who reads them through views. */
#ifndef EDDY_ZMQ_LOAN_H
#define EDDY_ZMQ_LOAN_H

#include "eddy.h"

#include <zmq.h>

/* Lends messages that stay where they are until the lender keeps or ends the loan; it refers to
 * it at `lender`, which is NULL when the loan is over, or has messages of its own. */
void eddy__loan_begin(eddy_loan *loan, eddy_loan **lender, zmq_msg_t *msgs, uint32_t count);

/* Moves the messages into memory of the loan's; ends it when there is none. NULL is ignored. */
void eddy__loan_keep(eddy_loan *loan);

/* The message that a view shows; NULL when it is stale. */
zmq_msg_t *eddy__view_msg(const eddy_view *view);

#endif
