/* What the device benchmark compares with: zmq_proxy. Binds a socket of the IN type and one of
 * the OUT type to free ports, prints both endpoints and relays until it is ended.
 * usage: relay PULL|ROUTER */
#include <stdio.h>
#include <string.h>
#include <zmq.h>

static void *open_end(void *context, int type) {
    void *socket = zmq_socket(context, type);
    char endpoint[256];
    size_t size = sizeof endpoint;
    if (zmq_bind(socket, "tcp://127.0.0.1:*") != 0) return NULL;
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
    puts(endpoint);
    return socket;
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: relay PULL|ROUTER\n"), 2;
    int is_queue = strcmp(argv[1], "ROUTER") == 0;
    void *context = zmq_ctx_new();
    void *in = open_end(context, is_queue ? ZMQ_ROUTER : ZMQ_PULL);
    void *out = open_end(context, is_queue ? ZMQ_DEALER : ZMQ_PUSH);
    fflush(stdout);
    return zmq_proxy(in, out, NULL) != 0;
}
