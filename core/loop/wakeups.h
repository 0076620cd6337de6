/* Wake-ups from other threads and from signal handlers: an eventfd, and a queue of numbers. */
#ifndef EDDY_LOOP_WAKEUPS_H
#define EDDY_LOOP_WAKEUPS_H

#include "loop/events.h"
#include "loop/poller.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct eddy__wakeup {
    uint32_t waker;
    double number;
} eddy__wakeup;

typedef struct eddy__wakeups {
    eddy__source source;  /* of the eventfd */
    atomic_int interrupt; /* a value that is to be told; 0: none */
    pthread_mutex_t lock; /* of what follows */
    eddy__wakeup *entries;
    int count, capacity;
} eddy__wakeups;

int eddy__wakeups_open(eddy__wakeups *wakeups, eddy__poller *poller);
void eddy__wakeups_close(eddy__wakeups *wakeups, eddy__poller *poller);

/* From any thread: queues a number for a waker and wakes the loop. 0 or -ENOMEM. */
int eddy__wakeups_post(eddy__wakeups *wakeups, uint32_t waker, double number);

/* From any thread or signal handler: wakes the loop with this value, above 0. */
void eddy__wakeups_interrupt(eddy__wakeups *wakeups, int value);

/* Moves what came to the batch. What has no room stays for the next turn. */
void eddy__wakeups_tell(eddy__wakeups *wakeups, eddy__events *batch);

#endif
