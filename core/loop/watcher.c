#include "loop/watcher.h"
#include "base/sys.h"

/* A socket that nobody waits for brings no event; a descriptor always may have an error. */
static void count_alive(eddy__watch *watch) {
    int alive = !watch->closing && (!watch->source.socket || watch->source.wanted);
    watch->turn->alive += alive - watch->counted;
    watch->counted = alive;
}

static void free_watch(eddy__turn *turn, eddy__grave *grave) {
    (void)turn;
    eddy__free(grave);
}

static void tell(eddy__due *due) {
    eddy__watch *watch = eddy__entry(due, eddy__watch, due);
    eddy__batch *batch = &watch->turn->batch;
    if (eddy__batch_reserve(batch) != 0) {
        eddy__list_push(&watch->turn->due, &watch->due.node);
        return;
    }
    if (watch->close_error)
        eddy__batch_add(batch, EDDY_CLOSED, watch->grave.id, watch->close_error);
    else if (watch->ready)
        eddy__batch_add(batch, EDDY_READY, watch->grave.id, watch->ready);
    watch->ready = watch->close_error = 0;
}

static int add(eddy__turn *turn, eddy__watch *watch, eddy__socket *socket, int fd, int events) {
    int rc = eddy__poller_add(&turn->poller, &watch->source, socket, fd);
    if (rc != 0) return rc;
    rc = eddy__poller_want(&turn->poller, &watch->source, events);
    if (rc != 0) eddy__poller_remove(&turn->poller, &watch->source);
    return rc;
}

int eddy__watch_open(eddy__turn *turn, eddy__socket *socket, int fd, int events) {
    if (socket && socket->owner) return -EEXIST;
    eddy__watch *watch = eddy__calloc(1, sizeof *watch);
    if (!watch) return -ENOMEM;
    watch->turn = turn;
    watch->grave.free = free_watch;
    watch->source.owner = EDDY__WATCH;
    eddy__list_init(&watch->grave.node);
    eddy__list_init(&watch->due.node);
    watch->due.tell = tell;
    int id = eddy__slots_add(&turn->slots, watch, EDDY__WATCH);
    int rc = id < 0 ? id : add(turn, watch, socket, fd, events);
    if (rc < 0) {
        if (id > 0) eddy__slots_remove(&turn->slots, (uint32_t)id);
        eddy__free(watch);
        return rc;
    }
    watch->grave.id = (uint32_t)id;
    if (socket) socket->owner = &watch->source;
    count_alive(watch);
    return id;
}

int eddy__watch_change(eddy__watch *watch, int events) {
    if (watch->source.fd < 0) return 0; /* its socket is gone, which will be told */
    watch->ready &= events | EDDY_ERROR;
    int rc = eddy__poller_want(&watch->turn->poller, &watch->source, events);
    count_alive(watch);
    return rc;
}

static void detach(eddy__watch *watch) {
    if (watch->source.fd < 0) return;
    if (watch->source.socket) watch->source.socket->owner = NULL;
    eddy__poller_remove(&watch->turn->poller, &watch->source);
    watch->source.fd = -1;
}

void eddy__watch_close(eddy__watch *watch) {
    if (watch->closing) return;
    watch->closing = 1;
    detach(watch);
    count_alive(watch);
    eddy__list_remove(&watch->due.node);
    eddy__turn_bury(watch->turn, &watch->grave);
}

void eddy__watch_orphan(eddy__watch *watch, int error) {
    detach(watch);
    watch->close_error = error;
    watch->ready = 0;
    eddy__list_push(&watch->turn->due, &watch->due.node);
}

void eddy__watch_serve(eddy__watch *watch) {
    watch->ready = watch->source.ready;
    watch->source.ready = 0;
    /* A socket's wake-up is used up, and its handler may leave something: epoll would not
     * tell again. */
    if (watch->source.socket) eddy__poller_recheck(&watch->turn->poller, &watch->source);
    eddy__list_push(&watch->turn->due, &watch->due.node);
}
