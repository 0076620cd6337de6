#include "zmq/ending.h"
#include "base/sys.h"

#include <stdint.h>
#include <string.h>

enum { BUCKETS = 256 };

/* An inproc name of a context's. */
typedef struct name {
    struct name *next;
    uint64_t context, hash;
    int bound;  /* how many sockets of this process's are bound there */
    char *text; /* when somebody connected while nobody was; else NULL */
} name;

/* A socket that is kept back. */
typedef struct reserve {
    struct reserve *next;
    void *context, *zmq;
} reserve;

static struct {
    pthread_mutex_t lock;
    name *names[BUCKETS];
    reserve *reserves;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* None of the parent's threads will release the lock; its contexts are none here. */
static void forked(void) {
    pthread_mutex_init(&all.lock, NULL);
    memset(all.names, 0, sizeof all.names);
    all.reserves = NULL;
}

__attribute__((constructor)) static void begin(void) {
    pthread_atfork(NULL, NULL, forked);
}

/* The place of the pointer to a name, or where a new one belongs. The lock is held. */
static name **find(uint64_t context, uint64_t hash) {
    name **place = &all.names[hash % BUCKETS];
    while (*place && ((*place)->context != context || (*place)->hash != hash))
        place = &(*place)->next;
    return place;
}

/* The lock is held. NULL when there is no memory. */
static name *find_or_add(uint64_t context, uint64_t hash) {
    name **place = find(context, hash);
    if (!*place && (*place = eddy__calloc(1, sizeof **place))) {
        (*place)->context = context;
        (*place)->hash = hash;
    }
    return *place;
}

static void drop(name **place) {
    name *dropped = *place;
    *place = dropped->next;
    eddy__free(dropped->text);
    eddy__free(dropped);
}

/* The lock is held. */
static int keep_back(void *context) {
    for (reserve *each = all.reserves; each; each = each->next)
        if (each->context == context) return 0;
    reserve *made = eddy__calloc(1, sizeof *made);
    if (!made) return -ENOMEM;
    made->zmq = eddy__zmq_socket(context, ZMQ_DEALER);
    if (!made->zmq) {
        int error = errno;
        eddy__free(made);
        return -error;
    }
    made->context = context;
    made->next = all.reserves;
    all.reserves = made;
    return 0;
}

int eddy__ending_reserve(void *context) {
    pthread_mutex_lock(&all.lock);
    int rc = keep_back(context);
    pthread_mutex_unlock(&all.lock);
    return rc;
}

int eddy__ending_bind(uint64_t context, uint64_t hash) {
    pthread_mutex_lock(&all.lock);
    name *bound = find_or_add(context, hash);
    if (bound) bound->bound++;
    pthread_mutex_unlock(&all.lock);
    return bound ? 0 : -ENOMEM;
}

int eddy__ending_is_bound(uint64_t context, uint64_t hash) {
    pthread_mutex_lock(&all.lock);
    const name *found = *find(context, hash);
    int is_bound = found && found->bound > 0;
    pthread_mutex_unlock(&all.lock);
    return is_bound;
}

void eddy__ending_bound(uint64_t context, uint64_t hash) {
    pthread_mutex_lock(&all.lock);
    name *bound = *find(context, hash);
    if (bound) {
        eddy__free(bound->text);
        bound->text = NULL;
    }
    pthread_mutex_unlock(&all.lock);
}

void eddy__ending_unbound(uint64_t context, uint64_t hash) {
    pthread_mutex_lock(&all.lock);
    name **place = find(context, hash);
    if (*place && --(*place)->bound <= 0 && !(*place)->text) drop(place);
    pthread_mutex_unlock(&all.lock);
}

/* Remembers a name that somebody is about to wait for. The lock is held. */
static int await(void *context, uint64_t hash, const char *text) {
    name *awaited = find_or_add((uint64_t)(uintptr_t)context, hash);
    if (!awaited) return -ENOMEM;
    if (awaited->bound > 0 || awaited->text) return 0;
    size_t size = strlen(text) + 1;
    awaited->text = eddy__calloc(1, size);
    int rc = awaited->text ? keep_back(context) : -ENOMEM;
    if (rc == 0)
        memcpy(awaited->text, text, size);
    else
        drop(find(awaited->context, hash));
    return rc;
}

int eddy__ending_connect(void *context, void *zmq, uint64_t hash, const char *text) {
    pthread_mutex_lock(&all.lock);
    int rc = await(context, hash, text);
    if (rc == 0 && eddy__zmq_connect(zmq, text) != 0) rc = -errno;
    pthread_mutex_unlock(&all.lock);
    return rc;
}

/* The lock is held. */
static void forget_names(uint64_t context, void *zmq) {
    for (int i = 0; i < BUCKETS; i++) {
        for (name **place = &all.names[i]; *place;) {
            name *each = *place;
            if (each->context != context) {
                place = &each->next;
                continue;
            }
            if (each->text && zmq) zmq_bind(zmq, each->text);
            drop(place);
        }
    }
}

static void (*at_end)(void *context);

void eddy__ending_call(void (*fn)(void *context)) {
    at_end = fn;
}

void eddy__ending_settle(void *context) {
    if (at_end) at_end(context);
    pthread_mutex_lock(&all.lock);
    reserve **place = &all.reserves, *kept;
    while (*place && (*place)->context != context) place = &(*place)->next;
    kept = *place;
    forget_names((uint64_t)(uintptr_t)context, kept ? kept->zmq : NULL);
    if (kept) {
        int none = 0;
        *place = kept->next;
        zmq_setsockopt(kept->zmq, ZMQ_LINGER, &none, sizeof none);
        zmq_close(kept->zmq);
        eddy__free(kept);
    }
    pthread_mutex_unlock(&all.lock);
}
