/* Messages of too many parts, from peers of several contexts whose descriptors are used again
 * by others: each such connection ends, and no other one. */
#include "proof.h"

#include "host/emfile.h"
#include "host/greetings.h"
#include "host/late_errors.h"
#include "host/libzmq_calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 4, PARTS = 3 };

static const char GREETING[64] = "\xff\0\0\0\0\0\0\0\0\x7f\3\1NULL";
static const char READY[] = "\4\x1a\5READY\xbSocket-Type\0\0\0\4PUSH";
static int lives;

static int connect_to(eddy_context *context, int victim) {
    char endpoint[64];
    CHECK(eddy_socket_get(context, (uint32_t)victim, ZMQ_LAST_ENDPOINT, endpoint,
                          sizeof endpoint) > 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    char heard[sizeof GREETING + 2];
    CHECK(connect(peer, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(send(peer, GREETING, sizeof GREETING, MSG_NOSIGNAL) == sizeof GREETING);
    CHECK(send(peer, READY, sizeof READY - 1, MSG_NOSIGNAL) == sizeof READY - 1);
    CHECK(recv(peer, heard, sizeof heard, MSG_WAITALL) == sizeof heard);
    return peer;
}

static void is_cut_off(int peer) {
    char bytes[64];
    ssize_t got;
    while ((got = recv(peer, bytes, sizeof bytes, 0)) > 0) {
    }
    CHECK(got == 0 || errno == ECONNRESET);
}

static void *live(void *argument) {
    eddy_context *context;
    eddy_received received = {0};
    (void)argument;
    CHECK(eddy_context_new(1, &context) == 0);
    for (int life = 0; life < lives; life++) {
        int victim = eddy_socket_open(context, ZMQ_PULL), is_limited = life % 3 != 0;
        CHECK(victim > 0);
        proof_option(context, victim, ZMQ_RCVTIMEO, PROOF_PATIENCE_MS);
        CHECK(eddy_socket_limit(context, (uint32_t)victim, is_limited ? PARTS : 0, 0) == 0);
        CHECK(eddy_socket_bind(context, (uint32_t)victim, "tcp://127.0.0.1:*") == 0);
        int peer = connect_to(context, victim);
        CHECK(send(peer, "\1\0\1\0\0\0", 6, MSG_NOSIGNAL) == 6);
        for (int i = 0; i < PARTS; i++)
            CHECK(eddy_socket_recv(context, (uint32_t)victim, 0, &received) == 0);
        CHECK(!received.more);
        CHECK(send(peer, "\1\0\1\0\1\0\1\0\0\0", 10, MSG_NOSIGNAL) == 10);
        for (int i = 0; !is_limited && i < PARTS + 2; i++)
            CHECK(eddy_socket_recv(context, (uint32_t)victim, 0, &received) == 0);
        if (is_limited) is_cut_off(peer);
        close(peer);
        eddy_received_close(&received);
        CHECK(eddy_socket_close(context, (uint32_t)victim, 0) == 0);
    }
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
    return NULL;
}

int main(int argc, char **argv) {
    lives = proof_size(argc, argv, 60);
    eddy__emfile_prepare();
    eddy__late_errors_prepare();
    eddy__greetings_prepare();
    eddy__libzmq_calls_prepare();
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, live, NULL) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(eddy_limits_count() == THREADS * (lives - (lives + 2) / 3));
    puts("ok");
    return 0;
}
