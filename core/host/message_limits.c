#include "host/message_limits.h"
#include "eddy.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <zmq.h>

enum {
    DESCRIPTORS = 1 << 20, /* more than the kernel gives a process, unless told to */
    KEYS = 1 << 16,
    KEY_SHIFT = 4, /* how far keys are apart in memory, at least */
    GREETING = 64,
    MECHANISM = 12, /* where its name is in a greeting, and how long */
    MECHANISM_SIZE = 20,
    SHORT_HEADER = 2, /* flags, and a size of one byte */
    LONG_HEADER = 9,
    MORE = 1,
    LONG = 2,
    COMMAND = 4,
};

/* What has come of a message. */
typedef struct tally {
    uint32_t parts;
    double bytes;
} tally;

/* A listener, or a connection; the memory is used again with its descriptor. */
typedef struct entry {
    atomic_int is_on;
    int descriptor;
    eddy_message_limits limits;
    const void *_Atomic key;      /* of CURVE */
    uint64_t left;                /* bytes of the greeting, or of a frame, that are to come */
    int is_greeting;              /* which of them */
    char offered[MECHANISM_SIZE]; /* the mechanism */
    unsigned char header[LONG_HEADER];
    int have; /* bytes of it */
    tally on_wire, decrypted;
} entry;

static entry *_Atomic entries[DESCRIPTORS];
static entry *_Atomic by_key[KEYS];
static _Thread_local entry *last; /* which this thread received from */

static entry *find(int descriptor) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return NULL;
    entry *found = entries[descriptor];
    return found && found->is_on ? found : NULL;
}

static int has_any(eddy_message_limits limits) {
    return limits.parts || limits.bytes > 0 || limits.mechanism != ZMQ_NULL;
}

static void begin(int descriptor, eddy_message_limits limits) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return;
    entry *made = entries[descriptor];
    if (!has_any(limits)) return eddy__message_limits_end(descriptor);
    if (!made) made = calloc(1, sizeof *made);
    if (!made) return;
    atomic_exchange(&made->is_on, 0); /* what its last thread did is done */
    made->descriptor = descriptor;
    made->limits = limits;
    made->key = NULL;
    made->left = GREETING;
    made->is_greeting = 1;
    made->have = 0;
    made->on_wire = made->decrypted = (tally){0};
    made->is_on = 1;
    entries[descriptor] = made;
}

void eddy__message_limits_listen(int listener) {
    eddy_message_limits limits;
    eddy_limits_of_bind(&limits);
    begin(listener, limits);
}

void eddy__message_limits_accept(int listener, int descriptor) {
    const entry *at = find(listener);
    begin(descriptor, at ? at->limits : (eddy_message_limits){0});
}

void eddy__message_limits_end(int descriptor) {
    entry *found = find(descriptor);
    if (found) found->is_on = 0;
}

static int is_over(entry *at, tally *of, int more, double size) {
    of->parts++;
    of->bytes += size;
    int over = (at->limits.parts && more && of->parts >= at->limits.parts) ||
               (at->limits.bytes > 0 && of->bytes > at->limits.bytes);
    if (!more) *of = (tally){0};
    if (over) eddy_limits_exceeded(at->descriptor);
    return over;
}

static uint64_t size_in(const unsigned char *header) {
    uint64_t size = 0;
    if (!(header[0] & LONG)) return header[1];
    for (int i = 1; i < LONG_HEADER; i++) size = size << 8 | header[i];
    return size;
}

/* A frame begins. Commands are no parts, and of encrypted ones more is known later. */
static int begin_frame(entry *at) {
    at->have = 0;
    at->left = size_in(at->header);
    if (at->key || at->header[0] & COMMAND) return 0;
    return is_over(at, &at->on_wire, at->header[0] & MORE, (double)at->left);
}

/* Bytes of the greeting. A connection without limits is of no interest after it. */
static void greet(entry *at, const char *bytes, size_t size) {
    uint64_t from = GREETING - at->left, to = from + size;
    if (from >= MECHANISM + MECHANISM_SIZE) return;
    for (uint64_t i = from; i < to && i < MECHANISM + MECHANISM_SIZE; i++)
        if (i >= MECHANISM) at->offered[i - MECHANISM] = bytes[i - from];
    if (to < MECHANISM + MECHANISM_SIZE) return;
    if (at->limits.mechanism != ZMQ_NULL)
        eddy_limits_mechanism(at->descriptor, at->limits.mechanism, at->offered);
    at->is_on = at->limits.parts || at->limits.bytes > 0;
}

int eddy__message_limits_exceeded(int descriptor, const void *data, size_t size) {
    entry *at = last = find(descriptor);
    const unsigned char *bytes = data;
    while (at && size > 0) {
        if (at->left > 0) {
            size_t skipped = at->left < size ? (size_t)at->left : size;
            if (at->is_greeting) greet(at, (const char *)bytes, skipped);
            at->left -= skipped;
            if (at->left == 0) at->is_greeting = 0;
            bytes += skipped;
            size -= skipped;
            continue;
        }
        at->header[at->have++] = *bytes++;
        size--;
        int whole = at->header[0] & LONG ? LONG_HEADER : SHORT_HEADER;
        if (at->have == whole && begin_frame(at)) return 1;
    }
    return 0;
}

static entry *_Atomic *place_of(const void *key) {
    return &by_key[((uintptr_t)key >> KEY_SHIFT) % KEYS];
}

void eddy__message_limits_key(const void *key) {
    if (!last) return;
    last->key = key;
    *place_of(key) = last;
}

/* What was received before may be decrypted later, when its queue has room again: the last one
 * need not be its connection. One of which another has the place is without limits. */
int eddy__message_limits_decrypted(const void *key, int more, size_t size) {
    entry *at = last && last->key == key ? last : *place_of(key);
    if (!at || at->key != key || !at->is_on) return 0;
    return is_over(at, &at->decrypted, more, (double)size);
}
