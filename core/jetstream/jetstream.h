/* The public functions of eddy's link to NATS, a library of its own (libeddy_jetstream). As
 * eddy.h it is read by LuaJIT's FFI, too: declarations, enums and plain structs only.
 *
 * A link belongs to the thread that made it. What goes out waits in a bounded queue until the
 * link's own thread hands it to libnats; what comes in waits until the owner takes it, and a
 * descriptor tells of it. Results are zero or positive, or -errno. */
#ifndef EDDY_JETSTREAM_H
#define EDDY_JETSTREAM_H

#include <stdint.h>

enum {
    EDDY_LINK_MESSAGE = 1, /* something for a subscription */
    EDDY_LINK_CONNECTED,   /* for the first time; `data` is the server's address */
    EDDY_LINK_WAITING,     /* there is no server yet; it is tried again; `data` is why */
    EDDY_LINK_LOST,        /* the connection ended; `data` is why, if that is known */
    EDDY_LINK_BACK,        /* it is there again; `data` is the server's address */
    EDDY_LINK_SERVERS,     /* the cluster told of new servers */
    EDDY_LINK_FAILED,      /* something failed, the connection did not; `data` is what, and
                            * `token` that of the answer that will not come */
    EDDY_LINK_DRAINED,     /* nothing more will come for a subscription */
    EDDY_LINK_CLOSED,      /* for good; `data` is why, or empty; nothing comes after it */

    EDDY_LINK_ANY = -1, /* an epoch: send it whatever became of the connection */

    EDDY_LINK_CLOSED_BY_US = 0, /* with EDDY_LINK_CLOSED, `status`: by eddy_link_stop, */
    EDDY_LINK_REFUSED,          /* the server does not let us in, */
    EDDY_LINK_NO_NATS,          /* what answers is no NATS server, */
    EDDY_LINK_BROKEN,           /* or another reason */
};

typedef struct eddy_link eddy_link;

/* What came. Texts are good until the next eddy_link_next. */
typedef struct eddy_link_event {
    int32_t kind;
    uint32_t subscription; /* the number of the one that it is about */
    int32_t status;        /* its NATS status (100, 404, 503 ...), 0: none */
    int32_t subject_size, reply_size, header_size, data_size;
    int32_t deliveries; /* of a message of JetStream's; 0: it is none */
    const char *subject, *reply, *data;
    const char *headers;    /* names and values, each with its zero byte, header_size bytes;
                             * right after `reply` and its zero byte */
    double token;           /* the number that its subject ends with; -1: none */
    double sequence, order; /* in its stream, and among what its consumer delivered */
    double time, pending;   /* ms since 1970; how many are behind it */
    double epoch; /* of EDDY_LINK_CONNECTED and EDDY_LINK_BACK: how often it came back */
} eddy_link_event;

typedef struct eddy_link_stats {
    double in, in_bytes, out, out_bytes;
    double waiting, waiting_bytes; /* what is to be sent, */
    double unread;                 /* and what the owner did not take yet */
    double dropped;                /* of subscriptions that were at their limit */
    double reconnects;
} eddy_link_stats;

/* This header's text. */
const char *eddy_jetstream_declarations(void);

/* Makes a link that is not started; -ENOMEM, -EMFILE. */
int eddy_link_new(eddy_link **link);

/* Sets an option, before the start: "url", again for each server; "name"; "user" (and a
 * password); "token"; "creds" (a file, and one with the seed or NULL); "nkey" (a public key,
 * and a file with the seed); "tls", "tls_ca", "tls_cert" (and the key's file), "tls_ciphers",
 * "tls_host", "tls_insecure"; "timeout", "reconnect_wait", "ping_interval" (ms as text).
 * -EINVAL: libnats does not take it, and eddy_link_problem tells why; -ENOENT: no such option.
 */
int eddy_link_set(eddy_link *link, const char *option, const char *value, const char *more);

/* Why the last option was not taken. Good until the next one is set. */
const char *eddy_link_problem(eddy_link *link);

/* Bounds what waits to be sent. */
void eddy_link_limit(eddy_link *link, double messages, double bytes);

/* What the subjects of its replies begin with, and a dot. Good as long as the link. */
const char *eddy_link_inbox(eddy_link *link);

/* Starts the link's thread, which connects. */
int eddy_link_start(eddy_link *link);

/* A descriptor that can be read while something came that was not taken. */
int eddy_link_fd(eddy_link *link);

/* Takes the next that came: 1; 0: nothing is there. */
int eddy_link_next(eddy_link *link, eddy_link_event *event);

/* Whether a text is in what came: 1. */
int eddy_link_has(const eddy_link_event *event, const char *text);

/* Queues a message: what is published at `subject`, with a subject for answers unless that is
 * empty, and headers as an event has them. With an epoch it is dropped when the connection is
 * not that one any more. It is sent at the next eddy_link_flush. -ENOBUFS: too much waits. */
int eddy_link_publish(eddy_link *link, const char *subject, const char *reply,
                      const char *headers, uint32_t header_size, const char *data,
                      uint32_t data_size, double epoch);

/* The same of one that JetStream is to store: its answer comes to `inbox` followed by a number,
 * and unless one of its headers is the id by which the server knows it again (`has_id`), that
 * is its id, too. */
int eddy_link_store(eddy_link *link, const char *subject, const char *inbox, double number,
                    const char *headers, uint32_t header_size, int has_id, const char *data,
                    uint32_t data_size, double epoch);

/* Queues a subscription under a number that no other one has, in a queue group unless that is
 * empty. Of its messages `limit` wait here at most; what comes then is dropped. */
int eddy_link_subscribe(eddy_link *link, uint32_t number, const char *subject,
                        const char *group, uint32_t limit);

/* Queues the end of a subscription. What the server sent before it knew of that still comes
 * when it `drains`; then an event tells of the last. */
int eddy_link_unsubscribe(eddy_link *link, uint32_t number, int drains);

/* Wakes the thread when something is queued. */
void eddy_link_flush(eddy_link *link);

/* The most bytes that the server takes in a message; 0: it is not known yet. */
double eddy_link_max_payload(eddy_link *link);

void eddy_link_stats_get(eddy_link *link, eddy_link_stats *stats);

/* Ends the connection, after what is queued was sent, for which up to `ms` are given. An event
 * tells when it is closed. */
void eddy_link_stop(eddy_link *link, double ms);

/* Gives the pointer back. A link that was not stopped is, at once. NULL is ignored. */
void eddy_link_free(eddy_link *link);

#endif
