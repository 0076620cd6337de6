/* A link's thread, which alone talks to libnats once the link is started; and what libnats' own
 * threads call. No Lua runs in any of them. */
#include "jetstream/link.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_MS = 20,           /* how often it is looked whether the connection lives */
    MOST_SERVERS = 64,      /* that are known */
    CLOSING_FLUSH_MS = 500, /* for what was sent just before a close, at least */
    CLOSING_READ_MS = 200   /* for what was read before the connection was lost */
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

static void on_servers(natsConnection *connection, void *closure) {
    (void)connection;
    eddy__arrivals_tell(closure, EDDY_LINK_SERVERS, 0, "");
}

static void on_error(natsConnection *connection, natsSubscription *subscription,
                     natsStatus status, void *closure) {
    const char *why = NULL;
    (void)subscription;
    natsConnection_GetLastError(connection, &why);
    eddy__arrivals_tell(closure, EDDY_LINK_FAILED, 0,
                        why && *why ? why : natsStatus_GetText(status));
}

/* The last that libnats calls for a connection. */
static void on_closed(natsConnection *connection, void *closure) {
    (void)connection;
    eddy__socket_wake(closure);
    eddy__link_release(closure);
}

/* libnats does not connect again by itself: in what is left of a message that was cut off, it
 * would look for the rest in what the next server sends. */
