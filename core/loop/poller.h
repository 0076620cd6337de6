/* How readiness is learnt: epoll over the sockets' ZMQ_FD and over plain descriptors. The
 * only file that knows epoll.
 *
 * ZMQ_FD is level-triggered for epoll but has edge semantics: any call on its socket may use
 * up the wake-up. So a socket that was touched since its ZMQ_EVENTS were last read is
 * `dirty`, and the loop reads the events of all dirty sockets before it blocks. What a sweep
 * finds all the same is counted as a missed wake-up, and that counter must stay 0. One event
 * among 4,000 sockets costs 6.9 us this way and 5,990 us with zmq_poll. */
#ifndef EDDY_LOOP_POLLER_H
#define EDDY_LOOP_POLLER_H

#include "base/clock.h"
#include "base/id_map.h"
#include "base/list.h"
#include "base/sleeper.h"
#include "zmq/socket.h"

typedef struct eddy__source {
    eddy__socket *socket; /* NULL for a plain descriptor */
    int fd;
    uint32_t id; /* in the poller */
    /* Takes what is ready; NULL for the loop's own. */
    void (*serve)(struct eddy__source *source);
    /* Its socket goes away, for this errno. NULL for what has none. */
    void (*orphan)(struct eddy__source *source, int error);
    eddy__node mark; /* in `dirty` or in `ready` */
    union {
        double seen;    /* a socket: when its readiness was last learnt */
        uint64_t inode; /* a file: which it is, */
    };
    uint32_t device; /* and where */
    int priority;    /* 0 for most; what is higher is served before, and whole */
    uint8_t is_own;  /* nobody else closes the descriptor */
    uint8_t gone;    /* the descriptor was closed, and its number is another's now */
    uint8_t is_file; /* the kernel does not wait for it: it is always ready */
    uint8_t wanted;  /* EDDY_READ and EDDY_WRITE, as its owner wants them */
    uint8_t ready;   /* what of it is there; EDDY_ERROR too for a descriptor */
} eddy__source;

typedef struct eddy__poller {
    int epoll;
    eddy__id_map sources;
    uint32_t others;       /* how many descriptors there are that others may close */
    uint32_t ranked;       /* how many sources have a priority */
    eddy__list dirty;      /* sockets whose events must be read before blocking */
    eddy__list ready;      /* sources with something to do */
    int outer;             /* the set that has `epoll` in it, for loops of others; -1: none */
    eddy__sleeper sleeper; /* who waits for that one */
    double waited;         /* when the kernel was asked last */
    double swept;          /* when the last sweep was */
    double missed_wakeups;
} eddy__poller;

/* 0 or -errno. */
int eddy__poller_open(eddy__poller *poller);
void eddy__poller_close(eddy__poller *poller);

/* Watches a socket, or the descriptor `fd` when there is none. What epoll cannot watch (a file,
 * a folder, /dev/null) is ready for whatever is wanted, in each turn, as poll has it. -EEXIST
 * when it is watched already, or another -errno. */
int eddy__poller_add(eddy__poller *poller, eddy__source *source, eddy__socket *socket, int fd);

/* Changes what is wanted, which takes effect in the next turn. -EBADF when the descriptor was
 * closed and its number is another's now, or another -errno. */
int eddy__poller_want(eddy__poller *poller, eddy__source *source, int wanted);

/* Changes a source's priority, from the next turn on. */
void eddy__poller_rank(eddy__poller *poller, eddy__source *source, int priority);

/* Sorts a list of ready sources: the higher ones first, equal ones in the order in which they
 * were. */
void eddy__poller_sort(eddy__list *ready);

/* Stops watching. Must come before the socket or descriptor is closed. */
void eddy__poller_remove(eddy__poller *poller, eddy__source *source);

/* Leaves the source ready: its owner had its share before all events were used up. */
static inline void eddy__poller_keep(eddy__poller *poller, eddy__source *source, int ready) {
    source->ready = ready;
    eddy__list_remove(&source->mark);
    eddy__list_push(&poller->ready, &source->mark);
}

/* Queues the source for another look: its events may not be used up, or it is always ready. */
static inline void eddy__poller_recheck(eddy__poller *poller, eddy__source *source) {
    eddy__list_push(&poller->dirty, &source->mark);
    eddy__sleeper_wake(&poller->sleeper);
}

/* The owner received until there was no more (EAGAIN). libzmq looked for all news of the
 * socket then, as it does when its events are read, and wakes the loop for the next: only a
 * source that is to send too must be looked at again. */
void eddy__poller_emptied(eddy__source *source, double now);

/* A descriptor that is readable while the kernel has anything to tell; the same one always. Or
 * -errno. */
int eddy__poller_fd(eddy__poller *poller);

/* Reads the events of all dirty sockets; the ready ones go to `ready`. */
void eddy__poller_refresh(eddy__poller *poller, double now);

/* True while there is work in hand and the kernel was asked a moment ago: not asking it again
 * saves its time. (A virtual clock, which stands still, is never busy.) */
int eddy__poller_busy(const eddy__poller *poller, double now);

/* Waits up to `timeout` ms for wake-ups (infinity: for ever) and puts what is ready into
 * `ready`. 0, or -errno. A signal ends the wait early, as if its time were up. */
int eddy__poller_wait(eddy__poller *poller, double timeout, double now);

/* At most once a second, looks at the sockets that are idle: one that is ready without a
 * wake-up was missed. */
void eddy__poller_sweep(eddy__poller *poller, double now);

#endif
