/* Messages that are lent to who reads them through views. */
#ifndef EDDY_ZMQ_LOAN_H
#define EDDY_ZMQ_LOAN_H

#include "eddy.h"

#include <zmq.h>

/* Lends messages that stay where they are until the lender keeps or ends the loan; it refers to
 * it at `lender`, which is NULL when the loan is over, or has messages of its own. */
void eddy__loan_begin(eddy_loan *loan, eddy_loan **lender, zmq_msg_t *msgs,
                      const eddy_part *parts, uint32_t count);

/* Moves the messages into memory of the loan's; ends it when there is none. NULL is ignored. */
void eddy__loan_keep(eddy_loan *loan);

/* Whether what a view shows is still lent. */
static inline int eddy__view_is_good(const eddy_view *view) {
    const eddy_loan *loan = view->_loan;
    return loan && loan->_number == view->_number && view->_place < loan->_count;
}

/* The message that a view shows; NULL when it is stale. */
static inline zmq_msg_t *eddy__view_msg(const eddy_view *view) {
    return eddy__view_is_good(view) ? (zmq_msg_t *)view->_loan->_messages + view->_place : NULL;
}

#endif
