/* libzmq alone, driven by zmq_poll: what an event loop cannot be faster than. Each mode is one
 * benchmark's floor.
 * usage: floor receive ENDPOINT COUNT [SIZE PARTS [REPEATS]] (for inproc from a thread that has
 * sent all before the first is received: else its speed would be measured) | floor send
 * ENDPOINT COUNT | floor rep COUNT | floor router COUNT | floor idle SOCKETS COUNT | floor
 * sockets COUNT | floor fan SUBSCRIBERS ROUNDS BURST (by epoll, as zmq_poll would ask all of
 * them) */
#include "bench.h"

#include <sys/epoll.h>

static void *context;

static uint64_t sum; /* of what was received; used, so that the compiler reads it */

static void *send_all(void *its) {
    push(context, *(load *)its);
    return NULL;
}

/* It reads each message's bytes, as the other side's handlers do. */
static void receive_all(void *socket, long count) {
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    watch start = {0, 0};
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    for (long received = 0; received < count;) {
        zmq_poll(&item, 1, -1);
        if (!start.wall) start = watch_start();
        while (zmq_msg_recv(&msg, socket, ZMQ_DONTWAIT) >= 0)
            sum += checksum(zmq_msg_data(&msg), zmq_msg_size(&msg)),
                received += !zmq_msg_more(&msg);
        must(errno == EAGAIN, "receive");
    }
    watch_tell(start, (double)count);
    zmq_msg_close(&msg);
}

