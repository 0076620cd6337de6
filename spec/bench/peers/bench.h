/* What the C programs of the benchmarks share: clocks, endpoints, how a result is told. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

static inline double clock_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The time of the calling thread, and of the wall. */
typedef struct watch {
    double cpu, wall;
} watch;

static inline watch watch_start(void) {
    return (watch){clock_ns(CLOCK_THREAD_CPUTIME_ID), clock_ns(CLOCK_MONOTONIC)};
}

/* Prints the times that one of `count` took since the start. */
static inline void watch_tell(watch start, double count) {
    watch now = watch_start();
    printf("cpu_ns=%.1f wall_ns=%.1f\n", (now.cpu - start.cpu) / count,
           (now.wall - start.wall) / count);
}

static inline void must(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "%s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

/* Binds, and prints the endpoint as the first line. */
static inline void bind_and_tell(void *socket, const char *endpoint) {
    char bound[256];
    size_t size = sizeof bound;
    must(zmq_bind(socket, endpoint) == 0, endpoint);
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &size);
    puts(bound);
    fflush(stdout);
}

/* Connects a PUSH socket and sends COUNT messages of PARTS parts of SIZE bytes; to inproc, all
 * of them without waiting for the receiver. */
static inline void push(void *context, const char *endpoint, long count, size_t size,
                        int parts) {
    void *socket = zmq_socket(context, ZMQ_PUSH);
    int limit = strncmp(endpoint, "inproc:", 7) == 0 ? 0 : 1000;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &limit, sizeof limit);
    char *bytes = malloc(size);
    memset(bytes, 'x', size);
    must(zmq_connect(socket, endpoint) == 0, "connect");
    for (long i = 0; i < count; i++)
        for (int part = parts; part > 0; part--)
            must(zmq_send(socket, bytes, size, part > 1 ? ZMQ_SNDMORE : 0) >= 0, "send");
    zmq_close(socket);
    free(bytes);
}

#endif
