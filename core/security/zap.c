#include "security/zap.h"
#include "base/sys.h"
#include "security/cut.h"
#include "security/door.h"
#include "zmq/ending.h"
#include "zmq/listeners.h"

#include <string.h>

static const char ENDPOINT[] = "inproc://zeromq.zap.01";

/* The handlers of this process, one for each context of libzmq's. */
static struct {
    pthread_mutex_t lock;
    eddy__door *doors;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* None of the parent's threads is here, and its contexts are none. */
static void forked(void) {
    pthread_mutex_init(&all.lock, NULL);
    all.doors = NULL;
}

/* The lock is held. */
static eddy__door **find(const void *context) {
    eddy__door **place = &all.doors;
    while (*place && (*place)->context != context) place = &(*place)->next;
    return place;
}

/* Before libzmq terminates the context, which waits for the handler's socket. */
static void end(void *context) {
    pthread_mutex_lock(&all.lock);
    eddy__door **place = find(context), *door = *place;
    if (door) *place = door->next;
    pthread_mutex_unlock(&all.lock);
    if (!door) return;
    eddy__mailbox_end(door->mailbox);
    pthread_join(door->thread, NULL);
    eddy__door_free(door);
}

__attribute__((constructor)) static void begin(void) {
    pthread_atfork(NULL, NULL, forked);
    eddy__ending_call(end);
}

static int open_socket(void *context, void **socket) {
    int none = 0;
    eddy__address address = eddy__listeners_address(context, ENDPOINT);
    *socket = eddy__zmq_socket(context, ZMQ_ROUTER);
    if (!*socket) return -errno;
    int rc = eddy__ending_bind(address.where, address.what);
    if (rc == 0 && (eddy__zmq_set(*socket, ZMQ_LINGER, &none, sizeof none) != 0 ||
                    eddy__zmq_set(*socket, ZMQ_SNDHWM, &none, sizeof none) != 0 ||
                    eddy__zmq_bind(*socket, ENDPOINT) != 0)) {
        rc = -errno;
        eddy__ending_unbound(address.where, address.what);
    }
    if (rc == 0) eddy__ending_bound(address.where, address.what);
    if (rc != 0) zmq_close(*socket);
    return rc;
}

/* The lock is held. */
static int start(void *context, eddy__door **door) {
    void *socket;
    int rc = open_socket(context, &socket);
    if (rc != 0) return rc;
    rc = eddy__door_new(door, context, socket);
    if (rc != 0) return zmq_close(socket), rc;
    rc = -eddy__thread(&(*door)->thread, eddy__door_run, *door);
    if (rc != 0) return zmq_close(socket), eddy__door_free(*door), rc;
    (*door)->next = all.doors;
    all.doors = *door;
    return 0;
}

int eddy__zap_set(void *context, const char *domain, eddy_policy *policy) {
    int rc = 0;
    pthread_mutex_lock(&all.lock);
    eddy__door *door = *find(context);
    if (!door && policy) rc = start(context, &door);
    if (rc == 0 && door) rc = eddy__door_set(door, domain, policy);
    pthread_mutex_unlock(&all.lock);
    return rc;
}

int eddy__zap_answers(void *context, const char *domain) {
    eddy__address address = eddy__listeners_address(context, ENDPOINT);
    pthread_mutex_lock(&all.lock);
    eddy__door *door = *find(context);
    int answers = door ? eddy__door_has(door, domain)
                       : eddy__ending_is_bound(address.where, address.what);
    pthread_mutex_unlock(&all.lock);
    return answers;
}

int eddy__zap_cut(void *context, const char *domain, const char *key) {
    int everybody = 0;
    pthread_mutex_lock(&all.lock);
    eddy__door *door = *find(context);
    eddy__visit *list = door ? eddy__door_leave(door, domain, key, &everybody) : NULL;
    pthread_mutex_unlock(&all.lock);
    int rc = eddy__cut(list, everybody);
    eddy__visits_free(list);
    pthread_mutex_lock(&all.lock);
    door = *find(context);
    if (door && rc > 0) eddy__door_count_cut(door, rc);
    pthread_mutex_unlock(&all.lock);
    return rc;
}

int eddy__zap_stats(void *context, eddy_zap_stats *stats) {
    *stats = (eddy_zap_stats){0};
    pthread_mutex_lock(&all.lock);
    eddy__door *door = *find(context);
    if (door) eddy__door_stats(door, stats);
    pthread_mutex_unlock(&all.lock);
    return door != NULL;
}
