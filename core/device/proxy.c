#include "device/proxy.h"
#include "base/sys.h"
#include "base/waits.h"
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
    KEPT_ROOM = 1024, /* parts: a message of any number may come, but that much is not kept */
};

static int make_prefix(eddy__way *way, const char *prefix, int size) {
    zmq_msg_init(&way->prefix);
    if (size < 0) return 0;
    if (eddy__msg_init(&way->prefix, (size_t)size) != 0) return -ENOMEM;
    if (size > 0) memcpy(zmq_msg_data(&way->prefix), prefix, (size_t)size);
    way->has_prefix = 1;
    return 0;
}

int eddy__proxy_init(eddy__proxy *proxy, const eddy_device_plan *plan) {
    memset(proxy, 0, sizeof *proxy);
    proxy->swaps = plan->swaps;
    proxy->ways[0].from = proxy->ways[1].to = EDDY_IN;
    proxy->ways[0].to = proxy->ways[1].from = EDDY_OUT;
    int rc = eddy__control_init(&proxy->control);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = make_prefix(&proxy->ways[i], plan->prefixes[i], plan->prefix_sizes[i]);
    if (rc != 0) eddy__proxy_free(proxy);
    return rc;
}

void eddy__proxy_free(eddy__proxy *proxy) {
    for (eddy__way *way = proxy->ways; way < proxy->ways + 2; way++) {
        eddy__message_close(way->parts, way->room);
        eddy__free(way->parts);
        zmq_msg_close(&way->prefix);
    }
    eddy__free(proxy->copies);
    eddy__control_free(&proxy->control);
}

