/* The asking peer of the device benchmark: sends COUNT requests of SIZE bytes through a DEALER,
 * at most WINDOW of them unanswered, and waits for all answers.
 * usage: ask ENDPOINT COUNT SIZE WINDOW */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

int main(int argc, char **argv) {
    if (argc != 5) return fprintf(stderr, "usage: ask ENDPOINT COUNT SIZE WINDOW\n"), 2;
    long count = atol(argv[2]), window = atol(argv[4]), sent = 0;
    size_t size = (size_t)atol(argv[3]);
    char *bytes = malloc(size);
    memset(bytes, 'x', size);
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
    if (zmq_connect(socket, argv[1]) != 0) return perror("ask: connect"), 1;
    for (long answered = 0; answered < count; answered++) {
        while (sent < count && sent - answered < window) {
            if (zmq_send(socket, bytes, size, 0) < 0) return perror("ask: send"), 1;
            sent++;
        }
        if (zmq_recv(socket, bytes, size, 0) < 0) return perror("ask: receive"), 1;
    }
    zmq_close(socket);
    zmq_ctx_term(context);
    free(bytes);
    return 0;
}
