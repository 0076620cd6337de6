/* The public functions about what a message may have. */
#include "security/notices.h"
#include "zmq/context.h"

#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

enum { LINE_EVERY_MS = 60000 }; /* in the log */

static struct {
    pthread_mutex_t lock;
    double count, untold, told;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void forked(void) {
    pthread_mutex_init(&all.lock, NULL);
}

__attribute__((constructor)) static void begin(void) {
    pthread_atfork(NULL, NULL, forked);
}

int eddy_socket_limit(eddy_context *context, uint32_t id, uint32_t parts, double bytes) {
    eddy__socket *socket = eddy__context_find(context, id);
    if (!socket) return eddy__context_refusal(context, id);
    socket->limits = (eddy_message_limits){parts, bytes};
    return 0;
}

void eddy_limits_of_bind(eddy_message_limits *limits) {
    *limits = eddy__socket_limits_of_bind();
}

void eddy_limits_exceeded(int descriptor) {
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    char address[NI_MAXHOST] = "this machine";
    if (getpeername(descriptor, (struct sockaddr *)&name, &size) == 0 &&
        name.ss_family != AF_UNIX)
        getnameinfo((struct sockaddr *)&name, size, address, sizeof address, NULL, 0,
                    NI_NUMERICHOST);
    pthread_mutex_lock(&all.lock);
    double now = eddy_time(), told = 0;
    all.count++;
    all.untold++;
    if (all.told == 0 || now - all.told >= LINE_EVERY_MS) {
        told = all.untold;
        all.told = now;
        all.untold = 0;
    }
    pthread_mutex_unlock(&all.lock);
    if (told > 0)
        eddy__notice("a peer at %s was cut off in a message of more parts or bytes than "
                     "max_parts and max_message allow; %.0f since the last such line",
                     address, told);
}

double eddy_limits_count(void) {
    pthread_mutex_lock(&all.lock);
    double count = all.count;
    pthread_mutex_unlock(&all.lock);
    return count;
}
