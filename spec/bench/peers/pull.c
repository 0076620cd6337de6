/* The receiver of the send benchmark. usage: pull COUNT */
#include "bench.h"

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: pull COUNT\n"), 2;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_PULL);
    bind_and_tell(socket, "tcp://127.0.0.1:*");
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    for (long left = atol(argv[1]); left > 0; left--)
        must(zmq_msg_recv(&msg, socket, 0) >= 0, "receive");
    zmq_msg_close(&msg);
    zmq_close(socket);
    zmq_ctx_term(context);
    return 0;
}
