#include "device/proxy.h"
#include "base/sys.h"
#include "zmq/message.h"

#include <limits.h>
#include <string.h>

enum {
    /* Messages in one direction before it is the other one's turn: reading ZMQ_EVENTS anew
     * costs as much as relaying three messages. */
    BURST = 1000,
    LAST_MS = 100, /* how long messages may still go through once the end was asked for */
    RETRY_MS = 10, /* when a socket does not do what its ZMQ_EVENTS said */
    FIRST_ROOM = 4,
};

static int make_prefix(eddy__way *way, const char *prefix, int size) {
    zmq_msg_init(&way->prefix);
    if (size < 0) return 0;
    if (eddy__msg_init(&way->prefix, (size_t)size) != 0) return -ENOMEM;
    if (size > 0) memcpy(zmq_msg_data(&way->prefix), prefix, (size_t)size);
    way->has_prefix = 1;
    return 0;
}

int eddy__relay_init(eddy__relay *relay, const eddy_device_plan *plan) {
    memset(relay, 0, sizeof *relay);
    relay->swaps = plan->swaps;
    relay->ways[0].from = relay->ways[1].to = EDDY_IN;
    relay->ways[0].to = relay->ways[1].from = EDDY_OUT;
    int rc = eddy__steering_init(&relay->steering);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = make_prefix(&relay->ways[i], plan->prefixes[i], plan->prefix_sizes[i]);
    if (rc != 0) eddy__relay_free(relay);
    return rc;
}

void eddy__relay_free(eddy__relay *relay) {
    for (eddy__way *way = relay->ways; way < relay->ways + 2; way++) {
        eddy__message_close(way->parts, way->room);
        eddy__free(way->parts);
        zmq_msg_close(&way->prefix);
    }
    eddy__free(relay->copies);
    eddy__steering_free(&relay->steering);
}

static int fail(eddy__relay *relay, int end, int error) {
    relay->failed = end;
    return error;
}

