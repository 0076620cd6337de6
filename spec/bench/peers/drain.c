/* The last peer of the device benchmark: receives COUNT messages through a PULL or DEALER
 * socket and prints how many came in a second, from the thousandth on. With a DEALER each one
 * is sent back, as a worker's answer. usage: drain ENDPOINT COUNT PULL|DEALER */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

static double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: drain ENDPOINT COUNT PULL|DEALER\n"), 2;
    long count = atol(argv[2]), received = 0, first = 1000;
    int answers = strcmp(argv[3], "DEALER") == 0;
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, answers ? ZMQ_DEALER : ZMQ_PULL);
    if (zmq_connect(socket, argv[1]) != 0) return perror("drain: connect"), 1;
    double start = 0;
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    while (received < count) {
        int more;
        do {
            if (zmq_msg_recv(&msg, socket, 0) < 0) return perror("drain: receive"), 1;
            more = zmq_msg_more(&msg);
            if (answers) zmq_msg_send(&msg, socket, more ? ZMQ_SNDMORE : 0);
        } while (more);
        if (++received == first) start = now_s();
    }
    printf("%.0f\n", (double)(count - first) / (now_s() - start));
    zmq_msg_close(&msg);
    zmq_close(socket);
    zmq_ctx_term(context);
    return 0;
}
