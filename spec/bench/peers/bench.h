/* What the C programs of the benchmarks share: clocks, endpoints, how a result is told. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
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

/* Makes a message unlike the one before: a counter and random bytes at its front, as far as it
 * has room, so that no receiver finds its string made already. */
static inline void vary(char *bytes, size_t size) {
    static uint64_t count, random = 88172645463325252u;
    uint64_t words[8];
    for (int i = 0; i < 8; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        words[i] = random;
    }
    words[0] = ++count;
    memcpy(bytes, words, size < sizeof words ? size : sizeof words);
}

/* Reads every byte once, as whoever uses a message does. */
static inline uint64_t checksum(const void *data, size_t size) {
    const char *bytes = data;
    uint64_t sum = 0, word = 0;
    for (; size >= sizeof word; size -= sizeof word, bytes += sizeof word)
        memcpy(&word, bytes, sizeof word), sum += word;
    for (word = 0; size > 0; size--) word = word << 8 | (unsigned char)*bytes++;
    return sum + word;
}

static inline void pause_us(long us) {
    double end = clock_ns(CLOCK_MONOTONIC) + (double)us * 1e3;
    while (clock_ns(CLOCK_MONOTONIC) < end) {
    }
}

/* What a sender is to do. */
typedef struct load {
    const char *endpoint;
    long count;
    size_t size;
    int parts;   /* of each message */
    int repeats; /* all have the same bytes */
    long pace;   /* us between two of them */
} load;

/* Connects a PUSH socket and sends the load; to inproc, all of it without waiting for the
 * receiver. */
static inline void push(void *context, load load) {
    void *socket = zmq_socket(context, ZMQ_PUSH);
    int limit = strncmp(load.endpoint, "inproc:", 7) == 0 ? 0 : 1000;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &limit, sizeof limit);
    char *bytes = malloc(load.size);
    memset(bytes, 'x', load.size);
    must(zmq_connect(socket, load.endpoint) == 0, "connect");
    for (long i = 0; i < load.count; i++) {
        for (int part = load.parts; part > 0; part--) {
            if (!load.repeats) vary(bytes, load.size);
            must(zmq_send(socket, bytes, load.size, part > 1 ? ZMQ_SNDMORE : 0) >= 0, "send");
        }
        if (load.pace) pause_us(load.pace);
    }
    zmq_close(socket);
    free(bytes);
}

#endif
