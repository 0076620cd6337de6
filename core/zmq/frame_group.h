/* The messages of small frames, closed together. */
#ifndef EDDY_ZMQ_FRAME_GROUP_H
#define EDDY_ZMQ_FRAME_GROUP_H

#include "eddy.h"

#include <zmq.h>

/* Moves a message into the place of a frame that has joined; the frame's own is the same bits. */
void eddy__frame_group_fill(eddy_frame *frame, zmq_msg_t *msg);

#endif
