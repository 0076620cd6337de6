/* The floor of the receive benchmark, libzmq alone: zmq_poll, then receive until EAGAIN.
 * Binds a PULL socket to a free port, prints its endpoint, receives COUNT messages and prints
 * the CPU time that its thread took for one, in ns. usage: floor COUNT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zmq.h>

static double cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: floor COUNT\n"), 2;
    long count = atol(argv[1]), received = 0;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_PULL);
    if (zmq_bind(socket, "tcp://127.0.0.1:*") != 0) return perror("floor: bind"), 1;
    char endpoint[256];
    size_t size = sizeof endpoint;
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
    puts(endpoint);
    fflush(stdout);

    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    double start = 0;
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    while (received < count) {
        zmq_poll(&item, 1, -1);
        if (!start) start = cpu_ns();
        while (zmq_msg_recv(&msg, socket, ZMQ_DONTWAIT) >= 0) received++;
        if (errno != EAGAIN) return perror("floor: receive"), 1;
    }
    printf("%.1f\n", (cpu_ns() - start) / (double)count);
    zmq_msg_close(&msg);
    zmq_close(socket);
    zmq_ctx_term(context);
    return 0;
}
