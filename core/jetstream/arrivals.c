/* What comes in: from libnats' threads to the owner of the link. */
#include "jetstream/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_UNTOLD = 256, MOST_SPENT = 512, MOST_SPENT_BYTES = 1 << 20 };

/* The lock is held. */
static void add(eddy_link *link, eddy__arrival *arrival) {
    *link->last = arrival;
    link->last = &arrival->next;
    link->unread++;
}

/* The descriptor tells once, until all was taken. The lock is held. */
static void tell_owner(eddy_link *link) {
    link->untold = 0;
    if (link->is_told) return;
    link->is_told = 1;
    uint64_t one = 1;
    ssize_t written = write(link->fd, &one, sizeof one);
    (void)written; /* an eventfd that is not at its limit takes it */
}

void eddy__arrivals_end(eddy_link *link) {
    pthread_mutex_lock(&link->in_lock);
    if (link->untold > 0) tell_owner(link);
    pthread_mutex_unlock(&link->in_lock);
}

static void tell(eddy_link *link, int kind, int status, const char *text, uint32_t number,
                 double token) {
    size_t size = strlen(text) + 1;
    eddy__arrival *arrival = link->last_words;
    if (kind == EDDY_LINK_CLOSED) { /* whoever waits for that waits for ever without it */
        link->last_words = NULL;
        if (size > EDDY__LAST_WORDS) size = EDDY__LAST_WORDS;
    } else {
        arrival = calloc(1, sizeof *arrival + size);
    }
    if (!arrival) return;
    memcpy(arrival->text, text, size - 1);
    arrival->event = (eddy_link_event){.kind = kind,
                                       .subscription = number,
                                       .status = status,
                                       .data = arrival->text,
                                       .data_size = (int32_t)size - 1,
                                       .token = token,
                                       .epoch = link->reconnects};
    pthread_mutex_lock(&link->in_lock);
    add(link, arrival);
    tell_owner(link);
    pthread_mutex_unlock(&link->in_lock);
}

/* The text of a number at `*at`, behind which `*at` stands then, past one dot. */
static double number(const char **at) {
    double value = 0;
    while (**at >= '0' && **at <= '9') value = value * 10 + (*(*at)++ - '0');
    if (**at == '.') (*at)++;
    return value;
}

/* $JS.ACK.STREAM.CONSUMER.DELIVERIES.STREAMSEQ.CONSUMERSEQ.NANOSECONDS.PENDING, and in later
 * servers $JS.ACK.DOMAIN.ACCOUNT.STREAM. ... .PENDING.TOKEN */
static void read_ack(eddy_link_event *event) {
    static const char begins[] = "$JS.ACK.";
    if (strncmp(event->reply, begins, sizeof begins - 1) != 0) return;
    int dots = 0;
    for (const char *at = event->reply; *at; at++) dots += *at == '.';
    int skipped = dots >= 11 ? 6 : 4;
    if (dots < 8) return;
    const char *at = event->reply;
    while (skipped > 0) skipped -= *at++ == '.';
    event->deliveries = (int32_t)number(&at);
    event->sequence = number(&at);
    event->order = number(&at);
    event->time = number(&at) / 1e6;
    event->pending = number(&at);
}

/* The number that a subject below the link's inbox ends with. */
static double token_of(const eddy_link *link, const char *subject) {
    size_t size = link->inbox ? strlen(link->inbox) : 0;
    if (size == 0 || strncmp(subject, link->inbox, size) != 0) return -1;
    const char *dot = strrchr(subject, '.');
    const char *at = dot + 1;
    return *at >= '0' && *at <= '9' ? number(&at) : -1;
}

void eddy__arrivals_tell(eddy_link *link, int kind, int status, const char *text) {
    tell(link, kind, status, text, 0, -1);
}

void eddy__arrivals_drained(eddy__subscription *subscription) {
    tell(subscription->link, EDDY_LINK_DRAINED, 0, "", subscription->number, -1);
}

void eddy__arrivals_failed(eddy_link *link, const char *reply, const char *text) {
    size_t size = strlen(link->inbox);
    int is_request =
        strncmp(reply, link->inbox, size) == 0 && strncmp(reply + size, ".r.", 3) == 0;
    tell(link, EDDY_LINK_FAILED, 0, text, 0, is_request ? token_of(link, reply) : -1);
}

/* Names and values, with their zero bytes: fills `to` unless that is NULL, and returns how many
 * bytes it takes. */
static size_t write_headers(natsMsg *message, const char **names, int count, char *to) {
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        const char **values = NULL;
        int value_count = 0;
        if (natsMsgHeader_Values(message, names[i], &values, &value_count) != NATS_OK) continue;
        for (int j = 0; j < value_count; j++) {
            size_t name_size = strlen(names[i]) + 1, value_size = strlen(values[j]) + 1;
            if (to) {
                memcpy(to + size, names[i], name_size);
                memcpy(to + size + name_size, values[j], value_size);
            }
            size += name_size + value_size;
        }
        free((void *)values);
    }
    return size;
}

