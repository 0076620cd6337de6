/* The context is shut down by another thread, at any moment and under load: each stream is
 * told, soon, the loop goes on, and nothing is left behind. */
#include "proof.h"

#include <dirent.h>
#include <stdatomic.h>
#include <time.h>

enum { STREAMS = 3, PARTS = 3, BURST = 20, LATEST_US = 1500, MOST_MS = 1000 };

static _Atomic double shut; /* when; 0 before */
static double longest;

typedef struct blow {
    void *zmq;
    int after_us;
} blow;

static void *strike(void *argument) {
    blow *blow = argument;
    struct timespec pause = {0, blow->after_us * 1000};
    nanosleep(&pause, NULL);
    atomic_store(&shut, eddy_time());
    CHECK(zmq_ctx_shutdown(blow->zmq) == 0);
    return NULL;
}

static void in_order(int number, void *data) {
    int *next = data;
    CHECK(number == (*next)++);
}

/* Closes the stream of an event that tells that its socket is gone. Returns 1 for one. */
static int bury(eddy_loop *loop, const eddy_event *event) {
    if (event->kind != EDDY_CLOSED) return 0;
    CHECK(atomic_load(&shut) > 0 && event->value == ETERM);
    CHECK(eddy_stream_close(loop, event->id, 0) >= 0);
    return 1;
}

static double since_shut(void) {
    double when = atomic_load(&shut);
    return when > 0 ? eddy_time() - when : 0;
}

/* Sends and receives until every stream was told of the end. */
static void work(eddy_loop *loop, int out) {
    int sent = 0, next = 0, told = 0, can_send = 1;
    while (told < STREAMS) {
        for (int i = 0; i < BURST && can_send; i++) {
            int rc = proof_send(loop, out, sent, PARTS);
            if (rc == -ENOTSOCK) CHECK(atomic_load(&shut) > 0); /* a send has found it out */
            can_send &= rc != -ENOTSOCK;
            CHECK(!can_send || rc == 0 || rc == 1 || rc == -ENOBUFS);
            sent += rc >= 0;
        }
        int events = proof_turn(loop);
        CHECK(since_shut() < MOST_MS);
        for (int i = 0; i < events; i++) {
            const eddy_event *event = &eddy_loop_events(loop)[i];
            if (event->kind == EDDY_RECEIVED) proof_read(event->inbox, PARTS, in_order, &next);
            int is_gone = bury(loop, event);
            told += is_gone;
            can_send &= !(is_gone && event->id == (uint32_t)out);
        }
    }
    double took = since_shut();
    if (took > longest) longest = took;
}

static void live(int round, int after_us) {
    static const int types[STREAMS] = {ZMQ_PUSH, ZMQ_PULL, ZMQ_PULL};
    eddy_context *context;
    eddy_loop *loop;
    pthread_t thread;
    char endpoint[128];
    int sockets[STREAMS], streams[STREAMS];
    CHECK(eddy_context_new(1, &context) == 0 && eddy_loop_new(&loop) == 0);
    for (int i = 0; i < STREAMS; i++) {
        sockets[i] = eddy_socket_open(context, types[i]);
        CHECK(sockets[i] > 0);
        proof_option(context, sockets[i], ZMQ_LINGER, 0);
        streams[i] = eddy_stream_open(loop, context, (uint32_t)sockets[i]);
        if (i > 0) CHECK(eddy_stream_receive(loop, (uint32_t)streams[i], 1) == 0);
    }
    CHECK(eddy_stream_limit(loop, (uint32_t)streams[0], BURST, -1, EDDY_DROP_NONE) == 0);
    CHECK(eddy_socket_bind(context, (uint32_t)sockets[1],
                           round % 2 ? "tcp://127.0.0.1:*" : "inproc://terminate") == 0);
    CHECK(eddy_socket_get(context, (uint32_t)sockets[1], ZMQ_LAST_ENDPOINT, endpoint, 128) > 0);
    CHECK(eddy_socket_connect(context, (uint32_t)sockets[0], endpoint) == 0);
    atomic_store(&shut, 0);
    blow blow = {*(void **)context, after_us}; /* libzmq's context is its first member */
    CHECK(pthread_create(&thread, NULL, strike, &blow) == 0);
    work(loop, streams[0]);
    CHECK(eddy_loop_turn(loop, 0) == 0);
    pthread_join(thread, NULL);
    eddy_loop_free(loop);
    CHECK(eddy_context_sockets(context) == 0);
    CHECK(eddy_socket_open(context, ZMQ_PULL) == -ETERM);
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
}

static int descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

int main(int argc, char **argv) {
    unsigned seed = 1;
    live(0, 0); /* with the first context comes one that is kept, and has a descriptor */
    int before = descriptors();
    for (int i = 1, rounds = proof_size(argc, argv, 1000); i < rounds; i++)
        live(i, rand_r(&seed) % LATEST_US);
    CHECK(descriptors() == before);
    if (argc > 1) printf("told within %.1f ms\n", longest);
    return 0;
}
