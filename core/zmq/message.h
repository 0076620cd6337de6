/* A whole message, of one part or many, on its way into a socket. */
#ifndef EDDY_ZMQ_MESSAGE_H
#define EDDY_ZMQ_MESSAGE_H

#include "base/sys.h"
#include "zmq/socket.h"

struct eddy_part;

enum { EDDY__FEW_PARTS = 16 };

/* Room for the parts of a message: the caller's array of EDDY__FEW_PARTS while that does, an
 * allocated one for more, NULL when there is no memory. eddy__message_leave gives it back. */
zmq_msg_t *eddy__message_room(zmq_msg_t *few, uint32_t count);
void eddy__message_leave(zmq_msg_t *msgs, const zmq_msg_t *few);

/* Makes `count` messages of copies of the parts' bytes, or of the frames they lead to. 0, or
 * -errno with none made: -ENOMEM, -EBADF for a closed frame. */
int eddy__message_copy(zmq_msg_t *msgs, const struct eddy_part *parts, uint32_t count);

/* How many bytes they have together. */
double eddy__message_bytes(const zmq_msg_t *msgs, uint32_t count);

/* The same, of those that were made of these parts. */
double eddy__message_bytes_of(const zmq_msg_t *msgs, const struct eddy_part *parts,
                              uint32_t count);

/* Closes all of them. */
void eddy__message_close(zmq_msg_t *msgs, uint32_t count);

/* Sends all parts, or none, without waiting. 0: they are libzmq's, and closed here. -EAGAIN:
 * the socket cannot take the message now, and its parts are untouched. Any other -errno: the
 * socket refused the message; its parts are untouched. */
int eddy__message_send(eddy__socket *socket, zmq_msg_t *msgs, uint32_t count);

/* The same for a message of one part that is nobody's copy. */
static inline int eddy__message_send_one(eddy__socket *socket, zmq_msg_t *msg) {
    /* Mostly that is all: what else there is about a socket is done the longer way. */
    if (socket->is_held | socket->midway | (socket->type == ZMQ_XSUB))
        return eddy__message_send(socket, msg, 1);
    eddy__socket_touch(socket);
    int rc = eddy__msg_send(msg, socket->zmq, ZMQ_DONTWAIT);
    if (rc < 0) return errno == EAGAIN ? eddy__message_send(socket, msg, 1) : -errno;
    socket->has_sent = 1;
    return 0;
}

/* The same of messages that were made of these parts, which are still there: they are made once
 * more where libzmq fails in the middle, and need not be kept meanwhile. */
int eddy__message_send_parts(eddy__socket *socket, zmq_msg_t *msgs,
                             const struct eddy_part *parts, uint32_t count);

/* The same to a socket whose events were read just now: else it may refuse although its peer
 * has room. Where libzmq looks at every peer to tell the events, as a ROUTER's does, that is
 * dear for each message. */
int eddy__message_try(eddy__socket *socket, zmq_msg_t *msgs, uint32_t count);

/* Whether a send or receive that failed so may pass later: EAGAIN, and EFSM of a REQ or REP
 * socket, when it is the other side's turn. */
static inline int eddy__message_may_pass(int error) {
    return error == -EAGAIN || error == -EFSM;
}

#endif
