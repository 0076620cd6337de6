/* Reads the bytes of frames and views where they are, and never past their end. */
#include "zmq/frame.h"
#include "zmq/loan.h"

#include <math.h>
#include <string.h>

typedef struct span {
    const char *data; /* NULL: what has them is stale or closed */
    double size;
} span;

static inline span span_of(const void *holder, int holds) {
    if (holds == EDDY_FRAME) {
        const eddy_frame *frame = holder;
        return frame->_open ? (span){frame->_data, frame->_size} : (span){NULL, -1};
    }
    const eddy_view *view = holder;
    if (!eddy__view_is_good(view)) return (span){NULL, -1};
    const eddy_part *part = view->_loan->_parts ? &view->_loan->_parts[view->_place] : NULL;
    if (part && part->size != EDDY_TOO_LARGE) return (span){part->data, part->size};
    zmq_msg_t *msg = eddy__view_msg(view);
    return (span){zmq_msg_data(msg), (double)zmq_msg_size(msg)};
}

double eddy_bytes_size(const void *holder, int holds) {
    return span_of(holder, holds).size;
}

const char *eddy_bytes_data(const void *holder, int holds) {
    return span_of(holder, holds).data;
}

/* The `width` bytes at a place, which need not be whole; NULL when they are not there. */
static const unsigned char *bytes_at(span bytes, double at, int width) {
    if (!(at >= 1 && at <= bytes.size - width + 1) || at != (double)(int64_t)at) return NULL;
    return (const unsigned char *)bytes.data + (size_t)at - 1;
}

static uint64_t whole(const unsigned char *from, int width, int is_big) {
    uint64_t value = 0;
    for (int i = 0; i < width; i++) value = value << 8 | from[is_big ? i : width - 1 - i];
    return value;
}

static double floating(uint64_t bits, int width) {
    float single;
    double value;
    uint32_t half = (uint32_t)bits;
    memcpy(&value, &bits, sizeof value);
    memcpy(&single, &half, sizeof single);
    return width == sizeof single ? (double)single : value;
}

double eddy_bytes_number(const void *holder, int holds, double at, int type) {
    int width = type & (EDDY_SIGNED - 1);
    const unsigned char *from = bytes_at(span_of(holder, holds), at, width);
    if (!from) return NAN;
    uint64_t value = whole(from, width, type & EDDY_BIG_ENDIAN);
    if (type & EDDY_FLOAT) return floating(value, width);
    if (!(type & EDDY_SIGNED)) return (double)value;
    int shift = 64 - width * 8;
    return (double)((int64_t)(value << shift) >> shift);
}

uint64_t eddy_bytes_u64(const void *holder, int holds, double at, int big_endian) {
    const unsigned char *from = bytes_at(span_of(holder, holds), at, 8);
    return from ? whole(from, 8, big_endian) : 0;
}

double eddy_bytes_find(const void *holder, int holds, const char *text, double size,
                       double from) {
    span bytes = span_of(holder, holds);
    if (!bytes.data || !(from >= 1 && from <= bytes.size + 1) || size > bytes.size) return 0;
    const char *start = bytes.data + (size_t)from - 1;
    size_t left = (size_t)bytes.size - (size_t)from + 1;
    const char *found = memmem(start, left, text, (size_t)size);
    return found ? (double)(found - bytes.data) + 1 : 0;
}

int eddy_bytes_equal(const void *holder, int holds, const char *text, double size) {
    span bytes = span_of(holder, holds);
    return bytes.size == size && (size == 0 || memcmp(bytes.data, text, (size_t)size) == 0);
}
