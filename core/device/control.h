/* What another thread may do to a proxy while it runs: end it, pause it, read what it has
 * counted; and the commands that come over its control socket. */
#ifndef EDDY_DEVICE_CONTROL_H
#define EDDY_DEVICE_CONTROL_H

#include "eddy.h"
#include "zmq/socket.h"

enum {
    EDDY__RECEIVED, /* of either side, as STATISTICS tells them: the in side first */
    EDDY__RECEIVED_BYTES,
    EDDY__SENT,
    EDDY__SENT_BYTES,
    EDDY__SIDE_COUNTS,
    EDDY__COUNTS = 2 * EDDY__SIDE_COUNTS,
};

typedef struct eddy__control {
    int wake;   /* an eventfd: read-ready when there is news */
    int ending; /* EDDY_STOPPED, EDDY_TERMINATED, or -errno; 0 while nobody ends it */
    int paused;
    uint64_t counts[EDDY__COUNTS]; /* the proxy's thread alone writes them */
    uint64_t dropped;
} eddy__control;

int eddy__control_init(eddy__control *control);
void eddy__control_free(eddy__control *control);

/* Ends the proxy, unless something else has ended it before. From any thread, and from a
 * signal handler. */
void eddy__control_end(eddy__control *control, int how);
int eddy__control_ending(const eddy__control *control);

/* Pauses the proxy, or lets it go on. From any thread. */
void eddy__control_pause(eddy__control *control, int on);
int eddy__control_paused(const eddy__control *control);

/* Raises a count; reads one. */
void eddy__control_add(uint64_t *count, uint64_t by);
double eddy__control_read(const uint64_t *count);

/* Executes the commands waiting on the control socket: PAUSE, RESUME, TERMINATE,
 * STATISTICS. The last is answered with eight frames of a uint64_t each, anything unknown
 * with a text that begins with ERROR; a REP or ROUTER socket, whose peers may wait for it,
 * answers the others with an empty frame. 0 or -errno. */
int eddy__control_obey(eddy__control *control, eddy__socket *socket);

#endif
