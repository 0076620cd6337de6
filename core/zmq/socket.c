#include "zmq/socket.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/signal_mask.h"
#include "base/sys.h"
#include "base/waits.h"
#include "eddy.h"
#include "zmq/ending.h"
#include "zmq/endpoint.h"

#include <math.h>
#include <poll.h>
#include <string.h>

enum {
    GOING_EVERY_MS = 1, /* how often an address is tried that libzmq lets go of */
    LONGEST_ENDPOINT = 512,
};

/* A draft's name, which libzmq 4.3.4 takes without drafts, too. */
enum { EDDY__XPUB_MANUAL_LAST_VALUE = 98 };

int eddy__socket_open(eddy__socket *socket, void *context, int type) {
    memset(socket, 0, sizeof *socket);
    size_t size = sizeof socket->fd;
    sigset_t before = eddy__signal_mask_all(); /* a context's first socket starts its threads */
    socket->zmq = eddy__zmq_socket(context, type);
    eddy__signal_mask_restore(before);
    if (!socket->zmq) return -errno;
    if (eddy__zmq_get(socket->zmq, ZMQ_FD, &socket->fd, &size) != 0) {
        int error = errno;
        zmq_close(socket->zmq);
        socket->zmq = NULL;
        return -error;
    }
    socket->context = context;
    socket->type = type;
    socket->born = eddy__fork_count;
    socket->thread = eddy__thread_checker_this();
    return 0;
}

void eddy__socket_close(eddy__socket *socket, int linger) {
    if (!socket->zmq) return;
    if (linger != EDDY_OWN_LINGER)
        eddy__zmq_set(socket->zmq, ZMQ_LINGER, &linger, sizeof linger);
    eddy__monitor_free(socket->monitor);
    socket->monitor = NULL;
    eddy__routing_ids_free(&socket->routing_ids);
    eddy__listeners_free(&socket->listeners);
    if (socket->last) zmq_msg_close(socket->last);
    eddy__free(socket->last);
    socket->last = NULL;
    zmq_close(socket->zmq);
    socket->zmq = NULL;
    if (socket->closed) socket->closed(socket);
}

int eddy__socket_events(eddy__socket *socket) {
    int events = 0;
    size_t size = sizeof events;
    if (eddy__zmq_get(socket->zmq, ZMQ_EVENTS, &events, &size) != 0) return -errno;
    return socket->is_held ? events & ~ZMQ_POLLOUT : events;
}

void eddy__socket_hold(eddy__socket *socket, int on) {
    socket->is_held = on;
    eddy__socket_touch(socket);
}

int eddy__socket_wait(eddy__socket *socket, int events, double timeout) {
    double deadline = eddy_time() + timeout;
    if (isnan(timeout)) return -EINVAL;
    eddy__socket_touch(socket);
    for (;;) {
        int now = eddy__socket_events(socket);
        if (now < 0 || (now & events)) return now < 0 ? now : now & events;
        double left = timeout < 0 ? -1 : deadline - eddy_time();
        if (timeout >= 0 && left <= 0) return 0;
        struct pollfd items[2] = {{socket->fd, POLLIN, 0}};
        int rc = eddy__waits_poll(items, 1, left);
        if (rc < 0) return rc;
    }
}

/* libzmq ends the process when something else than a REP or ROUTER socket is asked who may
 * connect. */
static int may_bind(const eddy__socket *socket, const char *endpoint) {
    return strcmp(endpoint, "inproc://zeromq.zap.01") != 0 || socket->type == ZMQ_REP ||
           socket->type == ZMQ_ROUTER;
}

static eddy__address address_of(const eddy__socket *socket, const char *endpoint) {
    return eddy__listeners_address(socket->context, endpoint);
}

/* Waits for what libzmq lets go of. */
static int bind_at(eddy__socket *socket, const char *endpoint) {
    int rc, is_gone = 0;
    while ((rc = eddy__endpoint_bind(socket->zmq, endpoint)) == -EADDRINUSE && !is_gone) {
        eddy__address address = address_of(socket, endpoint);
        if (!eddy__listeners_is_going(address)) return rc;
        /* It may have gone since it was tried. */
        is_gone = !eddy__listeners_is_here(address);
        if (!is_gone) eddy__sleep(GOING_EVERY_MS);
    }
    return rc;
}

static _Thread_local const eddy__socket *binding;

eddy_message_limits eddy__socket_limits_of_bind(void) {
    if (!binding || binding->type == ZMQ_STREAM) return (eddy_message_limits){0};
    eddy_message_limits limits = binding->limits;
    size_t size = sizeof limits.mechanism;
    if (zmq_getsockopt(binding->zmq, ZMQ_MECHANISM, &limits.mechanism, &size) != 0)
        limits.mechanism = ZMQ_NULL;
    return limits;
}

