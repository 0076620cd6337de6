/* One handler: its socket, its domains, and what it has asked. */
#ifndef EDDY_SECURITY_DOOR_H
#define EDDY_SECURITY_DOOR_H

#include "eddy.h"
#include "security/failures.h"
#include "security/mailbox.h"
#include "security/visits.h"

#include <pthread.h>

typedef struct eddy__domain {
    struct eddy__domain *next;
    eddy_policy *policy;
    char name[];
} eddy__domain;

typedef struct eddy__door {
    struct eddy__door *next;
    void *context, *socket; /* the socket is the thread's */
    pthread_t thread;
    eddy__mailbox *mailbox;
    pthread_mutex_t lock; /* of what follows, to `waiting` */
    eddy__domain *domains;
    eddy_zap_stats stats;
    eddy__visits visits;
    struct eddy__waiting
        *waiting; /* whom it cannot answer yet; the thread's, as what follows */
    int waiting_count;
    double numbers;
    eddy__failures failures;
} eddy__door;

/* Makes one that answers on a bound socket. 0 or -errno. */
int eddy__door_new(eddy__door **door, void *context, void *socket);

/* The thread of a door: answers until its mailbox is over, then closes the socket. */
void *eddy__door_run(void *door);

/* Gives a domain a policy, or takes it away (NULL). 0 or -ENOMEM. */
int eddy__door_set(eddy__door *door, const char *domain, eddy_policy *policy);

/* Whether a domain has a policy, or all domains have. */
int eddy__door_has(eddy__door *door, const char *domain);

/* Takes what it knows of where a key came from, in one domain or (NULL) in all. Whether it does
 * not know all of that. */
eddy__visit *eddy__door_leave(eddy__door *door, const char *domain, const char *key,
                              int *is_partial);

/* Connections were ended. */
void eddy__door_count_cut(eddy__door *door, int connections);

void eddy__door_stats(eddy__door *door, eddy_zap_stats *stats);

/* Frees one whose thread has ended, or never began. */
void eddy__door_free(eddy__door *door);

#endif
