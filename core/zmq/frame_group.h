/* The messages of small frames, closed together. */
#ifndef EDDY_ZMQ_FRAME_GROUP_H
#define EDDY_ZMQ_FRAME_GROUP_H

#include "eddy.h"

#include <zmq.h>

/* Moves a message into the place of a frame that has joined. Returns it there. */
zmq_msg_t *eddy__frame_group_fill(eddy_frame_group *group, uint32_t place, zmq_msg_t *msg);

/* Gives the bytes at a place back early: an empty message stays there. */
void eddy__frame_group_empty(eddy_frame_group *group, uint32_t place);

#endif
