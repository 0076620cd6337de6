/* What the files of the link share. */
#ifndef EDDY__LINK_H
#define EDDY__LINK_H

#include "jetstream/jetstream.h"

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>

/* Something that came, until the owner takes it. */
typedef struct eddy__arrival {
    struct eddy__arrival *next;
    natsMsg *message; /* NULL: it is an event of the link's, whose text follows */
    struct eddy__subscription *subscription;
    eddy_link_event event;
    char text[]; /* the event's, or the headers */
} eddy__arrival;

enum { EDDY__PUBLISH, EDDY__SUBSCRIBE, EDDY__UNSUBSCRIBE, EDDY__DRAIN };

/* Something that is to be sent. Its texts follow it, each with a zero byte. */
typedef struct eddy__departure {
    struct eddy__departure *next;
    int kind;
    uint32_t number, limit;
    uint32_t header_size, data_size;
    double epoch;
    const char *subject, *reply, *headers, *data;
} eddy__departure;

typedef struct eddy__subscription {
    struct eddy__subscription *next;
    eddy_link *link; /* it has a reference of it until libnats is through with it */
    uint32_t number, limit;
    int32_t waiting; /* under the lock of what came */
    int drains;      /* the owner is told of its end */
    atomic_int is_complete;
    natsSubscription *handle;
} eddy__subscription;

struct eddy_link {
    /* The owner's, its thread's, libnats' (until it has closed the connection), and each
     * subscription's. */
    atomic_int references;

    natsOptions *options; /* the owner's until the start, then the thread's */
    char **urls;
    int url_count;
    double reconnect_wait; /* ms */
    char problem[256];

    int fd;
    pthread_mutex_t in_lock; /* of what follows */
    eddy__arrival *first, **last;
    int is_told; /* the descriptor can be read */
    double in, in_bytes, dropped;

    eddy__arrival *batch; /* the owner's: taken, and not looked at, */
    eddy__arrival *current;
    eddy__departure *staged_first, **staged_last; /* queued, and not flushed, */
    double most, most_bytes;                      /* and what may wait: */
    uint64_t queued, queued_bytes;                /* what ever was queued, without */
    _Atomic uint64_t done, done_bytes;            /* what the thread has done of that */
    _Atomic uint64_t out, out_bytes;

    pthread_mutex_t out_lock; /* of what follows */
    pthread_cond_t wake;
    eddy__departure *out_first, **out_last;
    double stop_ms; /* for which to go on when it is stopped */
    int is_stopping, is_flushed, is_asleep;

    atomic_int max_payload, reconnects, is_closed;
    atomic_uint unread;
    char *inbox; /* what subjects of replies begin with */

    natsConnection *connection; /* the thread's, as are these */
    natsStatistics *statistics;
    eddy__subscription *subscriptions;
};

void eddy__link_retain(eddy_link *link);
void eddy__link_release(eddy_link *link);

/* Adds an event of the link's for its owner. */
void eddy__arrivals_tell(eddy_link *link, int kind, int status, const char *text);

/* Adds word that a subscription is at its end. */
void eddy__arrivals_drained(eddy__subscription *subscription);

/* Adds a message, which is the arrival's from now on. */
void eddy__arrivals_add(eddy__subscription *subscription, natsMsg *message);

/* Frees what nobody took. */
void eddy__arrivals_free(eddy_link *link);

/* Waits until there is something to be sent, or the link is stopped, and takes all there is. */
eddy__departure *eddy__departures_take(eddy_link *link);

/* Waits for `ms`, or until the link is stopped: whether it is, and then for how long it may go
 * on.
 */
int eddy__departures_sleep(eddy_link *link, double ms, double *stop_ms);

/* Wakes the thread as a stop does. */
void eddy__departures_end(eddy_link *link);

/* What was taken first was sent, or dropped; or (`back`) all of a list is to be sent later. */
void eddy__departures_done(eddy_link *link, eddy__departure *departure, int was_sent);
void eddy__departures_back(eddy_link *link, eddy__departure *list);
void eddy__departures_free(eddy_link *link);

/* What the link's thread runs. */
void *eddy__link_run(void *link);

/* Describes a failure of libnats', without its trailing dots, in `room` bytes. */
void eddy__link_describe(natsStatus status, char *text, size_t room);

#endif
