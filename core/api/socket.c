/* The public functions of contexts and sockets: each looks the id up, refuses a stale one,
 * and calls the folder that knows. */
#include "base/sys.h"
#include "device/device.h"
#include "loop/poller.h"
#include "zmq/context.h"
#include "zmq/frame.h"
#include "zmq/message.h"

#include <limits.h>
#include <string.h>

enum { LONGEST_ENDPOINT = 512 };

/* The stream or watcher that has the socket hears that it goes away. */
static void orphan(eddy__socket *socket) {
    eddy__source *owner = socket->owner;
    if (owner) owner->orphan(owner, ENOTSOCK);
}

int eddy_socket_close(eddy_context *context, uint32_t id, int linger) {
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    orphan(socket);
    eddy__context_close(context, socket, linger);
    return 0;
}

int eddy_context_close_sockets(eddy_context *context, double linger) {
    int closed = 0, end = 0;
    if (eddy__context_refusal(context, 0) == -ESTALE) return -ESTALE;
    eddy__context_settle(context);
    for (uint32_t i = 0; !end; i++) {
        eddy__socket *socket = eddy__context_at(context, i, &end);
        if (!socket || eddy__thread_checker_is_elsewhere(socket->thread)) continue;
        int own = -1;
        size_t size = sizeof own;
        eddy__socket_get(socket, ZMQ_LINGER, &own, &size);
        int bounded = linger >= 0 && (own < 0 || own > linger);
        eddy_socket_close(context, socket->id, bounded ? (int)linger : own);
        closed++;
    }
    return closed;
}

void eddy_context_free(eddy_context *context) {
    if (!context) return;
    eddy__device_end_all(context);
    eddy_context_close_sockets(context, -1);
    eddy__context_release(context);
}

int eddy_context_term(eddy_context *context) {
    if (eddy_context_sockets(context) == 0) eddy__device_end_all(context);
    return eddy__context_term(context);
}

/* Defines a public function of a socket that hands its arguments to zmq/socket. */
#define SOCKET_DOOR(name, parameters, ...)                                                     \
    int eddy_socket_##name(eddy_context *context, uint32_t id, __VA_ARGS__) {                  \
        eddy__socket *socket = eddy__context_find(context, id);                                \
        return socket ? eddy__socket_##name parameters : eddy__context_refusal(context, id);   \
    }

SOCKET_DOOR(bind, (socket, endpoint), const char *endpoint)
SOCKET_DOOR(unbind, (socket, endpoint), const char *endpoint)
SOCKET_DOOR(disconnect, (socket, endpoint), const char *endpoint)
SOCKET_DOOR(set, (socket, option, value, size), int option, const void *value, uint32_t size)

/* The socket whose events wait for a reader at this endpoint, or NULL. */
static eddy__socket *monitored_at(eddy_context *context, const char *endpoint) {
    int end = 0;
    for (uint32_t i = 0; !end; i++) {
        eddy__socket *socket = eddy__context_at(context, i, &end);
        if (socket && socket->monitor && eddy__monitor_awaits(socket->monitor, endpoint))
            return socket;
    }
    return NULL;
}

/* Any number of events may wait for a monitor's reader: libzmq would wait for it. */
static int lift_limit(eddy__socket *reader) {
    int none = 0;
    return eddy__socket_set(reader, ZMQ_RCVHWM, &none, sizeof none);
}

int eddy_socket_connect(eddy_context *context, uint32_t id, const char *endpoint) {
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    int may_read = socket->type == ZMQ_PAIR && strncmp(endpoint, "inproc://", 9) == 0;
    eddy__socket *monitored = may_read ? monitored_at(context, endpoint) : NULL;
    if (!monitored) return eddy__socket_connect(socket, endpoint);
    eddy__monitor *reader = eddy__socket_monitors(socket);
    if (!reader) return -ENOMEM;
    if (reader->watched) return -EISCONN; /* a PAIR has one peer: libzmq would wait */
    int rc = lift_limit(socket);
    if (rc == 0) rc = eddy__socket_connect(socket, endpoint);
    if (rc == 0) eddy__monitor_join(monitored->monitor, reader);
    return rc;
}

/* Whether a socket that may read a monitor's events connected to this endpoint last. */
static int is_early_reader(eddy__socket *socket, const char *endpoint) {
    char last[LONGEST_ENDPOINT];
    size_t size = sizeof last;
    const eddy__monitor *its = socket->monitor;
    if (socket->type != ZMQ_PAIR || (its && (its->watched || its->is_spent))) return 0;
    return eddy__socket_get(socket, ZMQ_LAST_ENDPOINT, last, &size) == 0 &&
           strcmp(last, endpoint) == 0;
}

