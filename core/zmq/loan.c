#include "zmq/loan.h"
#include "base/sys.h"
#include "zmq/frame.h"

#include <errno.h>

void eddy__loan_keep(eddy_loan *loan) {
    if (!loan) return;
    zmq_msg_t *own = eddy__calloc(loan->_count, sizeof *own), *lent = loan->_messages;
    if (!own) {
        eddy_loan_end(loan);
        return;
    }
    for (uint32_t i = 0; i < loan->_count; i++) {
        zmq_msg_init(&own[i]);
        zmq_msg_move(&own[i], &lent[i]);
    }
    *loan->_lender = NULL;
    loan->_lender = NULL;
    loan->_messages = own;
    loan->_parts = NULL;
}

void eddy_loan_end(eddy_loan *loan) {
    loan->_number += 1;
    if (loan->_lender) {
        *loan->_lender = NULL; /* where they stay */
    } else if (loan->_messages) {
        zmq_msg_t *own = loan->_messages;
        for (uint32_t i = 0; i < loan->_count; i++) zmq_msg_close(&own[i]);
        eddy__free(own);
    }
    loan->_messages = NULL;
    loan->_parts = NULL;
    loan->_lender = NULL;
    loan->_count = 0;
}

void eddy__loan_begin(eddy_loan *loan, eddy_loan **lender, zmq_msg_t *msgs,
                      const eddy_part *parts, uint32_t count) {
    eddy_loan_end(loan);
    loan->_messages = msgs;
    loan->_parts = parts;
    loan->_count = count;
    loan->_lender = lender;
    *lender = loan;
}

void eddy_view_end(eddy_view *view) {
    if (view->_loan->_number == view->_number) eddy_loan_end(view->_loan);
}

int eddy_view_keep(eddy_view *view, eddy_frame *frame) {
    zmq_msg_t *msg = eddy__view_msg(view);
    if (!msg) return -EBADF;
    return eddy__frame_share(frame, msg);
}

int eddy_view_more(eddy_view *view) {
    zmq_msg_t *msg = eddy__view_msg(view);
    return msg && zmq_msg_more(msg);
}
