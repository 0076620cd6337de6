/* Where answers for a handler come in, from any thread, and a descriptor that tells of them. It
 * is there until its last reference is given back, also when the handler is no more. */
#ifndef EDDY_SECURITY_MAILBOX_H
#define EDDY_SECURITY_MAILBOX_H

#include "security/zap_request.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct eddy__answer {
    struct eddy__answer *next;
    double number; /* of what was asked */
    int status;
    eddy__text user, fields;
    char bytes[];
} eddy__answer;

typedef struct eddy__mailbox {
    atomic_int references;
    int fd; /* an eventfd */
    atomic_int is_over;
    pthread_mutex_t lock; /* of `answers` */
    eddy__answer *answers;
} eddy__mailbox;

int eddy__mailbox_new(eddy__mailbox **mailbox);
void eddy__mailbox_retain(eddy__mailbox *mailbox);
void eddy__mailbox_release(eddy__mailbox *mailbox);

/* Puts an answer, with copies of its texts, in. 0 or -ENOMEM. */
int eddy__mailbox_put(eddy__mailbox *mailbox, double number, int status, eddy__text user,
                      eddy__text fields);

/* Tells who reads the mailbox that it is over. */
void eddy__mailbox_end(eddy__mailbox *mailbox);

/* Takes all answers, whoever takes them frees them. */
eddy__answer *eddy__mailbox_take(eddy__mailbox *mailbox);

#endif
