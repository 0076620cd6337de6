/* The proxy of devices: carries whole messages between two sockets, both ways, in the
 * thread that calls it. A message is received only when the other side, and the monitor, can
 * take one, so that each side's high-water mark holds for the other. One is in hand at most
 * in each direction, when a side that could take messages filled up. */
#ifndef EDDY_DEVICE_PROXY_H
#define EDDY_DEVICE_PROXY_H

#include "device/control.h"
#include "eddy.h"
#include "zmq/socket.h"

/* One direction. */
typedef struct eddy__way {
    int from, to;     /* EDDY_IN or EDDY_OUT */
    int is_open;      /* by their types the one can receive and the other one send */
    zmq_msg_t *parts; /* the message in hand */
    uint32_t count, room;
    double bytes;
    int is_whole;
    int is_shown;     /* the monitor has had it */
    zmq_msg_t prefix; /* what the monitor gets before it */
    int has_prefix;
} eddy__way;

typedef struct eddy__proxy {
    eddy__socket *ends[EDDY_ENDS]; /* by EDDY_IN ...; monitor and control may be NULL, and in
                                      and out one socket */
    int events[EDDY_ENDS];         /* their ZMQ_EVENTS at the beginning of the pass */
    eddy__way ways[2];
    int swaps;         /* the first two parts change places, as ROUTER to ROUTER wants it */
    zmq_msg_t *copies; /* for the monitor */
    uint32_t copies_room;
    int is_stuck; /* something could be carried, it seemed, and could not */
    eddy__control control;
    int failed; /* the end that failed */
} eddy__proxy;

/* 0 or -errno. Prefixes are copied; one whose size is negative is none. */
int eddy__proxy_init(eddy__proxy *proxy, const eddy_device_plan *plan);

/* Frees what it has but the sockets. */
void eddy__proxy_free(eddy__proxy *proxy);

/* Looks which ways there are between `ends`, which are filled by now. -ENOTSUP, with `failed`
 * set, when the monitor is of a type that cannot send. */
int eddy__proxy_open(eddy__proxy *proxy);

/* Relays between `ends` until its control ends it, or something fails. Returns how it was
 * ended, or -errno with `failed` set. What has come in before it was told to end
 * still goes through, as far as the other side can take it at once. */
int eddy__proxy_run(eddy__proxy *proxy);

#endif
