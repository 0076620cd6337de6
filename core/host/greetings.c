#include "host/greetings.h"

#include "host/libzmq_calls.h"
#include "host/message_limits.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>

typedef ssize_t recv_call(int, void *, size_t, int);

enum {
    /* The bytes of a greeting that all versions have: libzmq asks for just these, and for more
     * once it knows a version. Whatever else it receives it asks for in larger pieces, but for
     * answers of a SOCKS proxy, which come before the greeting. */
    SIZE = 12,
    FLAGS = 9, /* even: this is the size of an old peer's first frame */
    REVISION = 10,
    LEAST_REVISION = 3,
    OTHER = 255,
    DESCRIPTORS = 1 << 20, /* more than the kernel gives a process, unless told to */
};

/* How much of its greeting each connection has sent, or OTHER. */
static atomic_uchar heard[DESCRIPTORS];
static recv_call *libc_recv;

void eddy__greetings_prepare(void) {
    libc_recv = (recv_call *)dlsym(RTLD_NEXT, "recv");
}

void eddy__greetings_begin(int descriptor) {
    if (descriptor >= 0 && descriptor < DESCRIPTORS) heard[descriptor] = 0;
}

static int is_old(const unsigned char *bytes, int from, int to) {
    for (int i = from; i < to; i++, bytes++) {
        if (i == 0 && *bytes != 0xff) return 1;
        if (i == FLAGS && !(*bytes & 1)) return 1;
        if (i == REVISION && *bytes < LEAST_REVISION) return 1;
    }
    return 0;
}

/* Returns whether these bytes, received for libzmq, which had asked for `size`, are of a peer
 * to turn away. */
static int must_go(int descriptor, const void *data, int size, int got) {
    int before = heard[descriptor];
    if (before + size != SIZE) {
        heard[descriptor] = OTHER;
        return 0;
    }
    heard[descriptor] = (unsigned char)(before + got);
    return is_old(data, before, before + got);
}

/* It is `recv` for the linker alone: libc's header may have an inline one. */
__attribute__((visibility("default"))) ssize_t receive(int descriptor, void *data, size_t size,
                                                       int flags) __asm__("recv");

ssize_t receive(int descriptor, void *data, size_t size, int flags) {
    if (!libc_recv) eddy__greetings_prepare();
    ssize_t got = libc_recv(descriptor, data, size, flags);
    if (got <= 0 || !eddy__libzmq_calls_has(__builtin_return_address(0))) return got;
    if (eddy__message_limits_exceeded(descriptor, data, (size_t)got)) {
        errno = EMSGSIZE;
        return -1;
    }
    if (size > SIZE || descriptor >= DESCRIPTORS ||
        !must_go(descriptor, data, (int)size, (int)got)) {
        return got;
    }
    errno = EPROTONOSUPPORT;
    return -1;
}