int eddy__socket_share_of_bind(void) {
    return binding ? binding->sharing : EDDY_PORT_OWN;
}

int eddy__socket_bind(eddy__socket *socket, const char *endpoint) {
    char last[LONGEST_ENDPOINT];
    size_t size = sizeof last;
    eddy__socket_touch(socket);
    if (!may_bind(socket, endpoint)) return -EINVAL;
    int rc = eddy__topics_join(&socket->topics, socket->zmq, socket->type, endpoint);
    eddy__address asked = address_of(socket, endpoint);
    if (rc == 0) rc = eddy__listeners_bind(&socket->listeners, asked);
    if (rc != 0) return rc;
    binding = socket;
    rc = bind_at(socket, endpoint);
    binding = NULL;
    if (rc != 0)
        eddy__listeners_refused(asked);
    else if (zmq_getsockopt(socket->zmq, ZMQ_LAST_ENDPOINT, last, &size) == 0)
        eddy__listeners_bound(&socket->listeners, address_of(socket, last));
    return rc;
}

int eddy__socket_unbind(eddy__socket *socket, const char *endpoint) {
    eddy__socket_touch(socket);
    eddy__address address = address_of(socket, endpoint);
    int rc = eddy__endpoint_unbind(socket->zmq, endpoint);
    if (rc == 0) eddy__listeners_leave(&socket->listeners, address);
    return rc;
}

static int connect_to(eddy__socket *socket, const char *endpoint) {
    if (strncmp(endpoint, "inproc://", 9) != 0)
        return eddy__endpoint_connect(socket->zmq, endpoint);
    eddy__address address = address_of(socket, endpoint);
    return eddy__ending_connect(socket->context, socket->zmq, address.what, endpoint);
}

int eddy__socket_connect(eddy__socket *socket, const char *endpoint) {
    eddy__socket_touch(socket);
    int rc = eddy__routing_ids_check(&socket->routing_ids);
    if (rc == 0) rc = eddy__topics_join(&socket->topics, socket->zmq, socket->type, endpoint);
    if (rc == 0) rc = connect_to(socket, endpoint);
    if (rc == 0) eddy__routing_ids_give(&socket->routing_ids);
    return rc;
}

int eddy__socket_disconnect(eddy__socket *socket, const char *endpoint) {
    eddy__socket_touch(socket);
    const eddy__monitor *watched = socket->monitor ? socket->monitor->watched : NULL;
    if (watched && strcmp(watched->endpoint, endpoint) == 0)
        eddy__monitor_leave(socket->monitor);
    return eddy__zmq_disconnect(socket->zmq, endpoint) == 0 ? 0 : -errno;
}

eddy__monitor *eddy__socket_monitors(eddy__socket *socket) {
    if (!socket->monitor) socket->monitor = eddy__monitor_new(socket->zmq, socket->context);
    return socket->monitor;
}

int eddy__socket_monitor(eddy__socket *socket, const char *endpoint, int events) {
    eddy__socket_touch(socket);
    if (!endpoint && !socket->monitor) return 0;
    eddy__monitor *monitor = eddy__socket_monitors(socket);
    if (!monitor) return -ENOMEM;
    if (endpoint) return eddy__monitor_start(monitor, endpoint, events);
    eddy__monitor_stop(monitor);
    return 0;
}

/* libzmq tells of some options only to who sets them. */
static void remember(eddy__socket *socket, int option, const void *value) {
    int is_manual = option == ZMQ_XPUB_MANUAL || option == EDDY__XPUB_MANUAL_LAST_VALUE;
    int on;
    if (!is_manual && option != ZMQ_CONFLATE) return;
    memcpy(&on, value, sizeof on);
    *(is_manual ? &socket->is_manual : &socket->is_conflating) = on != 0;
}

int eddy__socket_set(eddy__socket *socket, int option, const void *value, size_t size) {
    eddy__socket_touch(socket);
    if (option == ZMQ_SUBSCRIBE && socket->type == ZMQ_SUB) {
        int rc = eddy__topics_subscribe(&socket->topics, size);
        if (rc != 0) return rc;
    }
    if (eddy__zmq_set(socket->zmq, option, value, size) != 0) return -errno;
    remember(socket, option, value);
    return option == ZMQ_CONNECT_ROUTING_ID
               ? eddy__routing_ids_set(&socket->routing_ids, value, size)
               : 0;
}

int eddy__socket_get(eddy__socket *socket, int option, void *value, size_t *size) {
    eddy__socket_touch(socket);
    return eddy__zmq_get(socket->zmq, option, value, size) == 0 ? 0 : -errno;
}