static natsStatus prepare(eddy_link *link) {
    natsOptions *options = link->options;
    natsStatus status = natsOptions_SetAllowReconnect(options, false);
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

static double least(double ms, double other) {
    return ms < 0 || other < ms ? other : ms;
}

/* Whether the link is stopped, and what is queued was sent or its time is up. */
static int is_over(eddy_link *link) {
    double stop_ms;
    if (!eddy__departures_are_over(link, &stop_ms)) return 0;
    if (link->deadline < 0) link->deadline = now_ms() + stop_ms;
    eddy__departures_take(link);
    return !link->sending || now_ms() >= link->deadline;
}

/* For how long it may be waited at most. */
static double pause_of(eddy_link *link, double ms) {
    if (link->deadline < 0) return ms;
    double left = link->deadline - now_ms();
    return least(ms, left > 0 ? left : 0);
}

/* The end of all: nothing comes after it. */
static void tell_closed(eddy_link *link, int reason, const char *why) {
    link->is_closed = 1;
    eddy__arrivals_tell(link, EDDY_LINK_CLOSED, reason, why);
}

/* Connects, and tries again while there is no server. 0 when the link is stopped, or there is
 * no use in trying. */
static int make_connection(eddy_link *link) {
    for (;;) {
        double left;
        while (!is_over(link) && (left = link->next_try - now_ms()) > 0)
            eddy__socket_wait(link, pause_of(link, left));
        if (is_over(link)) {
            tell_closed(link, EDDY_LINK_CLOSED_BY_US, "");
            return 0;
        }
        link->next_try = now_ms() + link->reconnect_wait;
        eddy__link_retain(link); /* for libnats, until on_closed */
        natsStatus status = natsConnection_Connect(&link->connection, link->options);
        if (status == NATS_OK) return 1;
        eddy__link_release(link);
        char why[256];
        eddy__link_describe(status, why, sizeof why);
        int reason = reason_of(status);
        if (link->was_connected) { /* it was let in, and may be again */
            if (reason != EDDY_LINK_REFUSED || !link->was_refused) reason = 0;
            link->was_refused = status == NATS_CONNECTION_AUTH_FAILED;
        }
        if (reason) {
            tell_closed(link, reason, why);
            return 0;
        }
        if (!link->was_connected)
            eddy__arrivals_tell(link, EDDY_LINK_WAITING, 0,
                                status == NATS_TIMEOUT
                                    ? "what is there does not greet as a NATS server does"
                                    : why);
    }
}

static int is_alive(eddy_link *link) {
    return natsConnection_Status(link->connection) == NATS_CONN_STATUS_CONNECTED;
}

/* Waits until the server has all that it was sent, for up to `ms`: it sends back what follows
 * that. */
static void wait_for_fence(eddy_link *link, double ms) {
    char subject[64];
    snprintf(subject, sizeof subject, "%s.end", link->inbox);
    double until = now_ms() + ms, left;
    if (eddy__subscribe(link, EDDY__FENCE, subject, "", 1) != NATS_OK ||
        natsConnection_Publish(link->connection, subject, NULL, 0) != NATS_OK)
        return;
    while (!link->is_fenced && (left = until - now_ms()) > 0 && is_alive(link) &&
           !link->is_ending) {
        eddy__socket_write(link);
        eddy__socket_wait(link, least(left, LOOK_MS));
    }
}

/* Sends what is queued and reads what comes, until the connection is lost (0), or the link is
 * stopped and nothing is left, or its time is up. */
static int carry(eddy_link *link) {
    while (is_alive(link)) {
        double pause = eddy__sending_go_on(link);
        eddy__socket_write(link);
        if (is_over(link)) return 1;
        eddy__socket_wait(link, pause_of(link, pause));
        if (!link->is_ending) continue;
        double until = now_ms() + CLOSING_READ_MS;
        while (eddy__subscriptions_are_behind(link) && now_ms() < until) usleep(1000);
        eddy__socket_read(link);
    }
    return 0;
}

/* The servers that the last one told of are tried, too. Not over TLS: their certificates have
 * names, and these are addresses. */
static void learn_servers(eddy_link *link) {
    char **servers = NULL;
    int count = 0;
    if (natsConnection_GetDiscoveredServers(link->connection, &servers, &count) != NATS_OK)
        return;
    for (int i = 0; i < count; i++) {
        int is_known = link->is_tls || link->url_count >= MOST_SERVERS;
        for (int j = 0; j < link->url_count && !is_known; j++)
            is_known = strcmp(link->urls[j], servers[i]) == 0;
        if (!is_known) eddy__link_add_url(link, servers[i]);
        free(servers[i]);
    }
    free(servers);
}

/* Ends a connection. */
static void end(eddy_link *link) {
    natsConnection_Close(link->connection);
    eddy__sending_free(link);
    eddy__subscriptions_destroy(link);
    natsConnection_Destroy(link->connection);
    link->connection = NULL;
    link->socket = -1;
}

static void tell_lost(eddy_link *link) {
    const char *why = NULL;
    natsStatus status = natsConnection_GetLastError(link->connection, &why);
    int has_text =
        status == NATS_ERR || status == NATS_PROTOCOL_ERROR; /* of this, and not older */
    char text[256];
    snprintf(text, sizeof text, "%s", has_text && why ? why : natsStatus_GetText(status));
    learn_servers(link);
    end(link);
    eddy__arrivals_tell(link, EDDY_LINK_LOST, 0, text);
}

/* From one connection to the next, until the link is stopped or there is no use in trying. */
static void run(eddy_link *link) {
    while (make_connection(link)) {
        if (link->was_connected) {
            link->reconnects++;
            eddy__subscribe_again(link);
        }
        tell_server(link, link->connection,
                    link->was_connected ? EDDY_LINK_BACK : EDDY_LINK_CONNECTED);
        link->was_connected = 1;
        link->was_refused = 0;
        if (carry(link)) {
            double left = link->deadline - now_ms();
            wait_for_fence(link, left > CLOSING_FLUSH_MS ? left : CLOSING_FLUSH_MS);
            end(link);
            return tell_closed(link, EDDY_LINK_CLOSED_BY_US, "");
        }
        tell_lost(link);
    }
}

void *eddy__link_run(void *argument) {
    eddy_link *link = argument;
    link->thread = pthread_self();
    natsStatus status = prepare(link);
    if (status == NATS_OK)
        run(link);
    else
        tell_closed(link, EDDY_LINK_BROKEN, natsStatus_GetText(status));
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
