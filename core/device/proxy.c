#include "device/proxy.h"
#include "base/sys.h"
#include "zmq/message.h"

#include <string.h>

enum {
    /* Messages in one direction before it is the other one's turn: reading ZMQ_EVENTS anew
     * costs as much as relaying three messages. */
    BURST = 1000,
    LAST_MS = 100, /* how long messages may still go through once the end was asked for */
    RETRY_MS = 10, /* when a socket does not do what its ZMQ_EVENTS said */
    KEPT_ROOM = 1024,
};

/* One direction. */
typedef struct {
    int from, to; /* EDDY_IN or EDDY_OUT */
    int is_open;  /* by their types the one can receive and the other one send */
    eddy__hand hand;
    int is_shown;     /* the monitor has had it */
    zmq_msg_t prefix; /* what the monitor gets before it */
    int has_prefix;
} eddy__way;

typedef struct {
    eddy__relay relay;
    eddy__way ways[2];
    int swaps;         /* the first two parts change places, as ROUTER to ROUTER wants it */
    zmq_msg_t *copies; /* for the monitor */
    uint32_t copies_room;
    int is_stuck; /* something could be carried, it seemed, and could not */
} eddy__proxy;

static int make_prefix(eddy__way *way, const char *prefix, int size) {
    zmq_msg_init(&way->prefix);
    if (size < 0) return 0;
    if (eddy__msg_init(&way->prefix, (size_t)size) != 0) return -ENOMEM;
    if (size > 0) memcpy(zmq_msg_data(&way->prefix), prefix, (size_t)size);
    way->has_prefix = 1;
    return 0;
}

static void free_proxy(eddy__relay *relay) {
    eddy__proxy *proxy = (eddy__proxy *)relay;
    for (eddy__way *way = proxy->ways; way < proxy->ways + 2; way++) {
        eddy__hand_free(&way->hand);
        zmq_msg_close(&way->prefix);
    }
    eddy__free(proxy->copies);
    eddy__control_free(&relay->control);
    eddy__free(proxy);
}

static void swap(zmq_msg_t *a, zmq_msg_t *b) {
    zmq_msg_t other;
    zmq_msg_init(&other);
    zmq_msg_move(&other, a);
    zmq_msg_move(a, b);
    zmq_msg_move(b, &other);
    zmq_msg_close(&other);
}

/* Takes a message in hand: 1, 0 when there is none, or -errno. */
static int receive(eddy__proxy *proxy, eddy__way *way) {
    eddy__hand *hand = &way->hand;
    int rc = eddy__hand_receive(hand, proxy->relay.ends[way->from]);
    if (rc < 0) return eddy__relay_fail(&proxy->relay, way->from, rc);
    if (rc == 0) return 0;
    if (proxy->swaps && hand->count > 1) swap(&hand->parts[0], &hand->parts[1]);
    way->is_shown = 0;
    return 1;
}

/* Sends the monitor a copy, after the prefix. 0 or -errno. */
static int show(eddy__proxy *proxy, eddy__way *way) {
    uint32_t count = 0, most = way->hand.count + 1;
    if (proxy->copies_room < most) {
        zmq_msg_t *copies = eddy__realloc(proxy->copies, 2 * most * sizeof *copies);
        if (!copies) return -ENOMEM;
        proxy->copies = copies;
        proxy->copies_room = 2 * most;
    }
    zmq_msg_t *copies = proxy->copies;
    if (way->has_prefix) {
        zmq_msg_init(&copies[count]);
        zmq_msg_copy(&copies[count++], &way->prefix);
    }
    for (uint32_t i = 0; i < way->hand.count; i++) {
        zmq_msg_init(&copies[count]);
        zmq_msg_copy(&copies[count++], &way->hand.parts[i]);
    }
    int rc = eddy__message_send(proxy->relay.ends[EDDY_MON], copies, count);
    if (rc != 0) eddy__message_close(copies, count);
    if (proxy->copies_room > KEPT_ROOM) {
        eddy__free(proxy->copies);
        proxy->copies = NULL;
        proxy->copies_room = 0;
    }
    return rc;
}

static void count(eddy__proxy *proxy, const eddy__way *way) {
    uint64_t *from = proxy->relay.control.counts + way->from * EDDY__SIDE_COUNTS;
    uint64_t *to = proxy->relay.control.counts + way->to * EDDY__SIDE_COUNTS;
    eddy__control_add(&from[EDDY__RECEIVED], 1);
    eddy__control_add(&from[EDDY__RECEIVED_BYTES], (uint64_t)way->hand.bytes);
    eddy__control_add(&to[EDDY__SENT], 1);
    eddy__control_add(&to[EDDY__SENT_BYTES], (uint64_t)way->hand.bytes);
}

/* Hands the message in hand over: 1, 0 when it has to wait, or -errno. One that the socket
 * refuses for what it is, as a mandatory ROUTER does when its peer is gone, or a subscription
 * that libzmq would garble, is dropped and counted: it may not end the device. */
static int deliver(eddy__proxy *proxy, eddy__way *way) {
    if (proxy->relay.ends[EDDY_MON] && !way->is_shown) {
        int rc = show(proxy, way);
        if (rc < 0)
            return eddy__message_may_pass(rc) ? 0
                                              : eddy__relay_fail(&proxy->relay, EDDY_MON, rc);
        way->is_shown = 1;
    }
    int rc = eddy__message_send(proxy->relay.ends[way->to], way->hand.parts, way->hand.count);
    if (eddy__message_may_pass(rc)) return 0;
    if (rc == 0) {
        count(proxy, way);
    } else if (rc == -EHOSTUNREACH || rc == -EINVAL || rc == -EMSGSIZE) {
        eddy__control_add(&proxy->relay.control.dropped, 1);
        eddy__message_close(way->hand.parts, way->hand.count);
    } else {
        return eddy__relay_fail(&proxy->relay, way->to, rc);
    }
    eddy__hand_empty(&way->hand);
    return 1;
}

