/* Socket monitors: libzmq tells of a socket's connections on an inproc PAIR. Its threads wait,
 * with a lock that the socket's own calls need, while nobody reads there: so this file knows
 * who reads, and ends a monitor before its reader is gone. */
#ifndef EDDY_ZMQ_MONITOR_H
#define EDDY_ZMQ_MONITOR_H

/* What a socket has to do with monitors: most have nothing. */
typedef struct eddy__monitor {
    void *zmq, *context;          /* the socket, and libzmq's context */
    void *stand_in;               /* for a reader at the end; NULL while it does not run */
    char *endpoint;               /* where it tells of its events, or last did; NULL: nowhere */
    int running;                  /* it tells of them now */
    struct eddy__monitor *reader; /* the socket that reads them; NULL: none that we know of */
    struct eddy__monitor *watched; /* the socket whose events this one reads; NULL: none */
    int is_spent;                  /* it read a monitor that ended */
} eddy__monitor;

/* One for a socket; NULL when there is no memory. */
eddy__monitor *eddy__monitor_new(void *zmq, void *context);

/* Begins to tell of `events` at an inproc endpoint, in place of one before. 0 or -errno. */
int eddy__monitor_start(eddy__monitor *monitor, const char *endpoint, int events);

/* Ends it; the reader gets ZMQ_EVENT_MONITOR_STOPPED as its last event. */
void eddy__monitor_stop(eddy__monitor *monitor);

/* Whether it tells of its events at that endpoint, and nobody reads them yet. */
int eddy__monitor_awaits(const eddy__monitor *monitor, const char *endpoint);

/* The reader is connected, without a limit to what may wait for it. */
void eddy__monitor_join(eddy__monitor *monitor, eddy__monitor *reader);

/* The reader is about to leave: the monitor it reads, if it does, ends first. */
void eddy__monitor_leave(eddy__monitor *reader);

/* The socket is about to be closed. NULL is ignored. */
void eddy__monitor_free(eddy__monitor *monitor);

#endif
