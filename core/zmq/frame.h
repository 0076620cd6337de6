/* Frames: parts that are kept without copying their bytes. */
#ifndef EDDY_ZMQ_FRAME_H
#define EDDY_ZMQ_FRAME_H

#include "eddy.h"

#include <zmq.h>

/* The frame's message. */
static inline zmq_msg_t *eddy__frame_msg(eddy_frame *frame) {
    return (zmq_msg_t *)frame->_message;
}

/* Moves a received message into a frame that is closed. */
void eddy__frame_take(eddy_frame *frame, zmq_msg_t *msg);

/* Opens a closed frame on the same bytes as a message. 0, or -errno. */
int eddy__frame_share(eddy_frame *frame, zmq_msg_t *msg);

#endif
