/* What a device's thread runs, whatever it does with the messages: its sockets, its end, whole
 * messages in its hand, and its waits. */
#ifndef EDDY_DEVICE_RELAY_H
#define EDDY_DEVICE_RELAY_H

#include "device/control.h"
#include "eddy.h"
#include "zmq/socket.h"

typedef struct eddy__relay {
    eddy__socket *ends[EDDY_ENDS]; /* by EDDY_IN ...; monitor and control may be NULL, and in
                                      and out one socket */
    int events[EDDY_ENDS];         /* their ZMQ_EVENTS at the beginning of a pass */
    eddy__control control;
    int failed; /* the end that failed */
    /* Looks whether `ends`, which are filled by now, will do. 0, or -errno with `failed` set.
     */
    int (*open)(struct eddy__relay *relay);
    /* Works until its control ends it, or something fails. Returns how it was ended, -errno
     * with `failed` set, or -EINPROGRESS when it was poked and may be run again. */
    int (*run)(struct eddy__relay *relay);
    /* Frees it, but not the sockets. */
    void (*free)(struct eddy__relay *relay);
} eddy__relay;

/* 0 or -errno. */
int eddy__relay_init(eddy__relay *relay);

/* Notes which end failed; returns the error. */
int eddy__relay_fail(eddy__relay *relay, int end, int error);

/* Reads what all sockets are ready for: reading it uses up a socket's wake-up, so what is
 * learnt for one purpose, others must not miss. 0 or -errno. */
int eddy__relay_look(eddy__relay *relay);

/* Waits for news of a socket or of the control, for at most `ms` (negative: for ever). 0, or
 * -errno: -EINPROGRESS when the wait was poked. */
int eddy__relay_wait(eddy__relay *relay, double ms);

/* A whole message. */
typedef struct eddy__hand {
    zmq_msg_t *parts;
    uint32_t count, room;
    double bytes;
    int is_whole;
} eddy__hand;

/* Takes a message in hand: 1, 0 when there is none, or -errno. */
int eddy__hand_receive(eddy__hand *hand, eddy__socket *from);

/* Empties the hand of what was sent, or closed. */
void eddy__hand_empty(eddy__hand *hand);

void eddy__hand_free(eddy__hand *hand);

#endif
