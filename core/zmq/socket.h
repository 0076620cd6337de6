/* A libzmq socket, plain or under a stream. Everything done to a socket is done here, and
 * marks it as touched: whoever waits for its readiness must read ZMQ_EVENTS anew, because
 * any call on the socket may have used up its wake-up. */
#ifndef EDDY_ZMQ_SOCKET_H
#define EDDY_ZMQ_SOCKET_H

#include "base/faults.h"
#include "base/list.h"
#include "base/sleeper.h"
#include "base/thread_checker.h"
#include "eddy.h"
#include "zmq/listeners.h"
#include "zmq/monitor.h"
#include "zmq/routing_ids.h"
#include "zmq/topics.h"

#include <stdint.h>
#include <zmq.h>

typedef struct eddy__socket {
    void *zmq;              /* NULL once closed */
    void *context;          /* libzmq's */
    int type;               /* ZMQ_REQ ... */
    int fd;                 /* ZMQ_FD: read-ready whenever ZMQ_EVENTS is worth a look */
    uint32_t id;            /* in its context */
    int born;               /* eddy__fork_count when it was opened */
    uint64_t thread;        /* which it belongs to */
    eddy__list *touched;    /* where `mark` goes when the socket is used; NULL: nobody waits */
    eddy__node *mark;       /* the waiting source's node */
    eddy__sleeper *sleeper; /* whom it wakes; NULL with `touched` */
    void *owner;            /* the stream or watch that has the socket; NULL: a plain one */
    double deadline;        /* of a send or receive that was poked */
    eddy_message_limits limits;
    uint8_t midway;        /* the last part sent had another to follow */
    uint8_t has_sent;      /* anything */
    uint8_t is_held;       /* sends that do not wait would have to */
    uint8_t is_manual;     /* ZMQ_XPUB_MANUAL or ZMQ_XPUB_MANUAL_LAST_VALUE is on */
    uint8_t is_conflating; /* ZMQ_CONFLATE is */
    uint8_t sharing;       /* EDDY_PORT_ */
    eddy__topics topics;
    void (*closed)(struct eddy__socket *socket); /* is told; NULL: nobody */
    double number;                               /* what `closed` knows it by */
    zmq_msg_t *last; /* the part received last, for who asks who sent it; NULL: nobody does */
    eddy__monitor *monitor; /* NULL: it has none, and reads none */
    eddy__routing_ids routing_ids;
    eddy__listeners listeners;
} eddy__socket;

/* Whether sockets of a type ever receive, ever send. */
static inline int eddy__socket_receives(int type) {
    return type != ZMQ_PUSH && type != ZMQ_PUB;
}

static inline int eddy__socket_sends(int type) {
    return type != ZMQ_PULL && type != ZMQ_SUB;
}

/* Whether any of the events that are asked for could ever be; asking for none is fine. */
static inline int eddy__socket_can(int type, int events) {
    int possible = (eddy__socket_receives(type) ? EDDY_READ : 0) |
                   (eddy__socket_sends(type) ? EDDY_WRITE : 0);
    return !(events & (EDDY_READ | EDDY_WRITE)) || (events & possible);
}

/* Opens a socket of that type. 0 or -errno. */
int eddy__socket_open(eddy__socket *socket, void *context, int type);

/* Closes it; libzmq keeps what it has for `linger` ms, by the socket's own option when that
 * is EDDY_OWN_LINGER. Nobody may be waiting for it any more. */
void eddy__socket_close(eddy__socket *socket, int linger);

static inline void eddy__socket_touch(eddy__socket *socket) {
    if (!socket->touched || eddy__fault(EDDY__FAULT_TOUCH)) return;
    eddy__list_push(socket->touched, socket->mark);
    eddy__sleeper_wake(socket->sleeper);
}

/* Whether a later message, once received, changes what the handler of the one before is about:
 * then they are received one by one. XPUB_MANUAL acts on the peer received from last, and with
 * CONFLATE only the last message is of use. */
static inline int eddy__socket_is_single(const eddy__socket *socket) {
    return socket->is_manual | socket->is_conflating;
}

/* The socket's ZMQ_EVENTS, or -errno. Does not touch: it is what touching asks for. */
int eddy__socket_events(eddy__socket *socket);

/* Waits until one of `events` can be, for at most `timeout` ms (negative: for ever). Returns
 * those that can, 0 when the time is up, or -errno. */
int eddy__socket_wait(eddy__socket *socket, int events, double timeout);

/* An address that this process just gave back is waited for. 0 or -errno: -EMSGSIZE, as when it
 * connects or subscribes, where libzmq would garble a subscription. */
int eddy__socket_bind(eddy__socket *socket, const char *endpoint);

/* The limits of messages to the socket that this thread is just binding; none when there is
 * no such socket. */
eddy_message_limits eddy__socket_limits_of_bind(void);

/* How that one has its port: EDDY_PORT_. */
int eddy__socket_share_of_bind(void);

int eddy__socket_unbind(eddy__socket *socket, const char *endpoint);
int eddy__socket_connect(eddy__socket *socket, const char *endpoint);
int eddy__socket_disconnect(eddy__socket *socket, const char *endpoint);

/* What it has to do with monitors, made if need be; NULL when there is no memory. */
eddy__monitor *eddy__socket_monitors(eddy__socket *socket);

/* Tells of `events` on a PAIR socket at an inproc endpoint; NULL ends that. */
int eddy__socket_monitor(eddy__socket *socket, const char *endpoint, int events);

/* While it is held it cannot send, as if it had no connection; whoever waits hears of the end.
 */
void eddy__socket_hold(eddy__socket *socket, int on);

int eddy__socket_set(eddy__socket *socket, int option, const void *value, size_t size);
int eddy__socket_get(eddy__socket *socket, int option, void *value, size_t *size);

/* Sends one part, waiting as SNDTIMEO says unless ZMQ_DONTWAIT is among the flags. The
 * message is libzmq's when this succeeds, the caller's when not. 0 or -errno. */
int eddy__socket_send(eddy__socket *socket, zmq_msg_t *msg, int flags);

/* Receives one part into an initialized message, waiting as RCVTIMEO says unless
 * ZMQ_DONTWAIT is among the flags. Returns its size as libzmq tells it, or -errno. */
int eddy__socket_recv(eddy__socket *socket, zmq_msg_t *msg, int flags);

#endif
