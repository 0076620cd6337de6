/* A link's thread, which alone talks to libnats once the link is started; and what libnats' own
 * threads call. No Lua runs in any of them. */
#include "jetstream/link.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DRAIN_MS = 2000,         /* for what comes after a subscription's end */
    RETRY_MS = 20,           /* how often a connection that is lost is looked at */
    BURST = 512,             /* messages that are sent before the socket is looked at */
    MOST_BUFFERED = 1 << 20, /* bytes that the socket does not take yet */
    FENCE = 0,               /* the number of the subscription that tells of a close's end */
    RECONNECT_BYTES = 1,     /* that libnats keeps for later: what waits is here */
    CLOSING_FLUSH_MS = 500   /* for what was sent just before a close, at least */
};

/* The server's address, without what it may have of users. */
static void tell_server(eddy_link *link, natsConnection *connection, int kind) {
    char url[256] = "";
    natsConnection_GetConnectedUrl(connection, url, sizeof url);
    char *host = strstr(url, "://"), *at = strrchr(url, '@');
    if (host && at) memmove(host + 3, at + 1, strlen(at + 1) + 1);
    link->max_payload = (int)natsConnection_GetMaxPayload(connection);
    eddy__arrivals_tell(link, kind, 0, url);
}

/* How often the connection came back. */
static int epoch_of(natsConnection *connection, natsStatistics *statistics) {
    uint64_t counts[5] = {0};
    natsConnection_GetStats(connection, statistics);
    natsStatistics_GetCounts(statistics, &counts[0], &counts[1], &counts[2], &counts[3],
                             &counts[4]);
    return (int)counts[4];
}

static void on_disconnected(natsConnection *connection, void *closure) {
    eddy_link *link = closure;
    const char *why = NULL;
    char text[sizeof link->why];
    natsConnection_GetLastError(connection, &why);
    pthread_mutex_lock(&link->in_lock);
    memcpy(text, link->why, sizeof text);
    pthread_mutex_unlock(&link->in_lock);
    eddy__arrivals_tell(link, EDDY_LINK_LOST, 0, why && *why ? why : text);
}

static void on_reconnected(natsConnection *connection, void *closure) {
    eddy_link *link = closure;
    natsStatistics *statistics = NULL;
    if (natsStatistics_Create(&statistics) == NATS_OK)
        link->reconnects = epoch_of(connection, statistics);
    natsStatistics_Destroy(statistics);
    tell_server(link, connection, EDDY_LINK_BACK);
}

static void on_servers(natsConnection *connection, void *closure) {
    eddy__arrivals_tell(closure, EDDY_LINK_SERVERS, 0, "");
}

static void on_error(natsConnection *connection, natsSubscription *subscription,
                     natsStatus status, void *closure) {
    const char *why = NULL;
    natsConnection_GetLastError(connection, &why);
    eddy__arrivals_tell(closure, EDDY_LINK_FAILED, 0,
                        why && *why ? why : natsStatus_GetText(status));
}

/* The last that libnats calls for a connection. */
static void on_closed(natsConnection *connection, void *closure) {
    eddy_link *link = closure;
    const char *why = NULL;
    natsStatus status = natsConnection_GetLastError(connection, &why);
    int reason = status == NATS_CONNECTION_AUTH_FAILED ? EDDY_LINK_REFUSED : EDDY_LINK_BROKEN;
    if (link->is_closed) reason = EDDY_LINK_CLOSED_BY_US;
    link->is_closed = 1;
    eddy__arrivals_tell(link, EDDY_LINK_CLOSED, reason, reason && why ? why : "");
    eddy__departures_end(link);
    eddy__link_release(link);
}

static void on_message(natsConnection *connection, natsSubscription *handle, natsMsg *message,
                       void *closure) {
    eddy__subscription *subscription = closure;
    eddy_link *link = subscription->link;
    if (subscription->number == FENCE) {
        natsMsg_Destroy(message);
        link->is_fenced = 1;
        return eddy__socket_wake(link);
    }
    eddy__socket_wait_for_burst(link);
    uint64_t behind = 0;
    natsSubscription_QueuedMsgs(handle, &behind);
    eddy__arrivals_add(subscription, message, behind == 0);
}

