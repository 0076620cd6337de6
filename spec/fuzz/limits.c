/* Fuzzes what reads along what peers send: whole or byte by byte, it comes to the same, and no
 * message of more parts or bytes than it may have goes through. */
#include "eddy.h"

#include <zmq.h>

static void limits_of_fuzz(eddy_message_limits *limits) {
    *limits = (eddy_message_limits){3, 1000, ZMQ_CURVE};
}

static void exceeded(int descriptor) {
    (void)descriptor;
}

static void other_mechanism(int descriptor, int mechanism, const char *offered) {
    (void)descriptor, (void)mechanism, (void)offered;
}

#define eddy_limits_of_bind limits_of_fuzz
#define eddy_limits_mechanism other_mechanism
#define eddy_limits_exceeded exceeded
#include "host/message_limits.c"

enum { LISTENER = 3, PEER = 4, FUZZED = 64 /* bytes of a greeting go before */ };

static int whole(const uint8_t *data, size_t size) {
    return eddy__message_limits_exceeded(PEER, data, size);
}

static int in_bytes(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (eddy__message_limits_exceeded(PEER, data + i, 1)) return 1;
    return 0;
}

static int meet(int (*read)(const uint8_t *, size_t), const uint8_t *data, size_t size) {
    static const uint8_t greeting[FUZZED];
    eddy__message_limits_accept(LISTENER, PEER);
    if (read(greeting, sizeof greeting)) abort();
    int over = read(data, size);
    eddy__message_limits_end(PEER);
    if (read(data, size)) abort(); /* of nobody it asks nothing */
    return over;
}

/* The same, told simply. */
static int is_too_much(const uint8_t *data, size_t size) {
    uint64_t bytes = 0, parts = 0;
    for (size_t at = 0; at < size;) {
        int flags = data[at], head = flags & LONG ? LONG_HEADER : SHORT_HEADER;
        if (size - at < (size_t)head) return 0;
        uint64_t length = size_in(data + at);
        at += (size_t)head;
        if (!(flags & COMMAND)) {
            parts++;
            if (length > 1000 || (bytes += length) > 1000 || (flags & MORE && parts >= 3))
                return 1;
            if (!(flags & MORE)) parts = bytes = 0;
        }
        if (length > size - at) return 0;
        at += length;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    eddy__message_limits_listen(LISTENER);
    int expected = is_too_much(data, size);
    if (meet(whole, data, size) != expected || meet(in_bytes, data, size) != expected) abort();
    eddy__message_limits_end(LISTENER);
    return 0;
}
