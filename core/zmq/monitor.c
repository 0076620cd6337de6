#include "zmq/monitor.h"
#include "base/sys.h"
#include "zmq/ending.h"
#include "zmq/listeners.h"

#include <string.h>
#include <time.h>

enum { TRIES = 100 };

static const struct timespec PAUSE = {0, 1000000};

eddy__monitor *eddy__monitor_new(void *zmq, void *context) {
    eddy__monitor *monitor = eddy__calloc(1, sizeof *monitor);
    if (!monitor) return NULL;
    monitor->zmq = zmq;
    monitor->context = context;
    return monitor;
}

/* libzmq gives the endpoint of a monitor that ended back a little later, in its reaper
 * thread: whoever comes back to it waits for that. */
static int start(void *zmq, const char *endpoint, int events, int is_ours) {
    for (int tries = 0;; tries++) {
        if (eddy__zmq_monitor(zmq, endpoint, events) == 0) return 0;
        if (errno != EADDRINUSE || !is_ours || tries == TRIES) return -errno;
        nanosleep(&PAUSE, NULL);
    }
}

/* Somebody to whom libzmq can say that the monitor ended: without a reader it would wait.
 * Opened with the monitor, as its end must not fail. */
static void *open_stand_in(const eddy__monitor *monitor) {
    void *zmq = eddy__zmq_socket(monitor->context, ZMQ_PAIR);
    int none = 0;
    if (!zmq) return NULL;
    eddy__zmq_set(zmq, ZMQ_RCVHWM, &none, sizeof none);
    eddy__zmq_set(zmq, ZMQ_LINGER, &none, sizeof none);
    return zmq;
}

/* The name that it tells at counts as bound: whoever connects there does not wait. */
static int count(const eddy__monitor *monitor, const char *endpoint, int is_bound) {
    eddy__address address = eddy__listeners_address(monitor->context, endpoint);
    if (is_bound) return eddy__ending_bind(address.where, address.what);
    eddy__ending_unbound(address.where, address.what);
    return 0;
}

int eddy__monitor_start(eddy__monitor *monitor, const char *endpoint, int events) {
    size_t size = strlen(endpoint) + 1;
    char *own = eddy__calloc(1, size);
    if (!own) return -ENOMEM;
    memcpy(own, endpoint, size);
    void *stand_in = open_stand_in(monitor);
    int rc = stand_in ? 0 : -errno;
    if (rc == 0) {
        eddy__monitor_stop(monitor);
        int is_ours = monitor->endpoint && strcmp(monitor->endpoint, endpoint) == 0;
        rc = count(monitor, endpoint, 1);
        if (rc == 0 && (rc = start(monitor->zmq, endpoint, events, is_ours)) != 0)
            count(monitor, endpoint, 0);
    }
    if (rc != 0) {
        if (stand_in) zmq_close(stand_in);
        eddy__free(own);
        return rc;
    }
    eddy__free(monitor->endpoint);
    monitor->endpoint = own;
    monitor->stand_in = stand_in;
    monitor->running = 1;
    return 0;
}

void eddy__monitor_stop(eddy__monitor *monitor) {
    if (!monitor->running) return;
    /* These fail only when the context is terminated, and then nobody waits. */
    if (!monitor->reader) zmq_connect(monitor->stand_in, monitor->endpoint);
    zmq_socket_monitor(monitor->zmq, NULL, 0);
    zmq_close(monitor->stand_in);
    if (monitor->reader) {
        monitor->reader->watched = NULL;
        monitor->reader->is_spent = 1;
    }
    monitor->reader = NULL;
    monitor->stand_in = NULL;
    monitor->running = 0;
    count(monitor, monitor->endpoint, 0);
}

int eddy__monitor_awaits(const eddy__monitor *monitor, const char *endpoint) {
    return monitor->running && !monitor->reader && strcmp(monitor->endpoint, endpoint) == 0;
}

void eddy__monitor_join(eddy__monitor *monitor, eddy__monitor *reader) {
    eddy__monitor_leave(reader);
    monitor->reader = reader;
    reader->watched = monitor;
    reader->is_spent = 0;
}

void eddy__monitor_leave(eddy__monitor *reader) {
    if (reader->watched) eddy__monitor_stop(reader->watched);
}

void eddy__monitor_free(eddy__monitor *monitor) {
    if (!monitor) return;
    eddy__monitor_leave(monitor);
    eddy__monitor_stop(monitor);
    eddy__free(monitor->endpoint);
    eddy__free(monitor);
}
