/* Peers come in while the policy of their domain is exchanged, and contexts end meanwhile. */
#include "proof.h"

#include <stdatomic.h>

enum { PEERS = 2, KEY = 41 };

static char server_public[KEY], server_secret[KEY], public_key[KEY], secret_key[KEY];
static const char other_key[KEY] = "0000000000000000000000000000000000000000";
static int rounds;

static eddy_policy *make_policy(void) {
    eddy_policy *policy;
    CHECK(eddy_policy_new(&policy) == 0);
    CHECK(eddy_policy_allow(policy, EDDY_ALLOWED_KEY, public_key, KEY - 1, "joe", 3, NULL, 0) ==
          0);
    return policy;
}

typedef struct world {
    eddy_context *context;
    atomic_int over;
} world;

/* Each handshake asks one policy or another. */
static void *exchange(void *argument) {
    world *at = argument;
    while (!at->over) {
        eddy_policy *policy = make_policy();
        CHECK(eddy_zap_set(at->context, "d", policy) == 0);
        eddy_policy_free(policy);
        CHECK(eddy_zap_cut(at->context, NULL, other_key) == 0); /* who never came in */
        eddy_zap_stats stats;
        CHECK(eddy_zap_stats_get(at->context, &stats) == 1);
    }
    return NULL;
}

static void set_text(eddy_context *context, int socket, int option, const char *text) {
    CHECK(eddy_socket_set(context, (uint32_t)socket, option, text, (uint32_t)strlen(text)) ==
          0);
}

static void come_in(eddy_context *context, const char *endpoint) {
    int socket = eddy_socket_open(context, ZMQ_PUSH);
    CHECK(socket > 0);
    set_text(context, socket, ZMQ_CURVE_SERVERKEY, server_public);
    set_text(context, socket, ZMQ_CURVE_PUBLICKEY, public_key);
    set_text(context, socket, ZMQ_CURVE_SECRETKEY, secret_key);
    proof_option(context, socket, ZMQ_IMMEDIATE, 1);
    proof_option(context, socket, ZMQ_SNDTIMEO, PROOF_PATIENCE_MS);
    CHECK(eddy_socket_connect(context, (uint32_t)socket, endpoint) == 0);
    CHECK(eddy_socket_send(context, (uint32_t)socket, "x", 1, 0) == 0);
    CHECK(eddy_socket_close(context, (uint32_t)socket, -1) == 0);
}

static void *run(void *argument) {
    world at = {.over = 0};
    char endpoint[128];
    eddy_received received = {0};
    pthread_t exchanger;
    (void)argument;
    for (int round = 0; round < rounds; round++) {
        CHECK(eddy_context_new(1, &at.context) == 0);
        at.over = 0;
        int server = eddy_socket_open(at.context, ZMQ_PULL);
        CHECK(server > 0);
        eddy_policy *policy = make_policy();
        CHECK(eddy_zap_set(at.context, "d", policy) == 0);
        eddy_policy_free(policy);
        set_text(at.context, server, ZMQ_ZAP_DOMAIN, "d");
        proof_option(at.context, server, 93, 1);
        proof_option(at.context, server, ZMQ_CURVE_SERVER, 1);
        proof_option(at.context, server, ZMQ_RCVTIMEO, PROOF_PATIENCE_MS);
        set_text(at.context, server, ZMQ_CURVE_SECRETKEY, server_secret);
        CHECK(eddy_socket_bind(at.context, (uint32_t)server, "tcp://127.0.0.1:*") == 0);
        CHECK(eddy_socket_get(at.context, (uint32_t)server, ZMQ_LAST_ENDPOINT, endpoint,
                              sizeof endpoint) > 0);
        CHECK(pthread_create(&exchanger, NULL, exchange, &at) == 0);
        for (int peer = 0; peer < PEERS; peer++) {
            come_in(at.context, endpoint);
            CHECK(eddy_socket_recv(at.context, (uint32_t)server, 0, &received) == 0);
        }
        at.over = 1;
        pthread_join(exchanger, NULL);
        eddy_received_close(&received);
        CHECK(eddy_socket_close(at.context, (uint32_t)server, 0) == 0);
        CHECK(eddy_context_term(at.context) == 0);
        eddy_context_free(at.context);
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[2];
    rounds = proof_size(argc, argv, 10);
    CHECK(eddy_curve_keypair(server_public, server_secret) == 0);
    CHECK(eddy_curve_keypair(public_key, secret_key) == 0);
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, run, NULL) == 0);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    puts("ok");
    return 0;
}
