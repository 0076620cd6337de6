#include "zmq/poll.h"
#include "base/sys.h"
#include "base/waits.h"
#include "zmq/context.h"

#include <math.h>

enum { FEW = 16 };

static int fail(eddy_poll_item *item, int error) {
    item->ready = -error;
    return -error;
}

/* Reads what the sockets are ready for, as of now. Returns how many are, or -errno. */
static int look_at_sockets(eddy_poll_item *items, int count) {
    int ready = 0;
    for (eddy_poll_item *item = items; item < items + count; item++) {
        if (!item->context) continue;
        eddy__socket *socket = eddy__context_find(item->context, item->socket);
        if (!socket) return fail(item, -eddy__context_refusal(item->context, item->socket));
        eddy__socket_touch(socket);
        int events = eddy__socket_events(socket);
        if (events < 0) return fail(item, -events);
        item->ready = events & item->events;
        ready += item->ready != 0;
    }
    return ready;
}

/* The same for the descriptors, from what the kernel said. */
static int look_at_descriptors(eddy_poll_item *items, const struct pollfd *fds, int count) {
    int ready = 0;
    for (int i = 0; i < count; i++) {
        if (items[i].context) continue;
        int events = fds[i].revents;
        if (events & POLLNVAL) return fail(&items[i], EBADF);
        items[i].ready = (events & POLLIN ? EDDY_READ : 0) |
                         (events & POLLOUT ? EDDY_WRITE : 0) |
                         (events & (POLLERR | POLLHUP) ? EDDY_ERROR : 0);
        ready += items[i].ready != 0;
    }
    return ready;
}

/* Makes the kernel's list. Returns how many plain descriptors are in it, or -errno. */
static int list(eddy_poll_item *items, struct pollfd *fds, int count) {
    int plain = 0;
    for (int i = 0; i < count; i++) {
        int events = items[i].events;
        items[i].ready = 0;
        if (!items[i].context) {
            if (items[i].fd < 0) return fail(&items[i], EBADF);
            fds[i] = (struct pollfd){items[i].fd, 0, 0};
            fds[i].events = (short)((events & EDDY_READ ? POLLIN : 0) |
                                    (events & EDDY_WRITE ? POLLOUT : 0));
            plain++;
            continue;
        }
        eddy__socket *socket = eddy__context_find(items[i].context, items[i].socket);
        if (!socket)
            return fail(&items[i], -eddy__context_refusal(items[i].context, items[i].socket));
        fds[i] = (struct pollfd){socket->fd, POLLIN, 0};
    }
    return plain;
}

static int wait(eddy_poll_item *items, struct pollfd *fds, int count, double timeout) {
    double deadline = eddy_time() + timeout;
    int plain = list(items, fds, count);
    if (plain < 0) return plain;
    for (;;) {
        int ready = look_at_sockets(items, count);
        if (ready < 0) return ready;
        double left = -1;
        if (ready > 0)
            left = 0;
        else if (timeout >= 0)
            left = fmax(0, deadline - eddy_time());
        if (left == 0 && plain == 0) return ready;
        int rc = eddy__waits_poll(fds, (nfds_t)count, left);
        if (rc < 0) return rc;
        int more = look_at_descriptors(items, fds, count);
        if (more < 0) return more;
        if (left == 0) return ready + more;
        if (more == 0) continue;
        ready = look_at_sockets(items, count);
        return ready < 0 ? ready : ready + more;
    }
}

int eddy_poll(eddy_poll_item *items, int count, double timeout) {
    if (count < 0 || isnan(timeout)) return -EINVAL;
    if (count == 0) return 0;
    struct pollfd few[FEW], *fds = few;
    if (count >= FEW) fds = eddy__calloc((size_t)count + 1, sizeof *fds);
    if (!fds) return -ENOMEM;
    int rc = wait(items, fds, count, timeout);
    if (fds != few) eddy__free(fds);
    return rc;
}
