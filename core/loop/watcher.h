/* A watch: events about the readiness of a descriptor or a socket, as long as it lasts. */
#ifndef EDDY_LOOP_WATCHER_H
#define EDDY_LOOP_WATCHER_H

#include "loop/state.h"
#include "zmq/context.h"

typedef struct eddy__watcher {
    eddy__grave grave;
    eddy__loop_state *state;
    eddy__source source;
    eddy__due due;
    int ready;       /* to be told */
    int close_error; /* to be told */
    int closing;
    int counted; /* among what could bring an event */
} eddy__watcher;

/* Watches the socket, or the descriptor when there is none. Its id, or -errno. */
int eddy__watcher_open(eddy__loop_state *state, eddy__socket *socket, int fd, int events);

int eddy__watcher_change(eddy__watcher *watcher, int events);
void eddy__watcher_close(eddy__watcher *watcher);

/* The socket goes away under the watch: events of it end, and EDDY_CLOSED tells. */
void eddy__watcher_orphan(eddy__watcher *watcher, int error);

/* Notes that it is ready, and that a look is due again in the next turn. */
void eddy__watcher_serve(eddy__watcher *watcher);

#endif