/* Messages that it had when it was closed do not come. */
static void on_complete(void *closure) {
    eddy__subscription *subscription = closure;
    eddy__arrivals_end(subscription->link);
    if (subscription->drains) eddy__arrivals_drained(subscription);
    subscription->is_complete = 1;
    eddy__link_release(subscription->link);
}

static natsStatus prepare(eddy_link *link) {
    natsOptions *options = link->options;
    natsStatus status = natsOptions_SetMaxReconnect(options, -1);
    if (status == NATS_OK) status = natsOptions_SetAllowReconnect(options, true);
    if (status == NATS_OK) status = natsOptions_SetReconnectBufSize(options, RECONNECT_BYTES);
    if (status == NATS_OK)
        status = natsOptions_SetDisconnectedCB(options, on_disconnected, link);
    if (status == NATS_OK) status = natsOptions_SetReconnectedCB(options, on_reconnected, link);
    if (status == NATS_OK)
        status = natsOptions_SetDiscoveredServersCB(options, on_servers, link);
    if (status == NATS_OK) status = natsOptions_SetErrorHandler(options, on_error, link);
    if (status == NATS_OK) status = natsOptions_SetClosedCB(options, on_closed, link);
    if (status == NATS_OK) status = natsOptions_UseGlobalMessageDelivery(options, true);
    return status == NATS_OK ? eddy__socket_prepare(link) : status;
}

/* What a failure to connect means: 0: there may be a server later. */
static int reason_of(natsStatus status) {
    switch (status) {
    case NATS_NO_SERVER:
    case NATS_TIMEOUT:
    case NATS_IO_ERROR:
    case NATS_SYS_ERROR:
    case NATS_CONNECTION_CLOSED:
    case NATS_CONNECTION_DISCONNECTED:
    case NATS_STALE_CONNECTION: return 0;
    case NATS_CONNECTION_AUTH_FAILED: return EDDY_LINK_REFUSED;
    case NATS_PROTOCOL_ERROR:
    case NATS_LINE_TOO_LONG: return EDDY_LINK_NO_NATS;
    default: return EDDY_LINK_BROKEN;
    }
}

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Waits for `ms`, or until the link is stopped: whether it is. */
static int sleep_unless_stopped(eddy_link *link, double ms) {
    double until = now_ms() + ms, left, stop_ms;
    while (!eddy__departures_are_over(link, &stop_ms)) {
        if ((left = until - now_ms()) <= 0) return 0;
        eddy__socket_wait(link, left);
    }
    return 1;
}

/* Connects, and tries again while there is no server. 0 when the link is stopped, or there is
 * no use in trying. */
static int connect_first(eddy_link *link) {
    natsStatus status = prepare(link);
    for (;;) {
        eddy__link_retain(link); /* for libnats, until on_closed */
        if (status == NATS_OK)
            status = natsConnection_Connect(&link->connection, link->options);
        if (status == NATS_OK) return 1;
        eddy__link_release(link);
        char why[256];
        eddy__link_describe(status, why, sizeof why);
        int reason = reason_of(status);
        int is_over = reason != 0;
        if (!is_over) {
            eddy__arrivals_tell(link, EDDY_LINK_WAITING, 0,
                                status == NATS_TIMEOUT
                                    ? "what is there does not greet as a NATS server does"
                                    : why);
            is_over = sleep_unless_stopped(link, link->reconnect_wait);
        }
        if (is_over) {
            link->is_closed = 1;
            eddy__arrivals_tell(link, EDDY_LINK_CLOSED, reason, reason ? why : "");
            return 0;
        }
        status = NATS_OK;
    }
}

