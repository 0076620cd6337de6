/* What is published: what the link's thread hands to libnats, in its order. */
#include "jetstream/link.h"

#include <string.h>

enum {
    MOST_SENT_BYTES = 1 << 20,
    RETRY_MS = 20,           /* how often a connection that is lost is looked at */
    BURST = 512,             /* messages that are sent before the socket is looked at */
    MOST_BUFFERED = 1 << 20, /* bytes that the socket does not take yet */
};

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
void eddy__sending_free(eddy_link *link) {
    for (int i = 0; i < link->sent_count; i++) natsMsg_Destroy(link->sent[i]);
    link->sent_count = 0;
    link->sent_bytes = 0;
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
    link->sent[link->sent_count++] = message;
    link->sent_bytes += size;
    if (link->sent_count == sizeof link->sent / sizeof *link->sent ||
        link->sent_bytes >= MOST_SENT_BYTES)
        eddy__sending_free(link);
    return status;
}

/* Whether what is first was done; 0: the connection is lost, and it is to be done later. */
static int do_one(eddy_link *link) {
    eddy__departure *departure = link->sending;
    int is_stale = departure->epoch >= 0 && departure->epoch != link->reconnects;
    natsStatus status = NATS_OK;
    if (!is_stale) {
        if (natsConnection_Status(link->connection) != NATS_CONN_STATUS_CONNECTED) return 0;
        if (departure->kind == EDDY__PUBLISH) status = publish(link, departure);
        if (departure->kind == EDDY__SUBSCRIBE)
            status = eddy__subscribe(link, departure->number, departure->subject,
                                     departure->reply, departure->limit);
        if (departure->kind >= EDDY__UNSUBSCRIBE)
            eddy__unsubscribe(link, departure->number, departure->kind == EDDY__DRAIN);
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

double eddy__sending_go_on(eddy_link *link) {
    eddy__departures_take(link);
    if (!link->sending) return -1;
    for (int i = 0; i < BURST && link->sending; i++) {
        if (natsConnection_Buffered(link->connection) >= MOST_BUFFERED) return -1;
        if (!do_one(link)) return RETRY_MS;
    }
    return link->sending ? 0 : -1;
}