static int grow(eddy__way *way) {
    uint32_t room = way->room ? way->room * 2 : FIRST_ROOM;
    zmq_msg_t *parts = eddy__calloc(room, sizeof *parts);
    if (!parts) return -ENOMEM;
    for (uint32_t i = 0; i < room; i++) zmq_msg_init(&parts[i]);
    for (uint32_t i = 0; i < way->room; i++) zmq_msg_move(&parts[i], &way->parts[i]);
    eddy__free(way->parts);
    way->parts = parts;
    way->room = room;
    return 0;
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
static int receive(eddy__relay *relay, eddy__way *way) {
    eddy__socket *from = relay->ends[way->from];
    int more;
    do {
        if (way->count == way->room && grow(way) != 0) return fail(relay, way->from, -ENOMEM);
        zmq_msg_t *part = &way->parts[way->count];
        int rc = eddy__socket_recv(from, part, ZMQ_DONTWAIT);
        if (rc < 0) return eddy__message_may_pass(rc) ? 0 : fail(relay, way->from, rc);
        more = zmq_msg_more(part);
        way->bytes += rc < INT_MAX ? rc : (double)zmq_msg_size(part);
        way->count++;
    } while (more);
    if (relay->swaps && way->count > 1) swap(&way->parts[0], &way->parts[1]);
    way->is_whole = 1;
    way->is_shown = 0;
    return 1;
}

/* Sends the monitor a copy, after the prefix. 0 or -errno. */
static int show(eddy__relay *relay, eddy__way *way) {
    uint32_t count = 0, most = way->count + 1;
    if (relay->copies_room < most) {
        zmq_msg_t *copies = eddy__realloc(relay->copies, 2 * most * sizeof *copies);
        if (!copies) return -ENOMEM;
        relay->copies = copies;
        relay->copies_room = 2 * most;
    }
    zmq_msg_t *copies = relay->copies;
    if (way->has_prefix) {
        zmq_msg_init(&copies[count]);
        zmq_msg_copy(&copies[count++], &way->prefix);
    }
    for (uint32_t i = 0; i < way->count; i++) {
        zmq_msg_init(&copies[count]);
        zmq_msg_copy(&copies[count++], &way->parts[i]);
    }
    int rc = eddy__message_send(relay->ends[EDDY_MON], copies, count);
    if (rc != 0) eddy__message_close(copies, count);
    return rc;
}

static void count(eddy__relay *relay, const eddy__way *way) {
    uint64_t *from = relay->steering.counts + way->from * EDDY__SIDE_COUNTS;
    uint64_t *to = relay->steering.counts + way->to * EDDY__SIDE_COUNTS;
    eddy__steering_add(&from[EDDY__RECEIVED], 1);
    eddy__steering_add(&from[EDDY__RECEIVED_BYTES], (uint64_t)way->bytes);
    eddy__steering_add(&to[EDDY__SENT], 1);
    eddy__steering_add(&to[EDDY__SENT_BYTES], (uint64_t)way->bytes);
}

/* What a send leaves of a message is closed; a receive wants it open. */
static void empty_hand(eddy__way *way) {
    for (uint32_t i = 0; i < way->count; i++) zmq_msg_init(&way->parts[i]);
    way->count = 0;
    way->bytes = 0;
    way->is_whole = 0;
}

/* Hands the message in hand over: 1, 0 when it has to wait, or -errno. One that the socket
 * refuses for what it is, as a mandatory ROUTER does when its peer is gone, is dropped and
 * counted: it may not end the device. */
static int deliver(eddy__relay *relay, eddy__way *way) {
    if (relay->ends[EDDY_MON] && !way->is_shown) {
        int rc = show(relay, way);
        if (rc < 0) return eddy__message_may_pass(rc) ? 0 : fail(relay, EDDY_MON, rc);
        way->is_shown = 1;
    }
    int rc = eddy__message_send(relay->ends[way->to], way->parts, way->count);
    if (eddy__message_may_pass(rc)) return 0;
    if (rc == 0) {
        count(relay, way);
    } else if (rc == -EHOSTUNREACH || rc == -EINVAL) {
        eddy__steering_add(&relay->steering.dropped, 1);
        eddy__message_close(way->parts, way->count);
    } else {
        return fail(relay, way->to, rc);
    }
    empty_hand(way);
    return 1;
}

static int is_ready(const eddy__relay *relay, int end, int event) {
    return !relay->ends[end] || (relay->events[end] & event);
}

static int can_carry(const eddy__relay *relay, const eddy__way *way) {
    if (!way->is_open) return 0;
    if (!way->is_whole && !is_ready(relay, way->from, ZMQ_POLLIN)) return 0;
    /* A REP socket that answers itself can send once it has received. */
    int answers = !way->is_whole && relay->ends[way->from] == relay->ends[way->to];
    if (!answers && !is_ready(relay, way->to, ZMQ_POLLOUT)) return 0;
    return (way->is_whole && way->is_shown) || is_ready(relay, EDDY_MON, ZMQ_POLLOUT);
}

/* Carries messages one way as long as there are some and they are taken, within a burst.
 * Returns whether anything moved, or -errno. */
static int carry(eddy__relay *relay, eddy__way *way) {
    double bytes = 0;
    int moved = 0, rc = 1;
    if (!can_carry(relay, way)) return 0;
    for (int i = 0; i < BURST && bytes < EDDY_BATCH_BYTES; i++) {
        if (!way->is_whole) {
            rc = receive(relay, way);
            if (rc <= 0) break;
            moved = 1;
        }
        bytes += way->bytes;
        rc = deliver(relay, way);
        if (rc <= 0) break;
        moved = 1;
    }
    relay->is_stuck |= !moved;
    return rc < 0 ? rc : moved;
}

/* Reads what all sockets are ready for, once for both directions: reading it uses up a
 * socket's wake-up, so what one direction learnt, the other must not miss. */
static int look(eddy__relay *relay) {
    for (int i = 0; i < EDDY_ENDS; i++) {
        eddy__socket *end = relay->ends[i];
        if (!end) continue;
        if (i == EDDY_OUT && end == relay->ends[EDDY_IN]) {
            relay->events[i] = relay->events[EDDY_IN];
            continue;
        }
        eddy__socket_touch(end);
        relay->events[i] = eddy__socket_events(end);
        if (relay->events[i] < 0) return fail(relay, i, relay->events[i]);
    }
    return 0;
}

/* Does what can be done without waiting. Returns whether that was anything, or -errno. */
static int pass(eddy__relay *relay) {
    int moved = 0, rc = look(relay);
    if (rc < 0) return rc;
    relay->is_stuck = 0;
    if (relay->ends[EDDY_CTRL] && (relay->events[EDDY_CTRL] & ZMQ_POLLIN)) {
        rc = eddy__steering_obey(&relay->steering, relay->ends[EDDY_CTRL]);
        if (rc < 0) return fail(relay, EDDY_CTRL, rc);
        moved = 1;
    }
    if (eddy__steering_paused(&relay->steering)) return moved;
    for (int i = 0; i < 2; i++) {
        rc = carry(relay, &relay->ways[i]);
        if (rc < 0) return rc;
        moved |= rc;
    }
    return moved;
}

/* What is stuck may have used up wake-ups when it was tried, and a mandatory ROUTER with one
 * full peer among others tells of none: then the wait is short. */
static int wait(eddy__relay *relay) {
    struct timespec soon = {0, RETRY_MS * 1000000L};
    struct pollfd fds[EDDY_ENDS + 1];
    nfds_t count = 0;
    for (int i = 0; i < EDDY_ENDS; i++)
        if (relay->ends[i]) fds[count++] = (struct pollfd){relay->ends[i]->fd, POLLIN, 0};
    fds[count++] = (struct pollfd){relay->steering.wake, POLLIN, 0};
    if (eddy__ppoll(fds, count, relay->is_stuck ? &soon : NULL) < 0)
        return errno == EINTR ? 0 : -errno;
    uint64_t news;
    if (fds[count - 1].revents && read(relay->steering.wake, &news, sizeof news) < 0)
        return errno == EAGAIN ? 0 : -errno;
    return 0;
}

static int can_receive(int type) {
    return type != ZMQ_PUSH && type != ZMQ_PUB;
}

static int can_send(int type) {
    return type != ZMQ_PULL && type != ZMQ_SUB;
}

int eddy__relay_open(eddy__relay *relay) {
    const eddy__socket *monitor = relay->ends[EDDY_MON];
    if (monitor && !can_send(monitor->type)) return fail(relay, EDDY_MON, -ENOTSUP);
    for (eddy__way *way = relay->ways; way < relay->ways + 2; way++)
        way->is_open =
            can_receive(relay->ends[way->from]->type) && can_send(relay->ends[way->to]->type);
    if (relay->ends[EDDY_IN] == relay->ends[EDDY_OUT]) relay->ways[1].is_open = 0;
    return 0;
}

int eddy__relay_run(eddy__relay *relay) {
    double deadline = 0;
    for (;;) {
        int moved = pass(relay);
        if (moved < 0) return moved;
        int ending = eddy__steering_ending(&relay->steering);
        if (ending && deadline > 0 && (!moved || eddy_time() >= deadline)) return ending;
        if (ending && deadline == 0) deadline = eddy_time() + LAST_MS;
        int rc = ending || moved ? 0 : wait(relay);
        if (rc < 0) return fail(relay, EDDY_ENDS, rc);
    }
}