static natsStatus set_headers(natsMsg *message, const eddy__departure *departure) {
    const char *at = departure->headers, *end = at + departure->header_size;
    natsStatus status =
        departure->id ? natsMsgHeader_Add(message, "Nats-Msg-Id", departure->id) : NATS_OK;
    while (status == NATS_OK && at < end) {
        const char *value = at + strlen(at) + 1;
        status = natsMsgHeader_Add(message, at, value);
        at = value + strlen(value) + 1;
    }
    return status;
}

/* Not one by one: libnats hands each to a thread that frees it. */
static void free_sent(eddy_link *link) {
    for (int i = 0; i < link->sent_count; i++) natsMsg_Destroy(link->sent[i]);
    link->sent_count = 0;
}

static natsStatus publish(eddy_link *link, const eddy__departure *departure) {
    natsConnection *connection = link->connection;
    const char *reply = *departure->reply ? departure->reply : NULL;
    int size = (int)departure->data_size;
    int has_headers = departure->header_size > 0 || departure->id;
    if (!has_headers && !reply)
        return natsConnection_Publish(connection, departure->subject, departure->data, size);
    if (!has_headers)
        return natsConnection_PublishRequest(connection, departure->subject, reply,
                                             departure->data, size);
    natsMsg *message = NULL;
    natsStatus status =
        natsMsg_Create(&message, departure->subject, reply, departure->data, size);
    if (status == NATS_OK) status = set_headers(message, departure);
    if (status == NATS_OK) status = natsConnection_PublishMsg(connection, message);
    if (!message) return status;
    if (link->sent_count == sizeof link->sent / sizeof *link->sent) free_sent(link);
    link->sent[link->sent_count++] = message;
    return status;
}

static natsStatus subscribe(eddy_link *link, const eddy__departure *departure) {
    eddy__subscription *made = calloc(1, sizeof *made);
    if (!made) return NATS_NO_MEMORY;
    made->link = link;
    made->number = departure->number;
    made->limit = departure->limit;
    natsStatus status =
        *departure->reply
            ? natsConnection_QueueSubscribe(&made->handle, link->connection, departure->subject,
                                            departure->reply, on_message, made)
            : natsConnection_Subscribe(&made->handle, link->connection, departure->subject,
                                       on_message, made);
    if (status != NATS_OK) {
        free(made);
        return status;
    }
    eddy__link_retain(link);
    if (natsSubscription_SetOnCompleteCB(made->handle, on_complete, made) != NATS_OK)
        eddy__link_release(link);
    natsSubscription_SetPendingLimits(made->handle, -1, -1); /* the limit is ours */
    made->next = link->subscriptions;
    link->subscriptions = made;
    return NATS_OK;
}

/* What it has stays until the link is freed: it may be in what the owner took. libnats' part of
 * one that drains would drop what is still to come if it was destroyed before that is over. */
static void unsubscribe(eddy_link *link, uint32_t number, int drains) {
    for (eddy__subscription *each = link->subscriptions; each; each = each->next) {
        if (!each->handle) continue;
        int is_it = each->number == number;
        if (is_it) each->drains = drains;
        int goes_on =
            is_it ? drains && natsSubscription_DrainTimeout(each->handle, DRAIN_MS) == NATS_OK
                  : !each->is_complete;
        if (goes_on) continue;
        if (is_it) natsSubscription_Unsubscribe(each->handle);
        natsSubscription_Destroy(each->handle);
        each->handle = NULL;
    }
}

