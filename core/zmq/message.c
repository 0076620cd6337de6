#include "zmq/message.h"
#include "base/sys.h"
#include "zmq/frame.h"
#include "zmq/loan.h"

#include <string.h>

zmq_msg_t *eddy__message_room(zmq_msg_t *few, uint32_t count) {
    return count <= EDDY__FEW_PARTS ? few : eddy__calloc(count, sizeof *few);
}

void eddy__message_leave(zmq_msg_t *msgs, const zmq_msg_t *few) {
    if (msgs != few) eddy__free(msgs);
}

/* The message that a frame or a view has; NULL when it is closed or stale. */
static zmq_msg_t *message_of(const eddy_part *part) {
    if (part->size == EDDY_VIEW) return eddy__view_msg((const eddy_view *)part->data);
    eddy_frame *frame = (eddy_frame *)part->data;
    return frame->_open ? eddy__frame_msg(frame) : NULL;
}

/* One part's message: a copy of its bytes, or of the message that it leads to, which shares
 * those of a large one. */
static int copy_part(zmq_msg_t *msg, const eddy_part *part) {
    if (part->size == EDDY_FRAME || part->size == EDDY_VIEW) {
        zmq_msg_t *from = message_of(part);
        if (!from) return -EBADF;
        zmq_msg_init(msg);
        return zmq_msg_copy(msg, from) == 0 ? 0 : -errno;
    }
    if (eddy__msg_init(msg, (size_t)part->size) != 0) return -ENOMEM;
    if (part->size > 0) memcpy(zmq_msg_data(msg), part->data, (size_t)part->size);
    return 0;
}

int eddy__message_copy(zmq_msg_t *msgs, const eddy_part *parts, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        int rc = copy_part(&msgs[i], &parts[i]);
        if (rc != 0) {
            eddy__message_close(msgs, i);
            return rc;
        }
    }
    return 0;
}

double eddy__message_bytes(const zmq_msg_t *msgs, uint32_t count) {
    double bytes = 0;
    for (uint32_t i = 0; i < count; i++) bytes += (double)zmq_msg_size(&msgs[i]);
    return bytes;
}

double eddy__message_bytes_of(const zmq_msg_t *msgs, const eddy_part *parts, uint32_t count) {
    double bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += parts[i].size >= 0 ? parts[i].size : (double)zmq_msg_size(&msgs[i]);
    return bytes;
}

void eddy__message_close(zmq_msg_t *msgs, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) zmq_msg_close(&msgs[i]);
}

/* The types that pick a peer for each message swallow the rest of a message whose peer left
 * half-way. They must be given that rest, or they would swallow the start of the next one. */
static void finish_lost(eddy__socket *socket, uint32_t left) {
    if (socket->type != ZMQ_PUSH && socket->type != ZMQ_DEALER && socket->type != ZMQ_REQ)
        return;
    for (; left > 0; left--) {
        zmq_msg_t empty;
        zmq_msg_init(&empty);
        if (eddy__socket_send(socket, &empty, ZMQ_DONTWAIT | (left > 1 ? ZMQ_SNDMORE : 0)) != 0)
            zmq_msg_close(&empty);
    }
}

/* A part that others follow. It stays the caller's, too, unless it can be made again: a copy of
 * a large one shares its bytes. */
static int send_more(eddy__socket *socket, zmq_msg_t *msg, int is_kept) {
    if (!is_kept) return eddy__socket_send(socket, msg, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    zmq_msg_t copy;
    zmq_msg_init(&copy);
    zmq_msg_copy(&copy, msg);
    int rc = eddy__socket_send(socket, &copy, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    if (rc != 0) zmq_msg_close(&copy);
    return rc;
}

/* Makes again what libzmq took. Returns `rc`; -ENOMEM without memory, when the message is lost.
 */
static int remake(zmq_msg_t *msgs, const eddy_part *parts, uint32_t count, int rc) {
    if (!parts || count == 0) return rc;
    int failed = eddy__message_copy(msgs, parts, count);
    for (uint32_t i = 0; failed && i < count; i++) zmq_msg_init(&msgs[i]);
    return failed ? failed : rc;
}

/* Sends all parts, of which those that libzmq took are made again when it fails between two. */
static int try(eddy__socket *socket, zmq_msg_t *msgs, const eddy_part *parts, uint32_t count) {
    uint32_t last = count - 1;
    for (uint32_t i = 0; socket->type == ZMQ_XSUB && i < count; i++) {
        int rc = eddy__topics_send(&socket->topics, &msgs[i]);
        if (rc != 0) return rc;
    }
    for (uint32_t i = 0; i < last; i++) {
        int rc = send_more(socket, &msgs[i], !parts);
        if (rc == 0) continue;
        if (i > 0) finish_lost(socket, last - i);
        return remake(msgs, parts, i, rc);
    }
    int rc = eddy__socket_send(socket, &msgs[last], ZMQ_DONTWAIT);
    if (rc != 0) return remake(msgs, parts, last, rc);
    if (!parts) eddy__message_close(msgs, last);
    return 0;
}

int eddy__message_try(eddy__socket *socket, zmq_msg_t *msgs, uint32_t count) {
    return try(socket, msgs, NULL, count);
}

int eddy__message_send_parts(eddy__socket *socket, zmq_msg_t *msgs, const eddy_part *parts,
                             uint32_t count) {
    int rc = try(socket, msgs, parts, count);
    if (rc != -EAGAIN) return rc;
    /* A throttled send does not look at what the peers have read meanwhile; asking for the
     * events does. */
    int events = eddy__socket_events(socket);
    return events > 0 && (events & ZMQ_POLLOUT) ? try(socket, msgs, parts, count) : rc;
}

int eddy__message_send(eddy__socket *socket, zmq_msg_t *msgs, uint32_t count) {
    return eddy__message_send_parts(socket, msgs, NULL, count);
}
