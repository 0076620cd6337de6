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

#endif
