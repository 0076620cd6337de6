#include "process/pipe.h"
#include "base/sys.h"
#include "eddy.h"

#include <signal.h>
#include <time.h>

static void free_pipe(eddy__loop_state *state, eddy__grave *grave) {
    (void)state;
    eddy__free(grave);
}

static void tell(eddy__due *due) {
    eddy__pipe *pipe = eddy__entry(due, eddy__pipe, due);
    eddy__events *batch = &pipe->state->batch;
    if (eddy__events_reserve(batch) != 0)
        eddy__list_push(&pipe->state->due, &pipe->due.node);
    else if (pipe->ready)
        eddy__events_add(batch, EDDY_READY, pipe->grave.id, pipe->ready);
}

static void serve(eddy__source *source) {
    eddy__pipe *pipe = eddy__entry(source, eddy__pipe, source);
    pipe->ready = source->ready;
    source->ready = 0;
    eddy__list_push(&pipe->state->due, &pipe->due.node);
}

int eddy__pipe_open(eddy__loop_state *state, int fd) {
    eddy__pipe *pipe = eddy__calloc(1, sizeof *pipe);
    if (!pipe) return -ENOMEM;
    int id = eddy__id_map_add(&state->ids, pipe, EDDY__PIPE);
    if (id < 0) {
        eddy__free(pipe);
        return id;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    pipe->state = state;
    pipe->fd = fd;
    pipe->grave.id = (uint32_t)id;
    pipe->grave.free = free_pipe;
    pipe->source.serve = serve;
    pipe->source.is_own = 1;
    pipe->due.tell = tell;
    eddy__list_init(&pipe->grave.node);
    eddy__list_init(&pipe->due.node);
    return id;
}

static void unwatch(eddy__pipe *pipe) {
    if (!pipe->watched) return;
    eddy__poller_remove(&pipe->state->poller, &pipe->source);
    eddy__list_remove(&pipe->due.node);
    pipe->watched = pipe->ready = 0;
}

int eddy__pipe_want(eddy__pipe *pipe, int events) {
    eddy__poller *poller = &pipe->state->poller;
    if (!events) return unwatch(pipe), 0;
    if (!pipe->watched) {
        int rc = eddy__poller_add(poller, &pipe->source, NULL, pipe->fd);
        if (rc != 0) return rc;
        pipe->watched = 1;
    }
    pipe->ready &= events | EDDY_ERROR;
    int rc = eddy__poller_want(poller, &pipe->source, events);
    if (rc != 0) unwatch(pipe);
    return rc;
}

int eddy__pipe_read(eddy__pipe *pipe, char *bytes, uint32_t size) {
    int result = eddy__read(pipe->fd, bytes, size);
    return result < 0 ? -errno : result;
}

/* A write to a pipe that nobody reads sends the thread SIGPIPE, which outside the host ends the
 * process: it is kept back, and taken. */
int eddy__pipe_write(eddy__pipe *pipe, const char *bytes, uint32_t size) {
    static const struct timespec at_once;
    sigset_t broken, before, waiting;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigpending(&waiting);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    int result = eddy__write(pipe->fd, bytes, size);
    if (result < 0) result = -errno;
    if (result == -EPIPE && !sigismember(&waiting, SIGPIPE))
        sigtimedwait(&broken, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

void eddy__pipe_close(eddy__pipe *pipe) {
    if (pipe->closing) return;
    pipe->closing = 1;
    unwatch(pipe);
    close(pipe->fd);
    eddy__state_bury(pipe->state, &pipe->grave);
}
