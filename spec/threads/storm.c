/* Signals that interrupt every call, all the time: nothing is lost, and nobody hears of it. */
#include "proof.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

enum { IN_FLIGHT = 500, EVERY_US = 500 };

static atomic_int alarms;

static void count_alarm(int number) {
    (void)number;
    atomic_fetch_add(&alarms, 1);
}

static void storm(int microseconds) {
    struct sigaction action;
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    memset(&action, 0, sizeof action);
    action.sa_handler = count_alarm;
    sigaction(SIGALRM, &action, NULL);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void in_order(int number, void *data) {
    int *next = data;
    CHECK(number == *next);
    *next += 1;
}

static void stream_messages(eddy_context *context, int push, int pull, int messages) {
    eddy_loop *loop;
    CHECK(eddy_loop_new(&loop) == 0);
    int out = eddy_stream_open(loop, context, (uint32_t)push);
    int in = eddy_stream_open(loop, context, (uint32_t)pull);
    CHECK(eddy_stream_receive(loop, (uint32_t)in, 1) == 0);
    for (int sent = 0, next = 0; next < messages;) {
        while (sent < messages && sent - next < IN_FLIGHT)
            CHECK(proof_send(loop, out, sent++, 1) >= 0);
        int events = proof_turn(loop);
        for (int i = 0; i < events; i++) {
            const eddy_event *event = &eddy_loop_events(loop)[i];
            CHECK(event->kind == EDDY_RECEIVED);
            proof_read(event->inbox, 1, in_order, &next);
        }
    }
    eddy_loop_free(loop);
}

/* Plain calls that wait: they take as long as they are told, and fail with nothing else. */
static void wait_plainly(eddy_context *context) {
    int a = eddy_socket_open(context, ZMQ_PAIR), b = eddy_socket_open(context, ZMQ_PAIR);
    eddy_frame frame = {0};
    CHECK(eddy_socket_bind(context, (uint32_t)a, "inproc://storm") == 0);
    CHECK(eddy_socket_connect(context, (uint32_t)b, "inproc://storm") == 0);
    proof_option(context, a, ZMQ_RCVTIMEO, 50);
    double before = eddy_time();
    CHECK(eddy_socket_recv_frame(context, (uint32_t)a, 0, &frame) == -EAGAIN);
    CHECK(eddy_time() - before >= 49);
    int timeout = 0;
    CHECK(eddy_socket_get(context, (uint32_t)a, ZMQ_RCVTIMEO, &timeout, sizeof timeout) > 0);
    CHECK(timeout == 50);
    before = eddy_time();
    CHECK(eddy_socket_poll(context, (uint32_t)a, EDDY_READ, 50) == 0);
    CHECK(eddy_time() - before >= 50);
    eddy_poll_item item = {context, (uint32_t)a, 0, EDDY_READ, 0};
    before = eddy_time();
    CHECK(eddy_poll(&item, 1, 50) == 0 && eddy_time() - before >= 50);
    for (int i = 0; i < 2000; i++) {
        CHECK(eddy_socket_send(context, (uint32_t)b, "x", 1, 0) >= 0);
        CHECK(eddy_socket_recv_frame(context, (uint32_t)a, 0, &frame) >= 0);
        CHECK(frame._size == 1);
    }
    eddy_frame_close(&frame);
    proof_option(context, b, ZMQ_SNDTIMEO, 50);
    proof_option(context, b, ZMQ_LINGER, 0);
    CHECK(eddy_socket_close(context, (uint32_t)a, 0) == 0);
    int full;
    before = eddy_time();
    do full = eddy_socket_send(context, (uint32_t)b, "x", 1, 0);
    while (full >= 0);
    CHECK(full == -EAGAIN && eddy_time() - before >= 49);
    CHECK(eddy_socket_close(context, (uint32_t)b, 0) == 0);
}

int main(int argc, char **argv) {
    int messages = proof_size(argc, argv, 1000000);
    eddy_context *context;
    storm(EVERY_US);
    CHECK(eddy_context_new(1, &context) == 0);
    wait_plainly(context);
    for (int i = 0; i < 2; i++) {
        char endpoint[128];
        int push = eddy_socket_open(context, ZMQ_PUSH),
            pull = eddy_socket_open(context, ZMQ_PULL);
        CHECK(eddy_socket_bind(context, (uint32_t)pull,
                               i ? "tcp://127.0.0.1:*" : "inproc://flood") == 0);
        CHECK(eddy_socket_get(context, (uint32_t)pull, ZMQ_LAST_ENDPOINT, endpoint, 128) > 0);
        CHECK(eddy_socket_connect(context, (uint32_t)push, endpoint) == 0);
        stream_messages(context, push, pull, messages / 2);
    }
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
    CHECK(atomic_load(&alarms) > 20);
    return 0;
}
