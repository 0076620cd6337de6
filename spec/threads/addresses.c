/* Threads that close a listener and bind its address again, each its own, and that end contexts
 * in which sockets wait for a name that nobody bound. */
#include "proof.h"

#include <unistd.h>

enum { BINDERS = 3, MOST_SOCKETS = 3 };

static int rounds;
static char folder[] = "/tmp/eddy-addresses-XXXXXX";

static int open_bound(eddy_context *context, const char *endpoint) {
    int socket = eddy_socket_open(context, ZMQ_PULL);
    CHECK(socket > 0);
    CHECK(eddy_socket_bind(context, (uint32_t)socket, endpoint) == 0);
    return socket;
}

static void bind_again(eddy_context *context, const char *endpoint) {
    int socket = open_bound(context, endpoint);
    CHECK(eddy_socket_unbind(context, (uint32_t)socket, endpoint) == 0);
    CHECK(eddy_socket_bind(context, (uint32_t)socket, endpoint) == 0);
    CHECK(eddy_socket_close(context, (uint32_t)socket, 0) == 0);
}

/* Of all its sockets each waits for the same names as those of the other threads. */
static void end_while_some_wait(void) {
    eddy_context *context;
    CHECK(eddy_context_new(1, &context) == 0);
    CHECK(eddy_context_set(context, ZMQ_MAX_SOCKETS, MOST_SOCKETS) == 0);
    for (int i = 0; i < MOST_SOCKETS; i++) {
        int socket = eddy_socket_open(context, ZMQ_DEALER);
        CHECK(socket > 0);
        CHECK(eddy_socket_connect(context, (uint32_t)socket, "inproc://nobody") == 0);
        CHECK(eddy_socket_connect(context, (uint32_t)socket, "inproc://neither") == 0);
    }
    CHECK(eddy_context_close_sockets(context, 0) == MOST_SOCKETS);
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
}

static void *run(void *argument) {
    int number = (int)(intptr_t)argument;
    eddy_context *context;
    char path[128], name[64], port[128];
    CHECK(eddy_context_new(-1, &context) == 0);
    snprintf(path, sizeof path, "ipc://%s/%d", folder, number);
    snprintf(name, sizeof name, "inproc://name-%d", number);
    int first = open_bound(context, "tcp://127.0.0.1:*");
    CHECK(eddy_socket_get(context, (uint32_t)first, ZMQ_LAST_ENDPOINT, port, sizeof port) > 0);
    CHECK(eddy_socket_close(context, (uint32_t)first, 0) == 0);
    for (int round = 0; round < rounds; round++) {
        bind_again(context, path);
        bind_again(context, name);
        bind_again(context, port);
        if (round % 10 == 0) end_while_some_wait();
    }
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
    snprintf(path, sizeof path, "%s/%d", folder, number);
    CHECK(unlink(path) == 0);
    return NULL;
}

int main(int argc, char **argv) {
    rounds = proof_size(argc, argv, 50);
    pthread_t threads[BINDERS];
    CHECK(mkdtemp(folder));
    for (intptr_t i = 0; i < BINDERS; i++)
        CHECK(pthread_create(&threads[i], NULL, run, (void *)i) == 0);
    for (int i = 0; i < BINDERS; i++) pthread_join(threads[i], NULL);
    CHECK(rmdir(folder) == 0);
    return 0;
}
