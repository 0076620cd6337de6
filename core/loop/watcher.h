/* A watch: events about the readiness of a descriptor or a socket, as long as it lasts. */
#ifndef EDDY_WATCH_H
#define EDDY_WATCH_H

#include "loop/state.h"
#include "zmq/context.h"

typedef struct eddy__watch {
    eddy__grave grave;
    eddy__turn *turn;
    eddy__source source;
    eddy__due due;
    int ready;       /* to be told */
    int close_error; /* to be told */
    int closing;
    int counted; /* among what could bring an event */
} eddy__watch;

/* Watches the socket, or the descriptor when there is none. Its id, or -errno. */
int eddy__watch_open(eddy__turn *turn, eddy__socket *socket, int fd, int events);

int eddy__watch_change(eddy__watch *watch, int events);
void eddy__watch_close(eddy__watch *watch);

/* The socket goes away under the watch: events of it end, and EDDY_CLOSED tells. */
void eddy__watch_orphan(eddy__watch *watch, int error);

/* Notes that it is ready, and that a look is due again in the next turn. */
void eddy__watch_serve(eddy__watch *watch);

#endif
