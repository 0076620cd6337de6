/* CZMQ's zloop in its own idiom: a handler a socket, which receives one message a call.
 * usage: zloop receive COUNT [ENDPOINT] | zloop rep COUNT | zloop router COUNT |
 *        zloop idle SOCKETS COUNT | zloop timers COUNT */
#include "bench.h"
#include <czmq.h>

static long left, total;
static watch start;
static zsock_t *pusher;
static volatile uint64_t sum; /* of what was received */

static void begin(void) {
    if (!start.wall) start = watch_start();
}

/* A handler's result: -1 ends the loop. */
static int one_done(void) {
    return --left > 0 ? 0 : -1;
}

static int on_message(zloop_t *loop, zsock_t *reader, void *data) {
    (void)loop, (void)data;
    begin();
    zframe_t *frame = zframe_recv(reader);
    sum += checksum(zframe_data(frame), zframe_size(frame));
    zframe_destroy(&frame);
    return one_done();
}

static int on_question(zloop_t *loop, zsock_t *reader, void *data) {
    (void)loop, (void)data;
    begin();
    zmsg_t *msg = zmsg_recv(reader);
    zmsg_send(&msg, reader);
    return one_done();
}

static int on_ball(zloop_t *loop, zsock_t *reader, void *data) {
    (void)loop, (void)data;
    zframe_t *frame = zframe_recv(reader);
    zframe_send(&frame, pusher, 0);
    return one_done();
}

static void serve(int type, const char *endpoint, zloop_reader_fn handler) {
    zsock_t *socket = zsock_new(type);
    zloop_t *loop = zloop_new();
    zsock_set_sndhwm(socket, 0); /* a ROUTER would drop what is above its limit */
    bind_and_tell(zsock_resolve(socket), endpoint);
    zloop_reader(loop, socket, handler, NULL);
    zloop_start(loop);
    watch_tell(start, (double)total);
    zloop_destroy(&loop);
    zsock_destroy(&socket);
}

static void idle(long sockets) {
    zloop_t *loop = zloop_new();
    char endpoint[64];
    zsys_set_max_sockets(0);
    for (long i = 0; i < sockets; i++) {
        zsock_t *socket = zsock_new(ZMQ_PULL);
        snprintf(endpoint, sizeof endpoint, "inproc://idle-%ld", i);
        must(socket && zsock_bind(socket, "%s", endpoint) == 0, endpoint);
        zloop_reader(loop, socket, on_ball, NULL);
    }
    pusher = zsock_new(ZMQ_PUSH);
    zsock_connect(pusher, "%s", endpoint);
    start = watch_start();
    zstr_send(pusher, "x");
    zloop_start(loop);
    watch_tell(start, (double)total);
    exit(0);
}

static int on_timer(zloop_t *loop, int id, void *data) {
    (void)loop, (void)id, (void)data;
    return one_done();
}

static double since(double before) {
    return (clock_ns(CLOCK_THREAD_CPUTIME_ID) - before) / (double)total;
}

static void timers(void) {
    zloop_t *loop = zloop_new();
    int *ids = malloc((size_t)total * sizeof *ids);
    double before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (long i = 0; i < total; i++)
        ids[i] = zloop_timer(loop, 3600000 + (size_t)(i * 7919 % 100000), 1, on_timer, NULL);
    double add = since(before);
    before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (long i = 0; i < total; i++) zloop_timer_end(loop, ids[i]);
    double cancel = since(before);
    loop = zloop_new();
    for (long i = 0; i < total; i++) zloop_timer(loop, 1, 1, on_timer, NULL);
    zclock_sleep(5);
    before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    zloop_start(loop);
    printf("add_ns=%.0f cancel_ns=%.0f fire_ns=%.0f\n", add, cancel, since(before));
    exit(0);
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: zloop MODE [SOCKETS] COUNT\n"), 2;
    const char *mode = argv[1], *tcp = "tcp://127.0.0.1:*";
    const char *endpoint = argc > 3 ? argv[3] : tcp;
    total = left = atol(argv[strcmp(mode, "idle") == 0 ? 3 : 2]);
    if (strcmp(mode, "receive") == 0)
        serve(ZMQ_PULL, endpoint, on_message);
    else if (strcmp(mode, "rep") == 0)
        serve(ZMQ_REP, endpoint, on_question);
    else if (strcmp(mode, "router") == 0)
        serve(ZMQ_ROUTER, endpoint, on_question);
    else if (strcmp(mode, "idle") == 0)
        idle(atol(argv[2]));
    else if (strcmp(mode, "timers") == 0)
        timers();
    else
        return fprintf(stderr, "zloop: no such mode\n"), 2;
    return 0;
}
