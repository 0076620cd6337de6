/* The public functions about what a message may have. */
#include "security/notices.h"
#include "zmq/context.h"

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

enum {
    LINE_EVERY_MS = 60000, /* in the log */
    MECHANISM_SIZE = 20,   /* its name's, in a greeting */
};

/* What peers do, and when the log had a line of it. */
typedef struct habit {
    double count, untold, told;
} habit;

static struct {
    pthread_mutex_t lock;
    habit exceeds, is_unlike;
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
    socket->limits = (eddy_message_limits){parts, bytes, ZMQ_NULL};
    return 0;
}

void eddy_limits_of_bind(eddy_message_limits *limits) {
    *limits = eddy__socket_limits_of_bind();
}

enum { ADDRESS = NI_MAXHOST };

static void tell_address(int descriptor, char *address) {
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    snprintf(address, ADDRESS, "this machine");
    if (getpeername(descriptor, (struct sockaddr *)&name, &size) == 0 &&
        name.ss_family != AF_UNIX)
        getnameinfo((struct sockaddr *)&name, size, address, ADDRESS, NULL, 0, NI_NUMERICHOST);
}

/* Counts it. How often it was since the last line, if there is to be one now; else 0. */
static double count(habit *habit) {
    pthread_mutex_lock(&all.lock);
    double now = eddy_time(), told = 0;
    habit->count++;
    habit->untold++;
    if (habit->told == 0 || now - habit->told >= LINE_EVERY_MS) {
        told = habit->untold;
        habit->told = now;
        habit->untold = 0;
    }
    pthread_mutex_unlock(&all.lock);
    return told;
}

void eddy_limits_exceeded(int descriptor) {
    char address[ADDRESS];
    double told = count(&all.exceeds);
    if (told == 0) return;
    tell_address(descriptor, address);
    eddy__notice("a peer at %s was cut off in a message of more parts or bytes than "
                 "max_parts and max_message allow; %.0f since the last such line",
                 address, told);
}

static const char *const mechanisms[] = {"NULL", "PLAIN", "CURVE", "GSSAPI"};
enum { MECHANISMS = sizeof mechanisms / sizeof *mechanisms };

/* Which mechanism a peer offers, which is anything: MECHANISMS when it is none of them. */
static int offered_by(const char *greeting) {
    int i = 0;
    while (i < MECHANISMS && strncmp(greeting, mechanisms[i], MECHANISM_SIZE) != 0) i++;
    return i;
}

void eddy_limits_mechanism(int descriptor, int mechanism, const char *offered) {
    char address[ADDRESS];
    int its = offered_by(offered);
    if (its == mechanism) return;
    double told = count(&all.is_unlike);
    if (told == 0) return;
    tell_address(descriptor, address);
    int is_curve = mechanism == ZMQ_CURVE;
    eddy__notice(
        "a peer at %s cannot come in: it offers %s, and the socket wants %s: give it %s; "
        "%.0f since the last such line",
        address, its < MECHANISMS ? mechanisms[its] : "something unknown",
        is_curve ? "CURVE" : "another mechanism",
        is_curve ? "curve = { server = PUBLIC KEY }" : "what the socket has", told);
}

double eddy_limits_count(void) {
    pthread_mutex_lock(&all.lock);
    double count = all.exceeds.count;
    pthread_mutex_unlock(&all.lock);
    return count;
}
