/* Frames that are made in one thread, go through libzmq's, and end in another. Their tracker
 * tells the first one when nobody uses them any more, and not before. */
#include "proof.h"

#include <stdatomic.h>

enum { SIZE = 5000 };

static eddy_context *context;
static int frames;

/* What libzmq hands over it hands over safely, but TSan does not see into it. */
static atomic_int handed_over;

static const char ENDPOINT[] = "inproc://trackers";

static void *receive(void *unused) {
    int socket = eddy_socket_open(context, ZMQ_PULL);
    CHECK(eddy_socket_connect(context, (uint32_t)socket, ENDPOINT) == 0);
    for (int i = 0; i < frames; i++) {
        eddy_frame frame = {0}, copy = {0};
        CHECK(eddy_socket_recv_frame(context, (uint32_t)socket, 0, &frame) >= 0);
        CHECK(atomic_load(&handed_over) > i);
        CHECK(frame._size == SIZE && frame._data[SIZE - 1] == (char)i);
        CHECK(eddy_frame_copy(&copy, &frame) == 0);
        eddy_frame_close(&frame);
        eddy_frame_close(&copy);
    }
    CHECK(eddy_frame_weight() == 0);
    CHECK(eddy_socket_close(context, (uint32_t)socket, 0) == 0);
    return unused;
}

int main(int argc, char **argv) {
    static char bytes[SIZE];
    frames = proof_size(argc, argv, 20000);
    CHECK(eddy_context_new(1, &context) == 0);
    int push = eddy_socket_open(context, ZMQ_PUSH);
    CHECK(eddy_socket_bind(context, (uint32_t)push, ENDPOINT) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, receive, NULL) == 0);
    for (int i = 0; i < frames; i++) {
        eddy_frame frame = {0};
        bytes[SIZE - 1] = (char)i;
        CHECK(eddy_frame_open(&frame, bytes, SIZE, 1) == 0);
        eddy_tracker *tracker = eddy_tracker_of(&frame);
        CHECK(eddy_tracker_wait(tracker, 0) == 0);
        atomic_store(&handed_over, i + 1);
        eddy_part part = {(char *)&frame, EDDY_FRAME, 0};
        CHECK(eddy_socket_send_parts(context, (uint32_t)push, &part, 1, 0) == 0);
        eddy_frame_close(&frame);
        if (i % 16 == 0) CHECK(eddy_tracker_wait(tracker, 20000) == 1);
        eddy_tracker_free(tracker);
    }
    pthread_join(thread, NULL);
    CHECK(eddy_context_close_sockets(context, 0) == 1);
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
    return 0;
}
