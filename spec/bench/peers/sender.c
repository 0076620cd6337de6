/* For scripts, by FFI: a sender in a thread of its own, on eddy's own context, which sends all
 * without waiting for the receiver, over inproc; and the sum with which each side reads every
 * byte of a message once. */
#include "bench.h"
#include "eddy.h"

typedef struct sender {
    const char *endpoint;
    long count;
    int size, repeats;
} sender;

static void *send_all(void *data) {
    sender *its = data;
    eddy_context *context;
    char *bytes = malloc((size_t)its->size);
    memset(bytes, 'x', (size_t)its->size);
    must(eddy_context_new(-1, &context) == 0, "context");
    int socket = eddy_socket_open(context, ZMQ_PUSH);
    int unlimited = 0;
    must(socket > 0, "socket");
    eddy_socket_set(context, (uint32_t)socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    must(eddy_socket_connect(context, (uint32_t)socket, its->endpoint) == 0, "connect");
    for (long i = 0; i < its->count; i++) {
        if (!its->repeats) vary(bytes, (size_t)its->size);
        must(eddy_socket_send(context, (uint32_t)socket, bytes, (uint32_t)its->size, 0) == 0,
             "send");
    }
    eddy_socket_close(context, (uint32_t)socket, EDDY_OWN_LINGER);
    eddy_context_free(context);
    free(bytes);
    return NULL;
}

void bench_send(const char *endpoint, double count, int size, int repeats);
double bench_sum(const void *data, unsigned size);

void bench_send(const char *endpoint, double count, int size, int repeats) {
    sender its = {endpoint, (long)count, size, repeats};
    pthread_t thread;
    must(pthread_create(&thread, NULL, send_all, &its) == 0, "thread");
    pthread_join(thread, NULL);
}

double bench_sum(const void *data, unsigned size) {
    return (double)(checksum(data, size) & 0xffff);
}
