/* Peers in other threads that leave at any moment, also between the parts of a message, and
 * come back: what arrives is whole, and in order. With three connections libzmq may send the
 * rest of a message to another peer (see the README), and a connection outlives the close of
 * its socket for a moment. So the context has room for the sender and two peers only: a socket
 * that is open while another's connection still ends would be one too many, and is opened
 * again. */
#include "proof.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

enum { PEERS = 2, PARTS = 5, BURST = 8 };

static const char ENDPOINT[] = "inproc://vanish";
static eddy_context *context;
static atomic_int over, received;
static int lives;

static void in_order(int number, void *data) {
    int *last = data;
    CHECK(number > *last);
    *last = number;
    atomic_fetch_add(&received, 1);
}

static int open_peer(void) {
    int socket;
    while ((socket = eddy_socket_open(context, ZMQ_PULL)) == -EMFILE) sched_yield();
    CHECK(socket > 0);
    return socket;
}

/* A peer's lives: it takes a few messages and is gone. */
static void *live(void *argument) {
    unsigned seed = (unsigned)(intptr_t)argument;
    eddy_loop *loop;
    CHECK(eddy_loop_new(&loop) == 0);
    for (int life = 0; life < lives; life++) {
        int socket = open_peer(), last = 0;
        proof_option(context, socket, ZMQ_RCVHWM, (int)(1 + seed % 3));
        int stream = eddy_stream_open(loop, context, (uint32_t)socket);
        CHECK(eddy_socket_connect(context, (uint32_t)socket, ENDPOINT) == 0);
        CHECK(eddy_stream_receive(loop, (uint32_t)stream, 1) == 0);
        int turns = rand_r(&seed) % 3;
        for (int i = 0; i < turns; i++) {
            int events = eddy_loop_turn(loop, 1);
            for (int j = 0; j < events; j++) {
                const eddy_event *event = &eddy_loop_events(loop)[j];
                if (event->kind == EDDY_RECEIVED)
                    proof_read(event->inbox, PARTS, in_order, &last);
            }
        }
        CHECK(eddy_stream_close(loop, (uint32_t)stream, 0) == 0);
    }
    eddy_loop_free(loop);
    atomic_fetch_add(&over, 1);
    return NULL;
}

int main(int argc, char **argv) {
    lives = proof_size(argc, argv, 10000);
    eddy_loop *loop;
    eddy_loop_stats stats;
    CHECK(eddy_context_new(1, &context) == 0 && eddy_loop_new(&loop) == 0);
    CHECK(eddy_context_set(context, ZMQ_MAX_SOCKETS, 1 + PEERS) == 0);
    int push = eddy_socket_open(context, ZMQ_PUSH);
    proof_option(context, push, ZMQ_SNDHWM, 1);
    CHECK(eddy_socket_bind(context, (uint32_t)push, ENDPOINT) == 0);
    int stream = eddy_stream_open(loop, context, (uint32_t)push);
    CHECK(eddy_stream_limit(loop, (uint32_t)stream, BURST, -1, EDDY_DROP_OLDEST) == 0);
    pthread_t threads[PEERS];
    for (intptr_t i = 0; i < PEERS; i++)
        CHECK(pthread_create(&threads[i], NULL, live, (void *)(i + 1)) == 0);
    for (int number = 1; atomic_load(&over) < PEERS;) {
        for (int i = 0; i < BURST; i++) CHECK(proof_send(loop, stream, number++, PARTS) >= 0);
        CHECK(eddy_loop_turn(loop, 0) >= 0);
    }
    for (int i = 0; i < PEERS; i++) pthread_join(threads[i], NULL);
    CHECK(atomic_load(&received) > 0);
    CHECK(eddy_loop_stats_get(loop, &stats) == 0 && stats.missed_wakeups == 0);
    eddy_loop_free(loop);
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
    return 0;
}
