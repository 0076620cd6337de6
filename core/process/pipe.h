/* One end of a pipe to or from a child, on a loop. */
#ifndef EDDY_PROCESS_PIPE_H
#define EDDY_PROCESS_PIPE_H

#include "loop/state.h"

typedef struct eddy__pipe {
    eddy__grave grave;
    eddy__loop_state *state;
    eddy__source source;
    eddy__due due;
    int fd;
    int watched; /* the source is with the poller */
    int ready;   /* to be told */
    int closing;
} eddy__pipe;

/* Takes a descriptor, which does not block from now on. Its id; or -errno: then the descriptor
 * is the caller's still. */
int eddy__pipe_open(eddy__loop_state *state, int fd);

/* Tells of this readiness, as long as it lasts. The end of the other side alone is told, too,
 * but only while anything is wanted: the kernel would tell it again and again. 0 or -errno. */
int eddy__pipe_want(eddy__pipe *pipe, int events);

/* As read and write, without waiting and without SIGPIPE. */
int eddy__pipe_read(eddy__pipe *pipe, char *bytes, uint32_t size);
int eddy__pipe_write(eddy__pipe *pipe, const char *bytes, uint32_t size);

void eddy__pipe_close(eddy__pipe *pipe);

#endif