static eddy__arrival *arrival_of(eddy__subscription *subscription, natsMsg *message) {
    const char **names = NULL;
    int count = 0;
    if (natsMsgHeader_Keys(message, &names, &count) != NATS_OK) count = 0;
    size_t size = count ? write_headers(message, names, count, NULL) : 0;
    const char *reply = natsMsg_GetReply(message), *status;
    size_t reply_size = reply ? strlen(reply) : 0;
    eddy__arrival *arrival = malloc(sizeof *arrival + reply_size + 1 + size);
    if (arrival) {
        memset(arrival, 0, sizeof *arrival);
        eddy_link_event *event = &arrival->event;
        event->kind = EDDY_LINK_MESSAGE;
        event->subscription = subscription->number;
        event->subject = natsMsg_GetSubject(message);
        event->subject_size = (int32_t)strlen(event->subject);
        event->reply = memcpy(arrival->text, reply ? reply : "", reply_size + 1);
        event->reply_size = (int32_t)reply_size;
        event->data = natsMsg_GetData(message);
        event->data_size = natsMsg_GetDataLength(message);
        char *headers = arrival->text + reply_size + 1;
        event->headers = headers;
        event->header_size = (int32_t)size;
        if (size) write_headers(message, names, count, headers);
        if (size && event->data_size == 0 &&
            natsMsgHeader_Get(message, "Status", &status) == NATS_OK)
            event->status = atoi(status);
        event->token = token_of(subscription->link, event->subject);
        read_ack(event);
        arrival->message = message;
        arrival->subscription = subscription;
    }
    free((void *)names);
    return arrival;
}

void eddy__arrivals_add(eddy__subscription *subscription, natsMsg *message, int is_last) {
    eddy_link *link = subscription->link;
    eddy__arrival *arrival = arrival_of(subscription, message);
    pthread_mutex_lock(&link->in_lock);
    int is_taken =
        arrival && !link->is_closed && subscription->waiting < (int32_t)subscription->limit;
    if (is_taken) {
        subscription->waiting++;
        link->untold++;
        link->in++;
        link->in_bytes += arrival->event.data_size;
        add(link, arrival);
    } else {
        link->dropped++;
    }
    if (link->untold > 0 && (is_last || link->untold >= MOST_UNTOLD)) tell_owner(link);
    pthread_mutex_unlock(&link->in_lock);
    if (is_taken) return;
    natsMsg_Destroy(message);
    free(arrival);
}

static void free_arrival(eddy__arrival *arrival) {
    natsMsg_Destroy(arrival->message);
    free(arrival);
}

int eddy_link_fd(eddy_link *link) {
    return link->fd;
}

static void free_list(eddy__arrival *list) {
    while (list) {
        eddy__arrival *next = list->next;
        free_arrival(list);
        list = next;
    }
}

/* Frees what was looked at. Not one by one: libnats hands each message to a thread that frees
 * it, and would wake that for each. */
static void free_spent(eddy_link *link) {
    free_list(link->spent);
    link->spent = NULL;
    link->spent_count = 0;
    link->spent_bytes = 0;
}

/* All that came. The lock is held. */
static void take_batch(eddy_link *link) {
    link->batch = link->first;
    link->first = NULL;
    link->last = &link->first;
    link->untold = 0;
    for (eddy__arrival *each = link->batch; each; each = each->next)
        if (each->subscription) each->subscription->waiting--;
    if (link->batch || !link->is_told) return;
    uint64_t count;
    ssize_t size = read(link->fd, &count, sizeof count);
    (void)size;
    link->is_told = 0;
}

int eddy_link_next(eddy_link *link, eddy_link_event *event) {
    if (link->spent_count >= MOST_SPENT || link->spent_bytes >= MOST_SPENT_BYTES)
        free_spent(link);
    if (!link->batch) {
        pthread_mutex_lock(&link->in_lock);
        take_batch(link);
        pthread_mutex_unlock(&link->in_lock);
        if (!link->batch) return 0;
    }
    eddy__arrival *arrival = link->batch;
    *event = arrival->event;
    link->batch = arrival->next;
    arrival->next = link->spent;
    link->spent = arrival;
    link->spent_count++;
    link->spent_bytes += event->data_size;
    link->unread--;
    return 1;
}

int eddy_link_has(const eddy_link_event *event, const char *text) {
    return memmem(event->data, (size_t)event->data_size, text, strlen(text)) != NULL;
}

void eddy__arrivals_free(eddy_link *link) {
    free(link->last_words);
    free_list(link->spent);
    free_list(link->batch);
    free_list(link->first);
}
