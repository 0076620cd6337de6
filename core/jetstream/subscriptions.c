/* A link's subscriptions, which every connection makes anew. */
#include "jetstream/link.h"

#include <stdlib.h>
#include <string.h>

enum { DRAIN_MS = 2000 }; /* for what comes after a subscription's end */

static void on_message(natsConnection *connection, natsSubscription *handle, natsMsg *message,
                       void *closure) {
    eddy__subscription *subscription = closure;
    eddy_link *link = subscription->link;
    if (subscription->number == EDDY__FENCE) {
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
    eddy_link *link = subscription->link;
    eddy__arrivals_end(link);
    if (subscription->drains) eddy__arrivals_drained(subscription);
    subscription->is_complete = 1; /* it may be freed from now on */
    eddy__link_release(link);
}

/* The list has those that are subscribed, and those whose end libnats has not told yet, or of
 * whose messages some wait for the owner. */
static void sweep(eddy_link *link) {
    for (eddy__subscription **at = &link->subscriptions; *at;) {
        eddy__subscription *each = *at;
        if (each->handle && each->is_complete) {
            natsSubscription_Destroy(each->handle);
            each->handle = NULL;
        }
        pthread_mutex_lock(&link->in_lock);
        int is_over = !each->handle && each->is_complete && each->waiting == 0;
        pthread_mutex_unlock(&link->in_lock);
        if (is_over) {
            *at = each->next;
            free(each);
        } else {
            at = &each->next;
        }
    }
}

natsStatus eddy__subscribe(eddy_link *link, uint32_t number, const char *subject,
                           const char *group, uint32_t limit) {
    size_t subject_size = strlen(subject) + 1, group_size = strlen(group) + 1;
    eddy__subscription *made = calloc(1, sizeof *made + subject_size + group_size);
    if (!made) return NATS_NO_MEMORY;
    made->link = link;
    made->number = number;
    made->limit = limit;
    made->subject = memcpy(made->text, subject, subject_size);
    made->group = memcpy(made->text + subject_size, group, group_size);
    natsConnection *connection = link->connection;
    natsStatus status =
        *group ? natsConnection_QueueSubscribe(&made->handle, connection, subject, group,
                                               on_message, made)
               : natsConnection_Subscribe(&made->handle, connection, subject, on_message, made);
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

/* libnats' part of one that drains would drop what is still to come if it was destroyed before
 * that is over. */
void eddy__unsubscribe(eddy_link *link, uint32_t number, int drains) {
    for (eddy__subscription *each = link->subscriptions; each; each = each->next) {
        if (each->number != number || !each->handle || each->is_over) continue;
        each->is_over = 1;
        each->drains = drains;
        if (drains && natsSubscription_DrainTimeout(each->handle, DRAIN_MS) == NATS_OK) break;
        natsSubscription_Unsubscribe(each->handle);
        natsSubscription_Destroy(each->handle);
        each->handle = NULL;
        break;
    }
    sweep(link);
}

void eddy__subscribe_again(eddy_link *link) {
    eddy__subscription *before = link->subscriptions;
    for (eddy__subscription *each = before; each; each = each->next) {
        if (each->is_over || each->number == EDDY__FENCE) continue;
        each->is_over = 1;
        if (eddy__subscribe(link, each->number, each->subject, each->group, each->limit) ==
            NATS_OK)
            continue;
        each->is_over = 0; /* the connection is lost, too */
        break;
    }
    sweep(link);
}

/* What libnats has read and not handed over yet is lost with the connection. */
int eddy__subscriptions_are_behind(eddy_link *link) {
    for (eddy__subscription *each = link->subscriptions; each; each = each->next) {
        uint64_t behind = 0;
        if (each->handle && natsSubscription_QueuedMsgs(each->handle, &behind) == NATS_OK &&
            behind > 0)
            return 1;
    }
    return 0;
}

void eddy__subscriptions_destroy(eddy_link *link) {
    for (eddy__subscription *each = link->subscriptions; each; each = each->next) {
        natsSubscription_Destroy(each->handle);
        each->handle = NULL;
    }
}
