/* The sender of the receive benchmarks: connects a PUSH socket and sends COUNT messages of
 * SIZE bytes. usage: push ENDPOINT COUNT SIZE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: push ENDPOINT COUNT SIZE\n"), 2;
    long count = atol(argv[2]);
    size_t size = (size_t)atol(argv[3]);
    char *bytes = malloc(size);
    memset(bytes, 'x', size);
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_PUSH);
    if (zmq_connect(socket, argv[1]) != 0) return perror("push: connect"), 1;
    for (long i = 0; i < count; i++)
        if (zmq_send(socket, bytes, size, 0) < 0) return perror("push: send"), 1;
    zmq_close(socket);
    zmq_ctx_term(context);
    free(bytes);
    return 0;
}
