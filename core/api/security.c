/* The public functions about who may come in. */
#include "base/sys.h"
#include "security/zap.h"
#include "zmq/context.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* A draft's name, which libzmq 4.3.4 takes without drafts, too. */
enum { EDDY__ZAP_ENFORCE_DOMAIN = 93, LONGEST_DOMAIN = 64 };

int eddy_zap_set(eddy_context *context, const char *domain, eddy_policy *policy) {
    void *zmq = eddy__context_zmq(context);
    return zmq ? eddy__zap_set(zmq, domain, policy) : -ETERM;
}

int eddy_zap_answers(eddy_context *context, const char *domain) {
    void *zmq = eddy__context_zmq(context);
    return zmq ? eddy__zap_answers(zmq, domain) : -ETERM;
}

int eddy_zap_cut(eddy_context *context, const char *domain, const char *key) {
    void *zmq = eddy__context_zmq(context);
    return zmq ? eddy__zap_cut(zmq, domain, key) : -ETERM;
}

int eddy_zap_stats_get(eddy_context *context, eddy_zap_stats *stats) {
    void *zmq = eddy__context_zmq(context);
    return zmq ? eddy__zap_stats(zmq, stats) : -ETERM;
}

/* The domain that is one socket's. */
static void name_of(const eddy__socket *socket, char *name) {
    snprintf(name, LONGEST_DOMAIN, "eddy.%.0f", socket->number);
}

static void leave(eddy__socket *socket) {
    char name[LONGEST_DOMAIN];
    name_of(socket, name);
    eddy__zap_set(socket->context, name, NULL);
}

static zmq_msg_t *new_message(void) {
    zmq_msg_t *made = eddy__calloc(1, sizeof *made);
    if (made) zmq_msg_init(made);
    return made;
}

int eddy_socket_admit(eddy_context *context, uint32_t id, eddy_policy *policy) {
    static atomic_uint_fast64_t numbers;
    char name[LONGEST_DOMAIN];
    int on = 1;
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    if (!socket->last && !(socket->last = new_message())) return -ENOMEM;
    if (!socket->closed) socket->number = (double)++numbers;
    name_of(socket, name);
    int rc = eddy__zap_set(socket->context, name, policy);
    if (rc != 0) return rc;
    socket->closed = leave;
    rc = eddy__socket_set(socket, ZMQ_ZAP_DOMAIN, name, strlen(name));
    return rc != 0 ? rc : eddy__socket_set(socket, EDDY__ZAP_ENFORCE_DOMAIN, &on, sizeof on);
}

const char *eddy_socket_property(eddy_context *context, uint32_t id, const char *name) {
    eddy__socket *socket = eddy__context_find(context, id);
    return socket && socket->last ? zmq_msg_gets(socket->last, name) : NULL;
}
