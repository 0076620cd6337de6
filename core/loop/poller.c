#include "loop/poller.h"
#include "base/sys.h"
#include "eddy.h"

#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

/* Against 40 ns for a 32-byte message, asking the kernel for more costs 200 to 300 ns. */
static const double WAIT_EVERY_MS = 0.05;

enum {
    SOURCE = 1,
    WAKE_UPS = 256, /* taken from the kernel at once */
    SWEEP_MS = 1000,
};

int eddy__poller_open(eddy__poller *poller) {
    memset(poller, 0, sizeof *poller);
    eddy__id_map_init(&poller->sources);
    eddy__list_init(&poller->dirty);
    eddy__list_init(&poller->ready);
    poller->outer = -1;
    poller->epoll = eddy__epoll_create();
    return poller->epoll < 0 ? -errno : 0;
}

void eddy__poller_close(eddy__poller *poller) {
    if (poller->outer >= 0) close(poller->outer);
    if (poller->epoll >= 0) close(poller->epoll);
    poller->epoll = poller->outer = -1;
    eddy__id_map_free(&poller->sources);
}

static uint32_t interest(const eddy__source *source) {
    /* A ZMQ_FD is readable for events of both directions, and is always writable. */
    if (source->socket) return EPOLLIN;
    return (source->wanted & EDDY_READ ? EPOLLIN : 0) |
           (source->wanted & EDDY_WRITE ? EPOLLOUT : 0);
}

static int control(eddy__poller *poller, int op, eddy__source *source) {
    if (source->is_file) return 0;
    struct epoll_event event = {.events = interest(source), .data.u32 = source->id};
    return eddy__epoll_ctl(poller->epoll, op, source->fd, &event) == 0 ? 0 : -errno;
}

/* A set that is in no other needs nothing. */
static int show_outside(eddy__poller *poller) {
    struct epoll_event event = {.events = EPOLLIN};
    if (poller->outer < 0) return 0;
    int rc = eddy__epoll_ctl(poller->outer, EPOLL_CTL_ADD, poller->epoll, &event);
    return rc == 0 ? 0 : -errno;
}

int eddy__poller_fd(eddy__poller *poller) {
    if (poller->outer >= 0) return poller->outer;
    poller->outer = eddy__epoll_create();
    int rc = poller->outer < 0 ? -errno : show_outside(poller);
    if (rc == 0) return poller->outer;
    if (poller->outer >= 0) close(poller->outer);
    poller->outer = -1;
    return rc;
}

/* A number that can be added was closed if another source has it: the kernel forgot that one,
 * and what is asked of that one must not be done to this one. */
static void supersede(eddy__poller *poller, const eddy__source *source) {
    int kind;
    if (poller->others == 0) return;
    for (uint32_t i = 0; i < poller->sources.used; i++) {
        eddy__source *other = eddy__id_map_at(&poller->sources, i, &kind);
        if (other && other != source && other->fd == source->fd) other->gone = 1;
    }
}

/* Whether a file is still the one that it was: nobody tells when it is closed. */
static int is_open(const eddy__source *source) {
    struct stat status;
    return fstat(source->fd, &status) == 0 && (uint32_t)status.st_dev == source->device &&
           status.st_ino == source->inode;
}

/* Takes what epoll refused. -EEXIST when it is watched already. */
static int add_file(eddy__poller *poller, eddy__source *source) {
    struct stat status;
    int kind;
    if (fstat(source->fd, &status) != 0) return -errno;
    for (uint32_t i = 0; i < poller->sources.used; i++) {
        eddy__source *other = eddy__id_map_at(&poller->sources, i, &kind);
        if (!other || !other->is_file || other->gone || other->fd != source->fd) continue;
        if (is_open(other)) return -EEXIST;
    }
    source->is_file = 1;
    source->device = (uint32_t)status.st_dev;
    source->inode = status.st_ino;
    return 0;
}