/* Whether what is first was done; 0: the connection is lost, and it is to be done later. */
static int do_one(eddy_link *link, int epoch) {
    eddy__departure *departure = link->sending;
    int is_stale = departure->epoch >= 0 && departure->epoch != epoch;
    natsStatus status = NATS_OK;
    if (!is_stale) {
        if (natsConnection_Status(link->connection) != NATS_CONN_STATUS_CONNECTED) return 0;
        if (departure->kind == EDDY__PUBLISH) status = publish(link, departure);
        if (departure->kind == EDDY__SUBSCRIBE) status = subscribe(link, departure);
        if (departure->kind >= EDDY__UNSUBSCRIBE)
            unsubscribe(link, departure->number, departure->kind == EDDY__DRAIN);
    }
    if (status == NATS_INSUFFICIENT_BUFFER || status == NATS_CONNECTION_DISCONNECTED ||
        status == NATS_CONNECTION_CLOSED)
        return 0;
    if (status != NATS_OK) {
        char why[256];
        eddy__link_describe(status, why, sizeof why);
        eddy__arrivals_failed(link, departure->reply, why);
    }
    eddy__departures_done(link, status == NATS_OK && !is_stale);
    return 1;
}

/* Sends some of what is queued. For how many ms there is nothing to do then; -1: until
 * something happens. */
static double send_some(eddy_link *link) {
    eddy__departures_take(link);
    if (!link->sending) return -1;
    int epoch = epoch_of(link->connection, link->statistics);
    for (int i = 0; i < BURST && link->sending; i++) {
        if (natsConnection_Buffered(link->connection) >= MOST_BUFFERED) return -1;
        if (!do_one(link, epoch)) return RETRY_MS;
    }
    return link->sending ? 0 : -1;
}

static double least(double ms, double other) {
    return ms < 0 || other < ms ? other : ms;
}

/* Waits until the server has all that it was sent, for up to `ms`: it sends back what follows
 * that. */
static void wait_for_fence(eddy_link *link, double ms) {
    char subject[64];
    snprintf(subject, sizeof subject, "%s.end", link->inbox);
    eddy__departure fence = {.number = FENCE, .limit = 1, .subject = subject, .reply = ""};
    double until = now_ms() + ms, left;
    if (subscribe(link, &fence) != NATS_OK ||
        natsConnection_Publish(link->connection, subject, NULL, 0) != NATS_OK)
        return;
    while (!link->is_fenced && !link->is_closed && (left = until - now_ms()) > 0 &&
           natsConnection_Status(link->connection) == NATS_CONN_STATUS_CONNECTED) {
        eddy__socket_write(link);
        eddy__socket_wait(link, least(left, RETRY_MS));
    }
}

/* Sends what is queued and reads what comes, until the link is stopped and nothing is left, or
 * its time is up. */
static void carry(eddy_link *link) {
    double deadline = -1, stop_ms;
    while (!link->is_closed) {
        double pause = send_some(link);
        eddy__socket_write(link);
        free_sent(link);
        if (eddy__departures_are_over(link, &stop_ms)) {
            if (deadline < 0) deadline = now_ms() + stop_ms;
            eddy__departures_take(link);
            double left = deadline - now_ms();
            if (!link->sending || left <= 0) break;
            pause = least(pause, left);
        }
        eddy__socket_wait(link, pause);
    }
    double left = deadline - now_ms();
    if (!link->is_closed)
        wait_for_fence(link, left > CLOSING_FLUSH_MS ? left : CLOSING_FLUSH_MS);
}

static void end(eddy_link *link) {
    link->is_closed = 1;
    natsConnection_Close(link->connection);
    for (eddy__subscription *each = link->subscriptions; each; each = each->next)
        natsSubscription_Destroy(each->handle);
    natsConnection_Destroy(link->connection);
}

void *eddy__link_run(void *argument) {
    eddy_link *link = argument;
    link->thread = pthread_self();
    if (connect_first(link)) {
        tell_server(link, link->connection, EDDY_LINK_CONNECTED);
        carry(link);
        end(link);
    }
    eddy__link_release(link);
    return NULL;
}

int eddy_link_start(eddy_link *link) {
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    eddy__link_retain(link);
    int error = pthread_create(&thread, NULL, eddy__link_run, link);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        eddy__link_release(link);
        return -error;
    }
    pthread_setname_np(thread, "eddy-link");
    pthread_detach(thread);
    return 0;
}
