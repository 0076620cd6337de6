/* What the host does in libc's place, in several threads of libzmq's and in our own: strangers
 * leave a PING in a backlog and reset, others are from before ZMTP 3.0, and both end as they
 * should; who is not libzmq has libc's answers. */
#include "proof.h"

#include "host/greetings.h"
#include "host/late_errors.h"
#include "host/libzmq_calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 4, QUEUE = 5, MESSAGES = 40, IO_THREADS = 2 };

static const char GREETING[64] = "\xff\0\0\0\0\0\0\0\0\x7f\3\1NULL";
static const char OLD_GREETING[] = "\xff\0\0\0\0\0\0\0\0\x7f\1\5\0";
static const char READY[] = "\4\x1a\5READY\xbSocket-Type\0\0\0\4PUSH";
static const char PING[] = "\4\7\4PING\0";
static void *shared;
static atomic_int over;
static int lives;

static int connect_to(void *victim) {
    char endpoint[64];
    size_t size = sizeof endpoint;
    CHECK(zmq_getsockopt(victim, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    int at_once = 1; /* or what waits for the other side's word is lost in the reset */
    CHECK(setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once) == 0);
    CHECK(connect(peer, (struct sockaddr *)&address, sizeof address) == 0);
    return peer;
}

static void say(int peer, const void *bytes, size_t size) {
    CHECK(send(peer, bytes, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void leave(int peer) {
    struct linger reset = {1, 0};
    CHECK(setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    close(peer);
}

/* Waits until the other side has sent so much. */
static void hear(int peer, int size) {
    char bytes[256];
    CHECK(recv(peer, bytes, (size_t)size, MSG_WAITALL) == size);
}

static void ping_and_reset(void *victim) {
    int peer = connect_to(victim);
    say(peer, GREETING, sizeof GREETING);
    say(peer, READY, sizeof READY - 1);
    hear(peer, sizeof GREETING + 2); /* all of its greeting, and READY begins */
    char text[MESSAGES * 3 + sizeof PING];
    size_t size = 0;
    for (int i = 0; i < MESSAGES; i++) {
        memcpy(text + size, "\0\1x", 3);
        size += 3;
        if (i == MESSAGES / 2) {
            memcpy(text + size, PING, sizeof PING);
            size += sizeof PING;
        }
    }
    say(peer, text, size);
    leave(peer);
    char byte;
    for (int i = 0; i < MESSAGES; i++) CHECK(zmq_recv(victim, &byte, 1, 0) == 1);
}

static void come_from_the_past(void *victim) {
    int peer = connect_to(victim);
    say(peer, OLD_GREETING, sizeof OLD_GREETING);
    char byte;
    ssize_t got;
    while ((got = recv(peer, &byte, 1, 0)) > 0) {
    }
    CHECK(got == 0 || errno == ECONNRESET); /* it was turned away */
    close(peer);
}

/* Victims of a context of their own and of the one of all, in turns. */
static void *live(void *argument) {
    void *own = zmq_ctx_new();
    CHECK(zmq_ctx_set(own, ZMQ_IO_THREADS, IO_THREADS) == 0);
    for (int life = 0; life < lives; life++) {
        void *victim = zmq_socket(life % 2 ? own : shared, ZMQ_PULL);
        int queue = QUEUE, no = 0;
        CHECK(zmq_setsockopt(victim, ZMQ_RCVHWM, &queue, sizeof queue) == 0);
        CHECK(zmq_setsockopt(victim, ZMQ_LINGER, &no, sizeof no) == 0);
        CHECK(zmq_bind(victim, "tcp://127.0.0.1:*") == 0);
        ping_and_reset(victim);
        come_from_the_past(victim);
        CHECK(zmq_close(victim) == 0);
    }
    CHECK(zmq_ctx_term(own) == 0);
    atomic_fetch_add(&over, 1);
    return NULL;
}

/* Any pointer, and an error of a descriptor of which nothing is asked. */
static void ask_the_kernel(int poller, int ends[2]) {
    struct epoll_event event = {.events = 0, .data.u64 = 0x123456789abcdef3};
    CHECK(pipe(ends) == 0);
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &event) == 0);
    close(ends[1]);
    for (int i = 0; i < 2; i++) {
        memset(&event, 0, sizeof event);
        CHECK(epoll_wait(poller, &event, 1, 1000) == 1);
        CHECK(event.events == EPOLLHUP && event.data.u64 == 0x123456789abcdef3);
    }
    close(ends[0]);
}

int main(int argc, char **argv) {
    lives = proof_size(argc, argv, 200);
    eddy__late_errors_prepare();
    eddy__greetings_prepare();
    eddy__libzmq_calls_prepare();
    shared = zmq_ctx_new();
    CHECK(zmq_ctx_set(shared, ZMQ_IO_THREADS, IO_THREADS) == 0);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, live, NULL) == 0);
    int poller = epoll_create1(EPOLL_CLOEXEC), ends[2];
    do ask_the_kernel(poller, ends);
    while (atomic_load(&over) < THREADS);
    close(poller);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(zmq_ctx_term(shared) == 0);
    return 0;
}
