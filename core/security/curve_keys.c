#include "eddy.h"

#include <errno.h>
#include <zmq.h>

int eddy_curve_keypair(char *public_key, char *secret_key) {
    return zmq_curve_keypair(public_key, secret_key) == 0 ? 0 : -errno;
}

int eddy_curve_public(char *public_key, const char *secret_key) {
    return zmq_curve_public(public_key, secret_key) == 0 ? 0 : -errno;
}

int eddy_z85_encode(char *text, const uint8_t *data, uint32_t size) {
    if (size % 4 != 0) return -EINVAL;
    return zmq_z85_encode(text, data, size) ? 0 : -errno;
}

int eddy_z85_decode(uint8_t *data, const char *text) {
    return zmq_z85_decode(data, text) ? 0 : -errno;
}
