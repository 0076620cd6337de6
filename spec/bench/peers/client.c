/* The client of the echo benchmarks. `req` asks one question after the other and tells the
 * median and the 99th percentile of a round trip; `dealer` has 1,000 questions under way, of
 * PARTS parts, over one connection, `crowd` one over each of 1,000 connections, and they tell
 * the time for one. Questions differ; an answer is the question.
 * usage: client req|dealer|crowd ENDPOINT COUNT [PARTS|json] */
#include "bench.h"

enum { SIZE = 32, UNDER_WAY = 1000, WARM_UP = 1000 };

static int parts = 1, is_json;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void ask_json(void *socket) {
    static long number;
    char text[256];
    int size = snprintf(text, sizeof text,
                        "{\"id\":%ld,\"user\":\"u%ld\",\"tags\":[\"a\",\"b\"],\"price\":%ld.5,"
                        "\"paid\":true}",
                        number, number * 7919 % 100000, number % 1000);
    number++;
    must(zmq_send(socket, text, (size_t)size, 0) == size, "send");
}

static void ask(void *socket) {
    if (is_json) return ask_json(socket);
    char bytes[SIZE];
    for (int part = parts; part > 0; part--) {
        vary(bytes, SIZE);
        must(zmq_send(socket, bytes, SIZE, part > 1 ? ZMQ_SNDMORE : 0) == SIZE, "send");
    }
}

static void hear(void *socket) {
    char bytes[256];
    for (int part = 0; part < parts; part++)
        must(zmq_recv(socket, bytes, sizeof bytes, 0) >= (is_json ? 1 : SIZE), "receive");
}

static void one_by_one(void *socket, long count) {
    double *times = malloc((size_t)count * sizeof *times);
    for (long i = -WARM_UP; i < count; i++) {
        double start = clock_ns(CLOCK_MONOTONIC);
        ask(socket);
        hear(socket);
        if (i >= 0) times[i] = clock_ns(CLOCK_MONOTONIC) - start;
    }
    qsort(times, (size_t)count, sizeof *times, compare);
    printf("p50_us=%.2f p99_us=%.2f\n", times[count / 2] / 1e3, times[count * 99 / 100] / 1e3);
    free(times);
}

static void tell(watch start, long count) {
    printf("round_ns=%.1f\n", (clock_ns(CLOCK_MONOTONIC) - start.wall) / (double)count);
}

static void pipelined(void *socket, long count) {
    long asked = 0;
    watch start = watch_start();
    while (asked < UNDER_WAY && asked < count) ask(socket), asked++;
    for (long heard = 0; heard < count; heard++) {
        hear(socket);
        if (asked < count) ask(socket), asked++;
    }
    tell(start, count);
}

static void crowd(void *context, const char *endpoint, long count) {
    void *sockets[UNDER_WAY];
    for (int i = 0; i < UNDER_WAY; i++) {
        sockets[i] = zmq_socket(context, ZMQ_DEALER);
        must(sockets[i] && zmq_connect(sockets[i], endpoint) == 0, "connect");
    }
    watch start = watch_start();
    for (long left = count; left > 0; left -= UNDER_WAY) {
        int now = left < UNDER_WAY ? (int)left : UNDER_WAY;
        for (int i = 0; i < now; i++) ask(sockets[i]);
        for (int i = 0; i < now; i++) hear(sockets[i]);
    }
    tell(start, count);
    for (int i = 0; i < UNDER_WAY; i++) zmq_close(sockets[i]);
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: client req|dealer|crowd ENDPOINT COUNT\n"), 2;
    int is_req = strcmp(argv[1], "req") == 0;
    void *context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 65000);
    is_json = argc > 4 && strcmp(argv[4], "json") == 0;
    if (argc > 4 && !is_json) parts = atoi(argv[4]);
    if (strcmp(argv[1], "crowd") == 0) {
        crowd(context, argv[2], atol(argv[3]));
    } else {
        void *socket = zmq_socket(context, is_req ? ZMQ_REQ : ZMQ_DEALER);
        must(zmq_connect(socket, argv[2]) == 0, "connect");
        (is_req ? one_by_one : pipelined)(socket, atol(argv[3]));
        zmq_close(socket);
    }
    zmq_ctx_term(context);
    return 0;
}