static int is_ready(const eddy__proxy *proxy, int end, int event) {
    return !proxy->relay.ends[end] || (proxy->relay.events[end] & event);
}

static int can_carry(const eddy__proxy *proxy, const eddy__way *way) {
    if (!way->is_open) return 0;
    if (!way->hand.is_whole && !is_ready(proxy, way->from, ZMQ_POLLIN)) return 0;
    /* A REP socket that answers itself can send once it has received. */
    int answers =
        !way->hand.is_whole && proxy->relay.ends[way->from] == proxy->relay.ends[way->to];
    if (!answers && !is_ready(proxy, way->to, ZMQ_POLLOUT)) return 0;
    return (way->hand.is_whole && way->is_shown) || is_ready(proxy, EDDY_MON, ZMQ_POLLOUT);
}

/* Carries messages one way as long as there are some and they are taken, within a burst.
 * Returns whether anything moved, or -errno. */
static int carry(eddy__proxy *proxy, eddy__way *way) {
    double bytes = 0;
    int moved = 0, rc = 1;
    if (!can_carry(proxy, way)) return 0;
    for (int i = 0; i < BURST && bytes < EDDY_BATCH_BYTES; i++) {
        if (!way->hand.is_whole) {
            rc = receive(proxy, way);
            if (rc <= 0) break;
            moved = 1;
        }
        bytes += way->hand.bytes + way->hand.count * (double)sizeof *way->hand.parts;
        rc = deliver(proxy, way);
        if (rc <= 0) break;
        moved = 1;
    }
    proxy->is_stuck |= !moved;
    return rc < 0 ? rc : moved;
}

/* Does what can be done without waiting. Returns whether that was anything, or -errno. */
static int pass(eddy__proxy *proxy) {
    int moved = 0, rc = eddy__relay_look(&proxy->relay);
    if (rc < 0) return rc;
    proxy->is_stuck = 0;
    if (proxy->relay.ends[EDDY_CTRL] && (proxy->relay.events[EDDY_CTRL] & ZMQ_POLLIN)) {
        rc = eddy__control_obey(&proxy->relay.control, proxy->relay.ends[EDDY_CTRL]);
        if (rc < 0) return eddy__relay_fail(&proxy->relay, EDDY_CTRL, rc);
        moved = 1;
    }
    if (eddy__control_paused(&proxy->relay.control)) return moved;
    for (int i = 0; i < 2; i++) {
        rc = carry(proxy, &proxy->ways[i]);
        if (rc < 0) return rc;
        moved |= rc;
    }
    return moved;
}

static int open_proxy(eddy__relay *relay) {
    eddy__proxy *proxy = (eddy__proxy *)relay;
    eddy__socket *const *ends = relay->ends;
    if (ends[EDDY_MON] && !eddy__socket_sends(ends[EDDY_MON]->type))
        return eddy__relay_fail(relay, EDDY_MON, -ENOTSUP);
    if (ends[EDDY_CTRL] && !eddy__socket_receives(ends[EDDY_CTRL]->type))
        return eddy__relay_fail(relay, EDDY_CTRL, -ENOTSUP);
    for (eddy__way *way = proxy->ways; way < proxy->ways + 2; way++)
        way->is_open = eddy__socket_receives(ends[way->from]->type) &&
                       eddy__socket_sends(ends[way->to]->type);
    if (!proxy->ways[0].is_open && !proxy->ways[1].is_open)
        return eddy__relay_fail(relay, EDDY_OUT, -ENOTSUP);
    if (ends[EDDY_IN] == ends[EDDY_OUT]) proxy->ways[1].is_open = 0;
    return 0;
}

static int run_proxy(eddy__relay *relay) {
    eddy__proxy *proxy = (eddy__proxy *)relay;
    double deadline = 0;
    for (;;) {
        int moved = pass(proxy);
        if (moved < 0) return moved;
        int ending = eddy__control_ending(&relay->control);
        if (ending && deadline > 0 && (!moved || eddy_time() >= deadline)) return ending;
        if (ending && deadline == 0) deadline = eddy_time() + LAST_MS;
        if (ending || moved) continue;
        /* What is stuck may have used up wake-ups when it was tried, and a mandatory ROUTER
         * with one full peer among others tells of none: then the wait is short. */
        int rc = eddy__relay_wait(relay, proxy->is_stuck ? RETRY_MS : -1);
        if (rc == -EINPROGRESS) return rc;
        if (rc < 0) return eddy__relay_fail(relay, EDDY_ENDS, rc);
    }
}

eddy__relay *eddy__proxy_new(const eddy_device_plan *plan, int *error) {
    eddy__proxy *proxy = eddy__calloc(1, sizeof *proxy);
    *error = -ENOMEM;
    if (!proxy) return NULL;
    *error = eddy__relay_init(&proxy->relay);
    proxy->relay.open = open_proxy;
    proxy->relay.run = run_proxy;
    proxy->relay.free = free_proxy;
    proxy->swaps = plan->swaps;
    proxy->ways[0].from = proxy->ways[1].to = EDDY_IN;
    proxy->ways[0].to = proxy->ways[1].from = EDDY_OUT;
    for (int i = 0; i < 2 && *error == 0; i++)
        *error = make_prefix(&proxy->ways[i], plan->prefixes[i], plan->prefix_sizes[i]);
    if (*error == 0) return &proxy->relay;
    free_proxy(&proxy->relay);
    return NULL;
}
