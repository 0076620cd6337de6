/* The sender of the receive benchmarks. Its messages differ, unless REPEATS is 1.
 * usage: push ENDPOINT COUNT SIZE [PARTS [REPEATS [PACE_US]]] */
#include "bench.h"

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: push ENDPOINT COUNT SIZE [PARTS ...]\n"), 2;
    load load = {.endpoint = argv[1], .count = atol(argv[2]), .size = (size_t)atol(argv[3])};
    load.parts = argc > 4 ? atoi(argv[4]) : 1;
    load.repeats = argc > 5 ? atoi(argv[5]) : 0;
    load.pace = argc > 6 ? atol(argv[6]) : 0;
    void *context = zmq_ctx_new();
    push(context, load);
    zmq_ctx_term(context);
    return 0;
}
