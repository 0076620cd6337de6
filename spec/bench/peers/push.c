/* The sender of the receive benchmarks. usage: push ENDPOINT COUNT SIZE [PARTS] */
#include "bench.h"

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: push ENDPOINT COUNT SIZE [PARTS]\n"), 2;
    void *context = zmq_ctx_new();
    push(context, argv[1], atol(argv[2]), (size_t)atol(argv[3]), argc > 4 ? atoi(argv[4]) : 1);
    zmq_ctx_term(context);
    return 0;
}
