/* The client of the echo benchmarks. `req` asks one question after the other and tells the
 * median and the 99th percentile of a round trip; `dealer` has 1,000 questions under way and
 * tells the time for one. usage: client req|dealer ENDPOINT COUNT */
#include "bench.h"

enum { SIZE = 32, UNDER_WAY = 1000, WARM_UP = 1000 };

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void ask(void *socket) {
    char bytes[SIZE] = "question";
    must(zmq_send(socket, bytes, SIZE, 0) == SIZE, "send");
}

static void hear(void *socket) {
    char bytes[SIZE];
    must(zmq_recv(socket, bytes, SIZE, 0) == SIZE, "receive");
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

static void pipelined(void *socket, long count) {
    long asked = 0;
    watch start = watch_start();
    while (asked < UNDER_WAY && asked < count) ask(socket), asked++;
    for (long heard = 0; heard < count; heard++) {
        hear(socket);
        if (asked < count) ask(socket), asked++;
    }
    printf("round_ns=%.1f\n", (clock_ns(CLOCK_MONOTONIC) - start.wall) / (double)count);
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: client req|dealer ENDPOINT COUNT\n"), 2;
    int is_req = strcmp(argv[1], "req") == 0;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, is_req ? ZMQ_REQ : ZMQ_DEALER);
    must(zmq_connect(socket, argv[2]) == 0, "connect");
    (is_req ? one_by_one : pipelined)(socket, atol(argv[3]));
    zmq_close(socket);
    zmq_ctx_term(context);
    return 0;
}
