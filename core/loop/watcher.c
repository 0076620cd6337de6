#include "loop/watcher.h"
#include "base/sys.h"

/* A socket or file that nobody waits for brings no event; another descriptor always may have an
 * error. */
static void count_alive(eddy__watcher *watcher) {
    const eddy__source *source = &watcher->source;
    int alive = !watcher->closing && (source->wanted || (!source->socket && !source->is_file));
    watcher->state->alive += alive - watcher->counted;
    watcher->counted = alive;
}

static void free_watcher(eddy__loop_state *state, eddy__grave *grave) {
    (void)state;
    eddy__free(grave);
}

static void tell(eddy__due *due) {
    eddy__watcher *watcher = eddy__entry(due, eddy__watcher, due);
    eddy__events *batch = &watcher->state->batch;
    if (eddy__events_reserve(batch) != 0) {
        eddy__list_push(&watcher->state->due, &watcher->due.node);
        return;
    }
    if (watcher->close_error)
        eddy__events_add(batch, EDDY_CLOSED, watcher->grave.id, watcher->close_error);
    else if (watcher->ready)
        eddy__events_add(batch, EDDY_READY, watcher->grave.id, watcher->ready);
    watcher->ready = watcher->close_error = 0;
}

static void detach(eddy__watcher *watcher) {
    if (watcher->source.fd < 0) return;
    if (watcher->source.socket) watcher->source.socket->owner = NULL;
    eddy__poller_remove(&watcher->state->poller, &watcher->source);
    watcher->source.fd = -1;
}

static void orphan(eddy__source *source, int error) {
    eddy__watcher *watcher = eddy__entry(source, eddy__watcher, source);
    detach(watcher);
    watcher->close_error = error;
    watcher->ready = 0;
    eddy__list_push(&watcher->state->due, &watcher->due.node);
    eddy__sleeper_wake(&watcher->state->poller.sleeper);
}

static void serve(eddy__source *source) {
    eddy__watcher *watcher = eddy__entry(source, eddy__watcher, source);
    watcher->ready = source->ready;
    source->ready = 0;
    /* A socket's wake-up is used up, and its handler may leave something: epoll would not
     * tell again. Nor does it tell of a file. */
    if (source->socket || source->is_file)
        eddy__poller_recheck(&watcher->state->poller, source);
    eddy__list_push(&watcher->state->due, &watcher->due.node);
}

static int add(eddy__loop_state *state, eddy__watcher *watcher, eddy__socket *socket, int fd,
               int events) {
    int rc = eddy__poller_add(&state->poller, &watcher->source, socket, fd);
    if (rc != 0) return rc;
    rc = eddy__poller_want(&state->poller, &watcher->source, events);
    if (rc != 0) eddy__poller_remove(&state->poller, &watcher->source);
    return rc;
}

int eddy__watcher_open(eddy__loop_state *state, eddy__socket *socket, int fd, int events) {
    if (socket && socket->owner) return -EEXIST;
    if (socket && !eddy__socket_can(socket->type, events)) return -ENOTSUP;
    eddy__watcher *watcher = eddy__calloc(1, sizeof *watcher);
    if (!watcher) return -ENOMEM;
    watcher->state = state;
    watcher->grave.free = free_watcher;
    watcher->source.serve = serve;
    watcher->source.orphan = orphan;
    eddy__list_init(&watcher->grave.node);
    eddy__list_init(&watcher->due.node);
    watcher->due.tell = tell;
    int id = eddy__id_map_add(&state->ids, watcher, EDDY__WATCH);
    int rc = id < 0 ? id : add(state, watcher, socket, fd, events);
    if (rc < 0) {
        if (id > 0) eddy__id_map_remove(&state->ids, (uint32_t)id);
        eddy__free(watcher);
        return rc;
    }
    watcher->grave.id = (uint32_t)id;
    if (socket) socket->owner = &watcher->source;
    count_alive(watcher);
    return id;
}

int eddy__watcher_change(eddy__watcher *watcher, int events) {
    if (watcher->source.fd < 0) return 0; /* its socket is gone, which will be told */
    const eddy__socket *socket = watcher->source.socket;
    if (socket && !eddy__socket_can(socket->type, events)) return -ENOTSUP;
    watcher->ready &= events | EDDY_ERROR;
    int rc = eddy__poller_want(&watcher->state->poller, &watcher->source, events);
    count_alive(watcher);
    return rc;
}

void eddy__watcher_close(eddy__watcher *watcher) {
    if (watcher->closing) return;
    watcher->closing = 1;
    detach(watcher);
    count_alive(watcher);
    eddy__list_remove(&watcher->due.node);
    eddy__state_bury(watcher->state, &watcher->grave);
}
