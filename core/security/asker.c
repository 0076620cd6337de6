#include "security/asker.h"
#include "base/clock.h"
#include "base/sleeper.h"
#include "base/sys.h"

#include <stdatomic.h>
#include <string.h>

enum { MOST = 256 }; /* that wait for an answer */

typedef struct question {
    struct question *next;
    eddy__mailbox *mailbox;
    double until;
    int told; /* eddy_asker_next had it */
    eddy_asked asked;
} question;

struct eddy_asker {
    atomic_int references;
    int fd;
    pthread_mutex_t lock; /* of what follows */
    int count;
    question *first, **last;
};

int eddy_asker_new(eddy_asker **asker) {
    eddy_asker *made = eddy__calloc(1, sizeof *made);
    if (!made) return -ENOMEM;
    int fd = made->fd = eddy__eventfd();
    if (fd < 0) return eddy__free(made), fd;
    made->references = 1;
    made->last = &made->first;
    pthread_mutex_init(&made->lock, NULL);
    *asker = made;
    return 0;
}

void eddy__asker_retain(eddy_asker *asker) {
    asker->references++;
}

/* Takes the question at a place out of the list. The lock is held. */
static void drop(eddy_asker *asker, question **place) {
    question *dropped = *place;
    *place = dropped->next;
    if (asker->last == &dropped->next) asker->last = place;
    asker->count--;
    eddy__mailbox_release(dropped->mailbox);
    eddy__free(dropped);
}

void eddy_asker_free(eddy_asker *asker) {
    if (!asker || --asker->references > 0) return;
    while (asker->first) drop(asker, &asker->first);
    close(asker->fd);
    pthread_mutex_destroy(&asker->lock);
    eddy__free(asker);
}

int eddy_asker_fd(eddy_asker *asker) {
    return asker->fd;
}

static void copy(char *to, eddy__text text) {
    memcpy(to, text.data, text.size);
    to[text.size] = '\0';
}

/* The lock is held. They are in the order of their time. */
static void forget_late(eddy_asker *asker) {
    double now = eddy_time();
    while (asker->first && asker->first->until <= now) drop(asker, &asker->first);
}

int eddy__asker_ask(eddy_asker *asker, double number, const eddy__zap_request *request,
                    eddy__mailbox *mailbox) {
    question *made = eddy__calloc(1, sizeof *made);
    if (!made) return -ENOMEM;
    made->until = eddy_time() + EDDY__ASK_MS;
    made->mailbox = mailbox;
    made->asked.number = number;
    copy(made->asked.domain, request->domain);
    copy(made->asked.address, request->address);
    copy(made->asked.key, eddy__text_of(request->key));
    pthread_mutex_lock(&asker->lock);
    forget_late(asker);
    int is_full = asker->count == MOST;
    if (!is_full) {
        eddy__mailbox_retain(mailbox);
        *asker->last = made;
        asker->last = &made->next;
        asker->count++;
    }
    pthread_mutex_unlock(&asker->lock);
    if (is_full) return eddy__free(made), -ENOBUFS;
    eddy__sleeper_notify(asker->fd);
    return 0;
}

int eddy_asker_next(eddy_asker *asker, eddy_asked *asked) {
    pthread_mutex_lock(&asker->lock);
    forget_late(asker);
    question *each = asker->first;
    while (each && each->told) each = each->next;
    if (each) {
        each->told = 1;
        *asked = each->asked;
    } else {
        uint64_t count;
        ssize_t got = read(asker->fd, &count, sizeof count);
        (void)got;
    }
    pthread_mutex_unlock(&asker->lock);
    return each != NULL;
}

int eddy_asker_answer(eddy_asker *asker, double number, int status, const char *user,
                      uint32_t user_size, const char *fields, uint32_t fields_size) {
    int rc = -ETIMEDOUT;
    if (user_size > EDDY__ZAP_LONGEST) return -EINVAL;
    pthread_mutex_lock(&asker->lock);
    question **place = &asker->first;
    while (*place && (*place)->asked.number != number) place = &(*place)->next;
    if (*place) {
        rc = eddy__mailbox_put((*place)->mailbox, number, status, (eddy__text){user, user_size},
                               (eddy__text){fields, fields_size});
        if (rc == 0) drop(asker, place);
    }
    pthread_mutex_unlock(&asker->lock);
    return rc;
}