int eddy_socket_monitor(eddy_context *context, uint32_t id, const char *endpoint, int events) {
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    int rc = eddy__socket_monitor(socket, endpoint, events), end = 0;
    for (uint32_t i = 0; rc == 0 && endpoint && !end; i++) {
        eddy__socket *reader = eddy__context_at(context, i, &end);
        if (!reader || !is_early_reader(reader, endpoint)) continue;
        eddy__monitor *its = eddy__socket_monitors(reader);
        if (!its) return eddy__monitor_stop(socket->monitor), -ENOMEM;
        eddy__monitor_join(socket->monitor, its);
        return lift_limit(reader);
    }
    return rc;
}

int eddy_socket_get(eddy_context *context, uint32_t id, int option, void *value,
                    uint32_t size) {
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    size_t room = size;
    int rc = eddy__socket_get(socket, option, value, &room);
    return rc < 0 ? rc : (int)room;
}

int eddy_socket_hold(eddy_context *context, uint32_t id, int on) {
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    eddy__socket_hold(socket, on);
    return 0;
}

int eddy_socket_share(eddy_context *context, uint32_t id, int how) {
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    if (how < EDDY_PORT_OWN || how > EDDY_PORT_JOINED) return -EINVAL;
    socket->sharing = (uint8_t)how;
    return 0;
}

int eddy_share_of_bind(void) {
    return eddy__socket_share_of_bind();
}

int eddy_socket_has_sent(eddy_context *context, uint32_t id) {
    eddy__socket *socket = eddy__context_find(context, id);
    return socket ? socket->has_sent : eddy__context_refusal(context, id);
}

int eddy_socket_is_single(eddy_context *context, uint32_t id) {
    eddy__socket *socket = eddy__context_find(context, id);
    return socket ? eddy__socket_is_single(socket) : eddy__context_refusal(context, id);
}

int eddy_socket_poll(eddy_context *context, uint32_t id, int events, double timeout) {
    eddy__socket *socket = eddy__context_find(context, id);
    return socket ? eddy__socket_wait(socket, events, timeout)
                  : eddy__context_refusal(context, id);
}

int eddy_socket_send(eddy_context *context, uint32_t id, const char *data, uint32_t size,
                     int flags) {
    eddy_part part = {data, (int32_t)size, 0};
    return eddy_socket_send_parts(context, id, &part, 1, flags);
}

/* The first part waits for the socket; the others follow it at once, or the message is lost
 * with its peer. */
static int send_waiting(eddy__socket *socket, zmq_msg_t *msgs, uint32_t count, int flags) {
    for (uint32_t i = 0; i < count; i++) {
        int more = i + 1 < count ? ZMQ_SNDMORE : 0;
        int rc = eddy__socket_send(socket, &msgs[i], flags | more);
        if (rc != 0) return rc;
    }
    return 0;
}

int eddy_socket_send_parts(eddy_context *context, uint32_t id, const eddy_part *parts,
                           uint32_t count, int flags) {
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    if (count == 0) return -EINVAL;
    zmq_msg_t few[EDDY__FEW_PARTS], *msgs = eddy__message_room(few, count);
    if (!msgs) return -ENOMEM;
    int rc = eddy__message_copy(msgs, parts, count);
    if (rc == 0) {
        if ((flags & ZMQ_DONTWAIT) && !(flags & ZMQ_SNDMORE))
            rc = eddy__message_send(socket, msgs, count);
        else
            rc = send_waiting(socket, msgs, count, flags);
        if (rc != 0) eddy__message_close(msgs, count);
    }
    eddy__message_leave(msgs, few);
    return rc;
}

/* A small part's bytes lie inside its zmq_msg_t. */
static int is_inside(zmq_msg_t *msg) {
    const char *data = zmq_msg_data(msg), *start = (const char *)msg;
    return data >= start && data < start + sizeof *msg;
}

int eddy_socket_recv(eddy_context *context, uint32_t id, int flags, eddy_received *received) {
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    zmq_msg_t *msg = (zmq_msg_t *)received->_message;
    if (!received->_open) zmq_msg_init(msg);
    received->_open = 1;
    int size = eddy__socket_recv(socket, msg, flags);
    if (size < 0) return size;
    received->data = zmq_msg_data(msg);
    received->size = zmq_msg_size(msg) < INT32_MAX ? size : EDDY_TOO_LARGE;
    received->more = zmq_msg_more(msg);
    received->held = !is_inside(msg);
    return 0;
}

void eddy_received_close(eddy_received *received) {
    if (received->_open) zmq_msg_close((zmq_msg_t *)received->_message);
    received->_open = received->held = 0;
}

int eddy_socket_recv_frame(eddy_context *context, uint32_t id, int flags, eddy_frame *frame) {
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    int size = eddy__socket_recv(socket, &msg, flags);
    if (size < 0) return size;
    eddy_frame_close(frame);
    eddy__frame_take(frame, &msg);
    return 0;
}