static int fail(eddy__proxy *proxy, int end, int error) {
    proxy->failed = end;
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
static int receive(eddy__proxy *proxy, eddy__way *way) {
    eddy__socket *from = proxy->ends[way->from];
    int more;
    do {
        if (way->count == way->room && grow(way) != 0) return fail(proxy, way->from, -ENOMEM);
        zmq_msg_t *part = &way->parts[way->count];
        int rc = eddy__socket_recv(from, part, ZMQ_DONTWAIT);
        if (rc < 0) return eddy__message_may_pass(rc) ? 0 : fail(proxy, way->from, rc);
        more = zmq_msg_more(part);
        way->bytes += rc < INT_MAX ? rc : (double)zmq_msg_size(part);
        way->count++;
    } while (more);
    if (proxy->swaps && way->count > 1) swap(&way->parts[0], &way->parts[1]);
    way->is_whole = 1;
    way->is_shown = 0;
    return 1;
}

/* Sends the monitor a copy, after the prefix. 0 or -errno. */
static int show(eddy__proxy *proxy, eddy__way *way) {
    uint32_t count = 0, most = way->count + 1;
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
    for (uint32_t i = 0; i < way->count; i++) {
        zmq_msg_init(&copies[count]);
        zmq_msg_copy(&copies[count++], &way->parts[i]);
    }
    int rc = eddy__message_send(proxy->ends[EDDY_MON], copies, count);
    if (rc != 0) eddy__message_close(copies, count);
    if (proxy->copies_room > KEPT_ROOM) {
        eddy__free(proxy->copies);
        proxy->copies = NULL;
        proxy->copies_room = 0;
    }
    return rc;
}

static void count(eddy__proxy *proxy, const eddy__way *way) {
    uint64_t *from = proxy->control.counts + way->from * EDDY__SIDE_COUNTS;
    uint64_t *to = proxy->control.counts + way->to * EDDY__SIDE_COUNTS;
    eddy__control_add(&from[EDDY__RECEIVED], 1);
    eddy__control_add(&from[EDDY__RECEIVED_BYTES], (uint64_t)way->bytes);
    eddy__control_add(&to[EDDY__SENT], 1);
    eddy__control_add(&to[EDDY__SENT_BYTES], (uint64_t)way->bytes);
}

/* What a send leaves of a message is closed; a receive wants it open. */
static void empty_hand(eddy__way *way) {
    for (uint32_t i = 0; i < way->count; i++) zmq_msg_init(&way->parts[i]);
    way->count = 0;
    way->bytes = 0;
    way->is_whole = 0;
    if (way->room <= KEPT_ROOM) return;
    eddy__free(way->parts);
    way->parts = NULL;
    way->room = 0;
}

/* Hands the message in hand over: 1, 0 when it has to wait, or -errno. One that the socket
 * refuses for what it is, as a mandatory ROUTER does when its peer is gone, or a subscription
 * that libzmq would garble, is dropped and counted: it may not end the device. */
static int deliver(eddy__proxy *proxy, eddy__way *way) {
    if (proxy->ends[EDDY_MON] && !way->is_shown) {
        int rc = show(proxy, way);
        if (rc < 0) return eddy__message_may_pass(rc) ? 0 : fail(proxy, EDDY_MON, rc);
        way->is_shown = 1;
    }
    int rc = eddy__message_send(proxy->ends[way->to], way->parts, way->count);
    if (eddy__message_may_pass(rc)) return 0;
    if (rc == 0) {
        count(proxy, way);
    } else if (rc == -EHOSTUNREACH || rc == -EINVAL || rc == -EMSGSIZE) {
        eddy__control_add(&proxy->control.dropped, 1);
        eddy__message_close(way->parts, way->count);
    } else {
        return fail(proxy, way->to, rc);
    }
    empty_hand(way);
    return 1;
}

static int is_ready(const eddy__proxy *proxy, int end, int event) {
    return !proxy->ends[end] || (proxy->events[end] & event);
}

static int can_carry(const eddy__proxy *proxy, const eddy__way *way) {
    if (!way->is_open) return 0;
    if (!way->is_whole && !is_ready(proxy, way->from, ZMQ_POLLIN)) return 0;
    /* A REP socket that answers itself can send once it has received. */
    int answers = !way->is_whole && proxy->ends[way->from] == proxy->ends[way->to];
    if (!answers && !is_ready(proxy, way->to, ZMQ_POLLOUT)) return 0;
    return (way->is_whole && way->is_shown) || is_ready(proxy, EDDY_MON, ZMQ_POLLOUT);
}

/* Carries messages one way as long as there are some and they are taken, within a burst.
 * Returns whether anything moved, or -errno. */
static int carry(eddy__proxy *proxy, eddy__way *way) {
    double bytes = 0;
    int moved = 0, rc = 1;
    if (!can_carry(proxy, way)) return 0;
    for (int i = 0; i < BURST && bytes < EDDY_BATCH_BYTES; i++) {
        if (!way->is_whole) {
            rc = receive(proxy, way);
            if (rc <= 0) break;
            moved = 1;
        }
        bytes += way->bytes + way->count * (double)sizeof *way->parts;
        rc = deliver(proxy, way);
        if (rc <= 0) break;
        moved = 1;
    }
    proxy->is_stuck |= !moved;
    return rc < 0 ? rc : moved;
}

/* Reads what all sockets are ready for, once for both directions: reading it uses up a
 * socket's wake-up, so what one direction learnt, the other must not miss. */
static int look(eddy__proxy *proxy) {
    for (int i = 0; i < EDDY_ENDS; i++) {
        eddy__socket *end = proxy->ends[i];
        if (!end) continue;
        if (i == EDDY_OUT && end == proxy->ends[EDDY_IN]) {
            proxy->events[i] = proxy->events[EDDY_IN];
            continue;
        }
        eddy__socket_touch(end);
        proxy->events[i] = eddy__socket_events(end);
        if (proxy->events[i] < 0) return fail(proxy, i, proxy->events[i]);
    }
    return 0;
}

/* Does what can be done without waiting. Returns whether that was anything, or -errno. */
static int pass(eddy__proxy *proxy) {
    int moved = 0, rc = look(proxy);
    if (rc < 0) return rc;
    proxy->is_stuck = 0;
    if (proxy->ends[EDDY_CTRL] && (proxy->events[EDDY_CTRL] & ZMQ_POLLIN)) {
        rc = eddy__control_obey(&proxy->control, proxy->ends[EDDY_CTRL]);
        if (rc < 0) return fail(proxy, EDDY_CTRL, rc);
        moved = 1;
    }
    if (eddy__control_paused(&proxy->control)) return moved;
    for (int i = 0; i < 2; i++) {
        rc = carry(proxy, &proxy->ways[i]);
        if (rc < 0) return rc;
        moved |= rc;
    }
    return moved;
}

/* What is stuck may have used up wake-ups when it was tried, and a mandatory ROUTER with one
 * full peer among others tells of none: then the wait is short. */
static int wait(eddy__proxy *proxy) {
    struct pollfd fds[EDDY_ENDS + 2];
    nfds_t count = 0;
    for (int i = 0; i < EDDY_ENDS; i++)
        if (proxy->ends[i]) fds[count++] = (struct pollfd){proxy->ends[i]->fd, POLLIN, 0};
    fds[count++] = (struct pollfd){proxy->control.wake, POLLIN, 0};
    int rc = eddy__waits_poll(fds, count, proxy->is_stuck ? RETRY_MS : -1);
    if (rc == -EINTR && eddy_waits_interrupted() == EDDY_POKED) return -EINPROGRESS;
    if (rc == -EINTR) eddy__control_end(&proxy->control, rc);
    if (rc != 0) return rc == -EINTR ? 0 : rc;
    uint64_t news;
    if (fds[count - 1].revents && read(proxy->control.wake, &news, sizeof news) < 0)
        return errno == EAGAIN ? 0 : -errno;
    return 0;
}

int eddy__proxy_open(eddy__proxy *proxy) {
    const eddy__socket *monitor = proxy->ends[EDDY_MON], *control = proxy->ends[EDDY_CTRL];
    if (monitor && !eddy__socket_sends(monitor->type)) return fail(proxy, EDDY_MON, -ENOTSUP);
    if (control && !eddy__socket_receives(control->type))
        return fail(proxy, EDDY_CTRL, -ENOTSUP);
    for (eddy__way *way = proxy->ways; way < proxy->ways + 2; way++)
        way->is_open = eddy__socket_receives(proxy->ends[way->from]->type) &&
                       eddy__socket_sends(proxy->ends[way->to]->type);
    if (!proxy->ways[0].is_open && !proxy->ways[1].is_open)
        return fail(proxy, EDDY_OUT, -ENOTSUP);
    if (proxy->ends[EDDY_IN] == proxy->ends[EDDY_OUT]) proxy->ways[1].is_open = 0;
    return 0;
}

int eddy__proxy_run(eddy__proxy *proxy) {
    double deadline = 0;
    for (;;) {
        int moved = pass(proxy);
        if (moved < 0) return moved;
        int ending = eddy__control_ending(&proxy->control);
        if (ending && deadline > 0 && (!moved || eddy_time() >= deadline)) return ending;
        if (ending && deadline == 0) deadline = eddy_time() + LAST_MS;
        int rc = ending || moved ? 0 : wait(proxy);
        if (rc == -EINPROGRESS) return rc;
        if (rc < 0) return fail(proxy, EDDY_ENDS, rc);
    }
}