static int timeout_of(eddy__socket *socket, int option) {
    int timeout = -1;
    size_t size = sizeof timeout;
    eddy__zmq_get(socket->zmq, option, &timeout, &size);
    return timeout;
}

/* A call that may block, repeated when a signal interrupts it for what is left of its time. */
static int blocking(eddy__socket *socket, zmq_msg_t *msg, int flags, int option,
                    int (*call)(zmq_msg_t *, void *, int)) {
    flags &= ~EDDY_GO_ON;
    int result = call(msg, socket->zmq, flags);
    if (result != -1 || errno != EINTR) return result == -1 ? -errno : result;
    int timeout = timeout_of(socket, option), left = timeout;
    double deadline = eddy_time() + timeout;
    while (result == -1 && errno == EINTR && eddy__fork_count == socket->born &&
           !eddy__waits_due()) {
        if (timeout > 0) {
            left = (int)fmax(0, ceil(deadline - eddy_time())); /* never short */
            eddy__zmq_set(socket->zmq, option, &left, sizeof left);
        }
        result = call(msg, socket->zmq, flags);
    }
    int error = errno;
    if (timeout > 0) eddy__zmq_set(socket->zmq, option, &timeout, sizeof timeout);
    return result == -1 ? -error : result;
}

/* The same for a thread whose waits can be ended: nothing ends libzmq's own for good. */
static int waiting(eddy__socket *socket, zmq_msg_t *msg, int flags, int option,
                   int (*call)(zmq_msg_t *, void *, int)) {
    int timeout = timeout_of(socket, option);
    if (!(flags & EDDY_GO_ON)) socket->deadline = eddy_time() + timeout;
    for (;;) {
        eddy__socket_events(socket); /* what came since then counts */
        int result = call(msg, socket->zmq, (flags & ~EDDY_GO_ON) | ZMQ_DONTWAIT);
        if (result != -1) return result;
        if (errno != EAGAIN && errno != EINTR) return -errno;
        double left = timeout < 0 ? -1 : socket->deadline - eddy_time();
        if (timeout >= 0 && left <= 0) return -EAGAIN;
        struct pollfd items[2] = {{socket->fd, POLLIN, 0}};
        int rc = eddy__waits_poll(items, 1, left);
        if (rc < 0) return rc;
    }
}

/* libzmq drops a message whose peer left half-way, and says so once to a call that does not
 * wait: a call that waits, and may not lose the rest of the message to another peer, must be
 * such a one from the start. */
static int send_part(eddy__socket *socket, zmq_msg_t *msg, int flags) {
    if (socket->is_held && !socket->midway && (flags & ZMQ_DONTWAIT)) return -EAGAIN;
    if (!(flags & ZMQ_DONTWAIT) && socket->midway)
        return blocking(socket, msg, flags, ZMQ_SNDTIMEO, zmq_msg_send);
    if (eddy__msg_send(msg, socket->zmq, flags & ~EDDY_GO_ON) >= 0) return 0;
    if (errno != EAGAIN || (flags & ZMQ_DONTWAIT)) return -errno;
    return (eddy__waits_guarded() ? waiting : blocking)(socket, msg, flags, ZMQ_SNDTIMEO,
                                                        zmq_msg_send);
}

int eddy__socket_send(eddy__socket *socket, zmq_msg_t *msg, int flags) {
    int more = (flags & ZMQ_SNDMORE) != 0;
    eddy__socket_touch(socket);
    int rc = socket->type == ZMQ_XSUB ? eddy__topics_send(&socket->topics, msg) : 0;
    /* A message that has begun goes on: all its parts were looked at before. */
    if (rc != 0 && !socket->midway) return rc;
    rc = send_part(socket, msg, flags);
    socket->midway = more && (rc >= 0 || socket->midway);
    socket->has_sent |= rc >= 0;
    return rc < 0 ? rc : 0;
}

static int receive(eddy__socket *socket, zmq_msg_t *msg, int flags) {
    eddy__socket_touch(socket);
    int result = eddy__msg_recv(msg, socket->zmq);
    if (result >= 0) return result;
    if (errno != EAGAIN || (flags & ZMQ_DONTWAIT)) return -errno;
    return (eddy__waits_guarded() ? waiting : blocking)(socket, msg, flags, ZMQ_RCVTIMEO,
                                                        zmq_msg_recv);
}

int eddy__socket_recv(eddy__socket *socket, zmq_msg_t *msg, int flags) {
    int result = receive(socket, msg, flags);
    if (result >= 0 && socket->last) zmq_msg_copy(socket->last, msg);
    return result;
}
