/* What goes out: from the owner of the link to its thread. */
#include "jetstream/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *copy(char **at, const char *text, size_t size) {
    char *to = *at;
    memcpy(to, text, size);
    to[size] = '\0';
    *at += size + 1;
    return to;
}

/* The bytes that one counts for. */
static uint64_t weight_of(const eddy__departure *departure) {
    return sizeof *departure + departure->header_size + departure->data_size;
}

/* The owner's, until it is flushed: so many come at a time that a lock for each would cost more
 * than all the rest. */
static int add(eddy_link *link, const eddy__departure *plan) {
    size_t subject = strlen(plan->subject), reply = strlen(plan->reply);
    uint64_t weight = weight_of(plan), waiting = link->queued - link->done;
    double bytes = (double)(link->queued_bytes - link->done_bytes + weight);
    if (plan->kind == EDDY__PUBLISH &&
        ((double)waiting + 1 > link->most || bytes > link->most_bytes))
        return -ENOBUFS;
    eddy__departure *made =
        malloc(sizeof *made + subject + reply + plan->header_size + plan->data_size + 4);
    if (!made) return -ENOMEM;
    *made = *plan;
    made->next = NULL;
    char *at = (char *)(made + 1);
    made->subject = copy(&at, plan->subject, subject);
    made->reply = copy(&at, plan->reply, reply);
    made->headers = copy(&at, plan->headers, plan->header_size);
    made->id = plan->id ? made->reply : NULL;
    made->data = copy(&at, plan->data, plan->data_size);
    *link->staged_last = made;
    link->staged_last = &made->next;
    link->queued++;
    link->queued_bytes += weight;
    return 0;
}

int eddy_link_publish(eddy_link *link, const char *subject, const char *reply,
                      const char *headers, uint32_t header_size, const char *data,
                      uint32_t data_size, double epoch) {
    return add(link, &(eddy__departure){.kind = EDDY__PUBLISH,
                                        .subject = subject,
                                        .reply = reply,
                                        .headers = headers,
                                        .header_size = header_size,
                                        .data = data,
                                        .data_size = data_size,
                                        .epoch = epoch});
}

int eddy_link_store(eddy_link *link, const char *subject, const char *inbox, double number,
                    const char *headers, uint32_t header_size, int has_id, const char *data,
                    uint32_t data_size, double epoch) {
    char reply[128];
    snprintf(reply, sizeof reply, "%s%" PRId64, inbox, (int64_t)number);
    return add(link, &(eddy__departure){.kind = EDDY__PUBLISH,
                                        .subject = subject,
                                        .reply = reply,
                                        .id = has_id ? NULL : reply,
                                        .headers = headers,
                                        .header_size = header_size,
                                        .data = data,
                                        .data_size = data_size,
                                        .epoch = epoch});
}

int eddy_link_subscribe(eddy_link *link, uint32_t number, const char *subject,
                        const char *group, uint32_t limit) {
    return add(link, &(eddy__departure){.kind = EDDY__SUBSCRIBE,
                                        .number = number,
                                        .limit = limit,
                                        .subject = subject,
                                        .reply = group,
                                        .headers = "",
                                        .data = "",
                                        .epoch = EDDY_LINK_ANY});
}

int eddy_link_unsubscribe(eddy_link *link, uint32_t number, int drains) {
    return add(link, &(eddy__departure){.kind = drains ? EDDY__DRAIN : EDDY__UNSUBSCRIBE,
                                        .number = number,
                                        .subject = "",
                                        .reply = "",
                                        .headers = "",
                                        .data = "",
                                        .epoch = EDDY_LINK_ANY});
}

/* Hands over what is staged. The lock is held. */
static void unstage(eddy_link *link) {
    if (!link->staged_first) return;
    *link->out_last = link->staged_first;
    link->out_last = link->staged_last;
    link->staged_first = NULL;
    link->staged_last = &link->staged_first;
}

void eddy_link_flush(eddy_link *link) {
    if (!link->staged_first) return;
    pthread_mutex_lock(&link->out_lock);
    unstage(link);
    pthread_mutex_unlock(&link->out_lock);
    eddy__socket_wake(link);
}

void eddy_link_limit(eddy_link *link, double messages, double bytes) {
    link->most = messages;
    link->most_bytes = bytes;
}

void eddy_link_stop(eddy_link *link, double ms) {
    pthread_mutex_lock(&link->out_lock);
    unstage(link);
    link->is_stopping = 1;
    link->stop_ms = ms;
    pthread_mutex_unlock(&link->out_lock);
    eddy__socket_wake(link);
}

void eddy__departures_end(eddy_link *link) {
    pthread_mutex_lock(&link->out_lock);
    link->is_stopping = 1;
    pthread_mutex_unlock(&link->out_lock);
    eddy__socket_wake(link);
}

void eddy__departures_take(eddy_link *link) {
    if (link->sending) return;
    pthread_mutex_lock(&link->out_lock);
    link->sending = link->out_first;
    link->out_first = NULL;
    link->out_last = &link->out_first;
    pthread_mutex_unlock(&link->out_lock);
}

int eddy__departures_are_over(eddy_link *link, double *stop_ms) {
    pthread_mutex_lock(&link->out_lock);
    int is_stopping = link->is_stopping;
    *stop_ms = link->stop_ms;
    pthread_mutex_unlock(&link->out_lock);
    return is_stopping;
}

void eddy__departures_done(eddy_link *link, int was_sent) {
    eddy__departure *departure = link->sending;
    link->sending = departure->next;
    link->done++;
    link->done_bytes += weight_of(departure);
    if (was_sent && departure->kind == EDDY__PUBLISH) {
        link->out++;
        link->out_bytes += departure->data_size;
    }
    free(departure);
}

static void free_list(eddy__departure *list) {
    while (list) {
        eddy__departure *next = list->next;
        free(list);
        list = next;
    }
}

void eddy__departures_free(eddy_link *link) {
    free_list(link->sending);
    free_list(link->out_first);
    free_list(link->staged_first);
}