static void receive(char **args) {
    void *socket = zmq_socket(context, ZMQ_PULL);
    load its = {.endpoint = args[0], .count = atol(args[1])};
    if (args[2]) its.size = (size_t)atol(args[2]), its.parts = atoi(args[3]);
    if (args[2] && args[4]) its.repeats = atoi(args[4]);
    pthread_t thread;
    if (strncmp(args[0], "inproc:", 7) == 0) {
        int unlimited = 0;
        zmq_setsockopt(socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
        bind_and_tell(socket, args[0]);
        must(pthread_create(&thread, NULL, send_all, &its) == 0, "thread");
        pthread_join(thread, NULL);
    } else {
        bind_and_tell(socket, args[0]);
    }
    receive_all(socket, its.count);
    zmq_close(socket);
}

static void send_messages(char **args) {
    void *socket = zmq_socket(context, ZMQ_PUSH);
    long count = atol(args[1]);
    int unlimited = 0;
    char bytes[32] = "message";
    zmq_setsockopt(socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    must(zmq_connect(socket, args[0]) == 0, "connect");
    must(zmq_send(socket, bytes, sizeof bytes, 0) >= 0, "send");
    watch start = watch_start();
    for (long i = 1; i < count; i++)
        must(zmq_send(socket, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0, "send");
    watch_tell(start, (double)count);
    zmq_close(socket);
}

/* Sends back what it can receive without waiting. Returns how many messages that was. */
static long echo(void *socket) {
    zmq_msg_t msg;
    long count = 0;
    zmq_msg_init(&msg);
    while (zmq_msg_recv(&msg, socket, ZMQ_DONTWAIT) >= 0) {
        int more = zmq_msg_more(&msg);
        must(zmq_msg_send(&msg, socket, more ? ZMQ_SNDMORE : 0) >= 0, "send");
        if (!more) count++;
    }
    zmq_msg_close(&msg);
    return count;
}

static void serve(int type, long count, const char *endpoint) {
    void *socket = zmq_socket(context, type);
    int unlimited = 0; /* a ROUTER would drop what is above its limit */
    zmq_setsockopt(socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    bind_and_tell(socket, endpoint ? endpoint : "tcp://127.0.0.1:*");
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    watch start = {0, 0};
    for (long left = count; left > 0; left -= echo(socket)) {
        zmq_poll(&item, 1, -1);
        if (!start.wall) start = watch_start();
    }
    watch_tell(start, (double)count);
    zmq_close(socket);
}

/* A message that comes to one socket among many sends the next one. */
static void idle(long sockets, long count) {
    zmq_pollitem_t *items = calloc((size_t)sockets, sizeof *items);
    char endpoint[64];
    for (long i = 0; i < sockets; i++) {
        void *socket = zmq_socket(context, ZMQ_PULL);
        must(socket != NULL, "socket");
        snprintf(endpoint, sizeof endpoint, "inproc://idle-%ld", i);
        must(zmq_bind(socket, endpoint) == 0, endpoint);
        items[i] = (zmq_pollitem_t){socket, 0, ZMQ_POLLIN, 0};
    }
    void *push = zmq_socket(context, ZMQ_PUSH);
    must(zmq_connect(push, endpoint) == 0, endpoint);
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    watch start = watch_start();
    zmq_send(push, "x", 1, 0);
    for (long heard = 0; heard < count;) {
        zmq_poll(items, (int)sockets, -1);
        for (long i = 0; i < sockets; i++) {
            if (!(items[i].revents & ZMQ_POLLIN)) continue;
            while (zmq_msg_recv(&msg, items[i].socket, ZMQ_DONTWAIT) >= 0) heard++;
            zmq_send(push, "x", 1, 0);
        }
    }
    watch_tell(start, (double)count);
    exit(0);
}

/* A socket whose descriptor is in the set: its wake-ups tell of news from now on. */
static void subscribe(int set) {
    void *socket = zmq_socket(context, ZMQ_SUB);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = socket};
    int fd, events;
    size_t size = sizeof fd;
    must(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) == 0, "subscribe");
    must(zmq_connect(socket, "inproc://fan") == 0, "connect");
    must(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0, "fd");
    must(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
    zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
}

/* Receives what a wake-up tells of, until there is no more. */
static long take(void *socket, zmq_msg_t *msg) {
    int events;
    long count = 0;
    size_t size = sizeof events;
    zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
    if (!(events & ZMQ_POLLIN)) return 0;
    while (zmq_msg_recv(msg, socket, ZMQ_DONTWAIT) >= 0)
        sum += checksum(zmq_msg_data(msg), zmq_msg_size(msg)), count++;
    return count;
}

/* Bursts of messages go to all subscribers, each when all had the one before. */
static void fan(long subscribers, long rounds, long burst) {
    void *publisher = zmq_socket(context, ZMQ_PUB);
    struct epoll_event woken[256];
    char message[32];
    zmq_msg_t msg;
    int set = epoll_create1(0);
    must(zmq_bind(publisher, "inproc://fan") == 0, "bind");
    for (long i = 0; i < subscribers; i++) subscribe(set);
    zmq_msg_init(&msg);
    watch start = watch_start();
    for (long round = 0; round < rounds; round++) {
        for (long i = 0; i < burst; i++) {
            vary(message, sizeof message);
            zmq_send(publisher, message, sizeof message, 0);
        }
        for (long left = subscribers * burst; left > 0;) {
            int count = epoll_wait(set, woken, 256, -1);
            for (int i = 0; i < count; i++) left -= take(woken[i].data.ptr, &msg);
        }
    }
    watch_tell(start, (double)rounds * (double)subscribers * (double)burst);
    fflush(stdout);
    _Exit(0);
}

/* The memory that so many sockets take, in bytes for one. */
static long resident(void) {
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status)) sscanf(line, "VmRSS: %ld kB", &kib);
    fclose(status);
    return kib * 1024;
}

static void open_sockets(long count) {
    char endpoint[64];
    zmq_close(zmq_socket(context, ZMQ_PULL));
    long before = resident();
    for (long i = 0; i < count; i++) {
        void *socket = zmq_socket(context, ZMQ_PULL);
        snprintf(endpoint, sizeof endpoint, "inproc://idle-%ld", i);
        must(socket && zmq_bind(socket, endpoint) == 0, endpoint);
    }
    printf("bytes=%.0f\n", (double)(resident() - before) / (double)count);
    exit(0);
}

int main(int argc, char **argv) {
    const char *mode = argc > 2 ? argv[1] : "";
    context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 65000);
    if (strcmp(mode, "receive") == 0 && argc > 3)
        receive(argv + 2);
    else if (strcmp(mode, "send") == 0 && argc > 3)
        send_messages(argv + 2);
    else if (strcmp(mode, "rep") == 0)
        serve(ZMQ_REP, atol(argv[2]), argv[3]);
    else if (strcmp(mode, "router") == 0)
        serve(ZMQ_ROUTER, atol(argv[2]), argv[3]);
    else if (strcmp(mode, "idle") == 0 && argc > 3)
        idle(atol(argv[2]), atol(argv[3]));
    else if (strcmp(mode, "fan") == 0 && argc > 4)
        fan(atol(argv[2]), atol(argv[3]), atol(argv[4]));
    else if (strcmp(mode, "sockets") == 0)
        open_sockets(atol(argv[2]));
    else
        return fprintf(stderr, "floor: no such mode, or too few arguments\n"), 2;
    zmq_ctx_term(context);
    return sum == 1 ? 3 : 0;
}
