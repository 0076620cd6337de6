/* What the C tests share. They run as they are, and in a build with TSan. */
#ifndef PROOF_H
#define PROOF_H

#include <eddy.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);            \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

/* A number from the command line, or another one. */
static inline int proof_size(int argc, char **argv, int otherwise) {
    return argc > 1 ? atoi(argv[1]) : otherwise;
}

static inline void proof_option(eddy_context *context, int socket, int option, int value) {
    CHECK(eddy_socket_set(context, (uint32_t)socket, option, &value, sizeof value) == 0);
}

enum { PROOF_PATIENCE_MS = 20000 };

/* Turns a loop that has something to expect. Without an event in all that time, it hangs. */
static inline int proof_turn(eddy_loop *loop) {
    double before = eddy_time();
    int events = eddy_loop_turn(loop, PROOF_PATIENCE_MS);
    CHECK(events >= 0 && eddy_time() - before < PROOF_PATIENCE_MS);
    return events;
}

/* Reads the numbers that lead the messages in an inbox; each message is to have `parts` parts
 * with the same number. Calls `got` with each. */
static inline void proof_read(eddy_inbox *inbox, int parts, void (*got)(int number, void *data),
                              void *data) {
    while (inbox->head < inbox->tail) {
        int first = -1;
        for (int i = 0; i < parts; i++) {
            const eddy_part *part = &inbox->parts[inbox->head++];
            int number;
            CHECK(part->size == (int)sizeof number);
            memcpy(&number, part->data, sizeof number);
            CHECK(i == 0 || number == first);
            CHECK(!part->more == (i == parts - 1));
            first = number;
        }
        got(first, data);
    }
}

static inline int proof_send(eddy_loop *loop, int stream, int number, int parts) {
    eddy_part list[8];
    for (int i = 0; i < parts; i++) list[i] = (eddy_part){(char *)&number, sizeof number, 0};
    return eddy_stream_send_parts(loop, (uint32_t)stream, list, (uint32_t)parts, 0);
}

#endif
