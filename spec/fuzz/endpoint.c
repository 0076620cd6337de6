/* Fuzzes what parses endpoints. Nothing is bound or looked up: libzmq refuses all names, and
 * the resolver is this one. */
#include "zmq/endpoint.h"
#include "base/sys.h"

#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct sockaddr_in address = {.sin_family = AF_INET};
static struct addrinfo found = {
    .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&address, .ai_addrlen = sizeof address};

/* Knows names of an even length. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **result) {
    if (strlen(name) % 2) return EAI_NONAME;
    found.ai_family = strlen(name) % 4 ? AF_INET : AF_INET6;
    *result = &found;
    return 0;
}

void freeaddrinfo(struct addrinfo *result) {
    if (result != &found) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void *context, *socket;
    if (!context) {
        context = zmq_ctx_new();
        socket = zmq_socket(context, ZMQ_PULL);
    }
    char *endpoint = malloc(size + 1);
    memcpy(endpoint, data, size);
    endpoint[size] = '\0';
    eddy__fault_plan(EDDY__FAULT_ZMQ_BIND, 0, 1 << 30, ENODEV);
    eddy__fault_plan(EDDY__FAULT_ZMQ_UNBIND, 0, 1 << 30, ENOENT);
    eddy__fault_plan(EDDY__FAULT_ZMQ_CONNECT, 0, 1 << 30, EINVAL);
    if (eddy__endpoint_bind(socket, endpoint) == 0) abort();
    if (eddy__endpoint_unbind(socket, endpoint) == 0) abort();
    if (eddy__endpoint_connect(socket, endpoint) == 0) abort();
    free(endpoint);
    return 0;
}
