#include "zmq/topics.h"
#include <errno.h>
#include <string.h>

enum { FIRST_GARBLED = 246, LAST_GARBLED = 255, SUBSCRIBES = 1 };

int eddy__topics_subscribe(eddy__topics *topics, size_t size) {
    if (size < FIRST_GARBLED || size > LAST_GARBLED) return 0;
    if (topics->is_wired) return -EMSGSIZE;
    topics->has_garbled = 1;
    return 0;
}

int eddy__topics_send(eddy__topics *topics, zmq_msg_t *part) {
    const char *data = zmq_msg_data(part);
    size_t size = zmq_msg_size(part);
    return size > 0 && *data == SUBSCRIBES ? eddy__topics_subscribe(topics, size - 1) : 0;
}

int eddy__topics_join(eddy__topics *topics, void *zmq, int type, const char *endpoint) {
    if (type != ZMQ_SUB && type != ZMQ_XSUB) return 0;
    if (strncmp(endpoint, "inproc://", 9) == 0) return 0;
    int mechanism = ZMQ_NULL;
    size_t size = sizeof mechanism;
    zmq_getsockopt(zmq, ZMQ_MECHANISM, &mechanism, &size);
    if (mechanism == ZMQ_CURVE) return 0;
    if (topics->has_garbled) return -EMSGSIZE;
    topics->is_wired = 1;
    return 0;
}
