/* A ring of loops, one a thread, on contexts that share libzmq's: tokens go round, streams come
 * and go meanwhile, and contexts are made and freed in all threads at once. */
#include "proof.h"

enum { LOOPS = 4, TOKENS = 20, PARTS = 3 };

static int rounds;

typedef struct node {
    eddy_loop *loop;
    int out, number, done;
} node;

static void endpoint(char *text, int number) {
    snprintf(text, 64, "inproc://ring-%d", number % LOOPS);
}

static void pass(int token, void *data) {
    node *node = data;
    int left = token - 1;
    if (left >= 0) CHECK(proof_send(node->loop, node->out, left, PARTS) >= 0);
    if (left < LOOPS) node->done++;
}

/* Something that comes and goes. */
static void flutter(eddy_loop *loop) {
    eddy_context *context;
    CHECK(eddy_context_new(-1, &context) == 0);
    int socket = eddy_socket_open(context, ZMQ_PAIR);
    int stream = eddy_stream_open(loop, context, (uint32_t)socket);
    CHECK(stream > 0 && eddy_stream_receive(loop, (uint32_t)stream, 1) == 0);
    CHECK(eddy_stream_close(loop, (uint32_t)stream, 0) == 0);
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
}

static pthread_barrier_t all_bound, all_done;

static void *run(void *argument) {
    node node = {.number = (int)(intptr_t)argument};
    eddy_context *context;
    char text[64];
    CHECK(eddy_context_new(-1, &context) == 0 && eddy_loop_new(&node.loop) == 0);
    int pull = eddy_socket_open(context, ZMQ_PULL), push = eddy_socket_open(context, ZMQ_PUSH);
    endpoint(text, node.number);
    CHECK(eddy_socket_bind(context, (uint32_t)pull, text) == 0);
    int in = eddy_stream_open(node.loop, context, (uint32_t)pull);
    node.out = eddy_stream_open(node.loop, context, (uint32_t)push);
    CHECK(in > 0 && eddy_stream_receive(node.loop, (uint32_t)in, 1) == 0);
    pthread_barrier_wait(&all_bound);
    endpoint(text, node.number + 1);
    CHECK(eddy_socket_connect(context, (uint32_t)push, text) == 0);
    for (int i = 0; i < TOKENS && node.number == 0; i++)
        CHECK(proof_send(node.loop, node.out, rounds * LOOPS, PARTS) >= 0);
    for (int turns = 0; node.done < TOKENS; turns++) {
        int events = proof_turn(node.loop);
        for (int i = 0; i < events; i++) {
            const eddy_event *event = &eddy_loop_events(node.loop)[i];
            if (event->kind == EDDY_RECEIVED) proof_read(event->inbox, PARTS, pass, &node);
        }
        if (turns % 64 == 0) flutter(node.loop);
    }
    CHECK(eddy_loop_drain(node.loop, 20000) == 0);
    pthread_barrier_wait(&all_done);
    eddy_loop_free(node.loop);
    CHECK(eddy_context_sockets(context) == 0);
    eddy_context_free(context);
    return NULL;
}

int main(int argc, char **argv) {
    rounds = proof_size(argc, argv, 10000);
    pthread_t threads[LOOPS];
    pthread_barrier_init(&all_bound, NULL, LOOPS);
    pthread_barrier_init(&all_done, NULL, LOOPS);
    for (intptr_t i = 0; i < LOOPS; i++)
        CHECK(pthread_create(&threads[i], NULL, run, (void *)i) == 0);
    for (int i = 0; i < LOOPS; i++) pthread_join(threads[i], NULL);
    CHECK(eddy_shutdown(eddy_time() + 20000) == 0);
    return 0;
}