int eddy__poller_add(eddy__poller *poller, eddy__source *source, eddy__socket *socket, int fd) {
    int id = eddy__id_map_add(&poller->sources, source, SOURCE);
    if (id < 0) return id;
    source->socket = socket;
    source->fd = socket ? socket->fd : fd;
    source->id = (uint32_t)id;
    source->wanted = source->ready = source->gone = source->is_file = source->priority = 0;
    source->seen = 0;
    eddy__list_init(&source->mark);
    int rc = control(poller, EPOLL_CTL_ADD, source);
    if (rc == -EPERM) rc = add_file(poller, source);
    if (rc < 0) {
        eddy__id_map_remove(&poller->sources, source->id);
        return rc;
    }
    if (socket) {
        socket->touched = &poller->dirty;
        socket->mark = &source->mark;
        socket->sleeper = &poller->sleeper;
        eddy__poller_recheck(poller, source);
    }
    supersede(poller, source);
    source->is_own |= socket != NULL;
    poller->others += !source->is_own;
    return 0;
}

int eddy__poller_want(eddy__poller *poller, eddy__source *source, int wanted) {
    if (source->wanted == wanted) return 0;
    if (source->gone) return -EBADF;
    int before = source->wanted;
    source->wanted = wanted;
    if (source->socket || source->is_file) {
        source->ready = 0;
        eddy__list_remove(&source->mark);
        eddy__poller_recheck(poller, source);
        return 0;
    }
    source->ready &= wanted | EDDY_ERROR;
    int rc = control(poller, EPOLL_CTL_MOD, source);
    if (rc < 0) source->wanted = before;
    return rc;
}

void eddy__poller_rank(eddy__poller *poller, eddy__source *source, int priority) {
    poller->ranked += (priority != 0) - (source->priority != 0);
    source->priority = priority;
}

/* Few of those that are ready have a priority: each goes back past the lower ones before it. */
void eddy__poller_sort(eddy__list *ready) {
    eddy__list sorted;
    eddy__list_init(&sorted);
    for (eddy__node *node; (node = eddy__list_shift(ready));) {
        int priority = eddy__entry(node, eddy__source, mark)->priority;
        eddy__node *before = sorted.prev;
        while (before != &sorted &&
               eddy__entry(before, eddy__source, mark)->priority < priority)
            before = before->prev;
        eddy__list_push(before->next, node);
    }
    eddy__list_append(ready, &sorted);
}

void eddy__poller_remove(eddy__poller *poller, eddy__source *source) {
    struct epoll_event none = {0};
    if (!source->gone && !source->is_file)
        epoll_ctl(poller->epoll, EPOLL_CTL_DEL, source->fd, &none);
    if (source->socket) {
        source->socket->touched = NULL;
        source->socket->sleeper = NULL;
    }
    source->socket = NULL;
    source->ready = 0;
    eddy__poller_rank(poller, source, 0);
    poller->others -= !source->is_own;
    eddy__list_remove(&source->mark);
    eddy__id_map_remove(&poller->sources, source->id);
}

/* Reads the socket's events. An error is a readiness too: the owner's next call meets it. */
static void look(eddy__poller *poller, eddy__source *source, double now) {
    int events = eddy__socket_events(source->socket);
    source->ready = events < 0 ? source->wanted : events & source->wanted;
    source->seen = now;
    eddy__list_remove(&source->mark);
    if (source->ready) eddy__list_push(&poller->ready, &source->mark);
}

void eddy__poller_emptied(eddy__source *source, double now) {
    if (source->wanted != EDDY_READ || source->ready) return;
    source->seen = now;
    eddy__list_remove(&source->mark);
}

static void look_at_file(eddy__poller *poller, eddy__source *source) {
    if (source->gone || !is_open(source)) return;
    source->ready = source->wanted;
    eddy__list_push(&poller->ready, &source->mark);
}

