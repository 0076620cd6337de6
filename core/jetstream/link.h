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
    char text[]; /* the event's, or the subject of the reply and the headers */
} eddy__arrival;

enum { EDDY__LAST_WORDS = 256 };

enum { EDDY__PUBLISH, EDDY__SUBSCRIBE, EDDY__UNSUBSCRIBE, EDDY__DRAIN };

/* Something that is to be sent. Its texts follow it, each with a zero byte. */
typedef struct eddy__departure {
    struct eddy__departure *next;
    int kind;
    uint32_t number, limit;
    uint32_t header_size, data_size;
    double epoch;
    const char *subject, *reply, *headers, *data;
    const char *id; /* by which the server knows it again; NULL: none, or a header has it */
} eddy__departure;

/* One of one connection. */
typedef struct eddy__subscription {
    struct eddy__subscription *next;
    eddy_link *link; /* it has a reference of it until libnats is through with it */
    uint32_t number, limit;
    int32_t waiting;        /* under the lock of what came */
    int drains;             /* the owner is told of its end */
    int is_over;            /* it ends, or there is another one for it */
    atomic_int is_complete; /* libnats is through with it */
    natsSubscription *handle;
    const char *subject, *group;
    char text[];
} eddy__subscription;

enum { EDDY__FENCE = 0 }; /* the number of the one that tells of a close's end */

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
    eddy__arrival *last_words; /* what tells of the link's end */
    int is_told;               /* the descriptor can be read */
    int untold;                /* messages that came since it was, or since the owner looked */
    double in, in_bytes, dropped;

    eddy__arrival *batch, *spent; /* the owner's: taken, and not looked at; looked at, */
    int64_t spent_count, spent_bytes;
    eddy__departure *staged_first, **staged_last; /* queued, and not flushed, */
    double most, most_bytes;                      /* and what may wait: */
    uint64_t queued, queued_bytes;                /* what ever was queued, without */
    _Atomic uint64_t done, done_bytes;            /* what the thread has done of that */
    _Atomic uint64_t out, out_bytes;

    pthread_mutex_t out_lock; /* of what follows */
    eddy__departure *out_first, **out_last;
    double stop_ms; /* for which to go on when it is stopped */
    int is_stopping;

    int wake_fd; /* has the thread look what there is */
    atomic_int is_woken;
    atomic_int socket;     /* -1: there is none, or libnats' threads have it */
    atomic_int is_writing; /* libnats has something for it */
    int is_tls;
    int is_ending; /* the other side has closed it */

    pthread_mutex_t burst_lock; /* of what follows */
    pthread_cond_t burst_end;
    int is_reading; /* a burst, whose messages are not to be looked at before its end */
    unsigned bursts;

    atomic_int max_payload, reconnects, is_closed, is_fenced;
    atomic_uint unread;
    char *inbox; /* what subjects of replies begin with */

    pthread_t thread;
    natsConnection *connection; /* the thread's, as are these */
    int was_connected, was_refused;
    double next_try; /* ms, of CLOCK_MONOTONIC, as */
    double deadline; /* when it is to have ended; -1: it is not stopped */
    eddy__subscription *subscriptions;
    eddy__departure *sending; /* what it took, until it is sent */
    natsMsg *sent[256];       /* those with headers, until they are freed */
    int sent_count;
    int64_t sent_bytes;
};

void eddy__link_retain(eddy_link *link);
void eddy__link_release(eddy_link *link);

/* Adds an event of the link's for its owner. */
void eddy__arrivals_tell(eddy_link *link, int kind, int status, const char *text);

/* Adds word that a subscription is at its end. */
void eddy__arrivals_drained(eddy__subscription *subscription);

/* Adds word that something could not be sent, and which answer will not come. */
void eddy__arrivals_failed(eddy_link *link, const char *reply, const char *text);

/* Adds a message, which is the arrival's from now on. The owner is told when more do not
 * follow at once. */
void eddy__arrivals_add(eddy__subscription *subscription, natsMsg *message, int is_last);

/* Tells the owner of what it was not told yet. */
void eddy__arrivals_end(eddy_link *link);

/* Frees what nobody took. */
void eddy__arrivals_free(eddy_link *link);

/* Takes what is to be sent, as soon as all that was taken is done. */
void eddy__departures_take(eddy_link *link);

/* Whether the link is stopped, and then for how long it may go on. */
int eddy__departures_are_over(eddy_link *link, double *stop_ms);

/* Has the thread end as a stop does. */
void eddy__departures_end(eddy_link *link);

/* What was taken first was sent, or dropped. */
void eddy__departures_done(eddy_link *link, int was_sent);
void eddy__departures_free(eddy_link *link);

/* Subscribes; ends that, and has what is on its way still come when it `drains`. */
natsStatus eddy__subscribe(eddy_link *link, uint32_t number, const char *subject,
                           const char *group, uint32_t limit);
void eddy__unsubscribe(eddy_link *link, uint32_t number, int drains);

/* Has a new connection do what the last one did. */
void eddy__subscribe_again(eddy_link *link);

/* Whether libnats has messages that it did not hand over yet. */
int eddy__subscriptions_are_behind(eddy_link *link);

/* The connection is closed. */
void eddy__subscriptions_destroy(eddy_link *link);

/* Hands some of what is queued to libnats. For how many ms there is nothing to do then; -1:
 * until something happens. And frees what that left. */
double eddy__sending_go_on(eddy_link *link);
void eddy__sending_free(eddy_link *link);

/* Adds a server. */
natsStatus eddy__link_add_url(eddy_link *link, const char *url);

/* Before the connection: who waits for its socket. */
natsStatus eddy__socket_prepare(eddy_link *link);

/* Waits for `ms` (less than 0: for any time) until the socket has something, which is read, or
 * can take something, or somebody wakes the thread. */
void eddy__socket_wait(eddy_link *link, double ms);

/* Reads what the socket has, also where that is its end. */
void eddy__socket_read(eddy_link *link);

/* Writes what libnats has to write, as far as the socket takes it. */
void eddy__socket_write(eddy_link *link);

/* Wakes the thread, from another one. */
void eddy__socket_wake(eddy_link *link);

/* Waits until the burst that is being read is at its end. */
void eddy__socket_wait_for_burst(eddy_link *link);

/* What the link's thread runs. */
void *eddy__link_run(void *link);

/* Describes a failure of libnats', without its trailing dots, in `room` bytes. */
void eddy__link_describe(natsStatus status, char *text, size_t room);

#endif