void eddy__poller_refresh(eddy__poller *poller, double now) {
    eddy__list dirty;
    eddy__list_init(&dirty);
    eddy__list_append(&dirty, &poller->dirty);
    for (eddy__node *node; (node = eddy__list_shift(&dirty));) {
        eddy__source *source = eddy__entry(node, eddy__source, mark);
        if (!source->wanted) continue;
        if (source->socket)
            look(poller, source, now);
        else if (source->is_file)
            look_at_file(poller, source);
    }
}

static void wake(eddy__poller *poller, eddy__source *source, uint32_t events, double now) {
    if (source->socket) {
        /* Also without a wish: the wake-up must be used up, or epoll would report it again. */
        if (!source->ready) look(poller, source, now);
        return;
    }
    source->ready = (events & (EPOLLIN | EPOLLRDHUP) ? EDDY_READ : 0) |
                    (events & EPOLLOUT ? EDDY_WRITE : 0) |
                    (events & (EPOLLERR | EPOLLHUP) ? EDDY_ERROR : 0);
    if (source->ready) eddy__list_push(&poller->ready, &source->mark);
}

int eddy__poller_busy(const eddy__poller *poller, double now) {
    double since = now - poller->waited;
    return since > 0 && since < WAIT_EVERY_MS && !eddy__list_empty(&poller->ready);
}

/* A descriptor was closed and forgotten here while another one still stands for its file: the
 * kernel goes on telling of it, and cannot be asked to stop. All others move to a new set. */
static void renew(eddy__poller *poller) {
    int old = poller->epoll, kind;
    poller->epoll = eddy__epoll_create();
    if (poller->epoll < 0) {
        poller->epoll = old;
        return; /* there is no room for it now: the next wait tries again */
    }
    int rc = show_outside(poller);
    for (uint32_t i = 0; rc == 0 && i < poller->sources.used; i++) {
        eddy__source *source = eddy__id_map_at(&poller->sources, i, &kind);
        rc = source && !source->gone ? control(poller, EPOLL_CTL_ADD, source) : 0;
        if (rc != -ENOMEM && rc != -ENOSPC) rc = 0; /* one that is closed is not missed */
    }
    int useless = rc == 0 ? old : poller->epoll;
    if (rc != 0) poller->epoll = old;
    close(useless); /* it leaves the outer set, too */
}

int eddy__poller_wait(eddy__poller *poller, double timeout, double now) {
    struct epoll_event events[WAKE_UPS];
    struct timespec time, *limit = NULL;
    poller->waited = now;
    if (timeout < 1e12) {
        time.tv_sec = (time_t)(timeout / 1e3);
        time.tv_nsec = (long)fmin(ceil(fmod(timeout, 1e3) * 1e6), 999999999);
        limit = &time;
    }
    int count = eddy__epoll_wait(poller->epoll, events, WAKE_UPS, limit);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    int stale = 0;
    for (int i = 0; i < count; i++) {
        eddy__source *source = eddy__id_map_find(&poller->sources, events[i].data.u32, SOURCE);
        if (source && !source->gone)
            wake(poller, source, events[i].events, now);
        else
            stale = 1;
    }
    if (stale) renew(poller);
    return 0;
}

void eddy__poller_sweep(eddy__poller *poller, double now) {
    double period = eddy__fault(EDDY__FAULT_SWEEP) ? 0 : SWEEP_MS;
    if (now - poller->swept < period) return;
    poller->swept = now;
    int kind;
    for (uint32_t i = 0; i < poller->sources.used; i++) {
        eddy__source *source = eddy__id_map_at(&poller->sources, i, &kind);
        if (!source || !source->socket || !source->wanted) continue;
        if (eddy__list_linked(&source->mark) || now - source->seen < period) continue;
        struct pollfd item = {source->fd, POLLIN, 0};
        if (poll(&item, 1, 0) != 0) continue; /* its wake-up is on the way */
        look(poller, source, now);
        if (source->ready) poller->missed_wakeups += 1;
    }
}
