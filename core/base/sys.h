/* The one place where the core meets the allocator, the kernel and libzmq in calls that can
 * fail. A build with EDDY_FAULTS lets a test choose which call fails, when, and how; in any
 * other build these are the calls themselves. Calls that never block retry EINTR here, a
 * bounded number of times: after a fork libzmq answers EINTR for ever. */
#ifndef EDDY_BASE_SYS_H
#define EDDY_BASE_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/faults.h"
#include "base/signal_mask.h"

enum { EDDY__RETRIES = 100 };

#define EDDY__CALL(result_type, failed, which, call)                                           \
    do {                                                                                       \
        int error = eddy__fault(which);                                                        \
        if (error) return errno = error, failed;                                               \
        result_type result = call;                                                             \
        return result;                                                                         \
    } while (0)

/* As EDDY__CALL, for calls that return -1 and may be interrupted. */
#define EDDY__RETRY(which, call)                                                               \
    do {                                                                                       \
        int result = -1;                                                                       \
        for (int tries = 0; tries < EDDY__RETRIES; tries++) {                                  \
            int error = eddy__fault(which);                                                    \
            result = error ? (errno = error, -1) : (call);                                     \
            if (result != -1 || errno != EINTR) break;                                         \
        }                                                                                      \
        return result;                                                                         \
    } while (0)

static inline void *eddy__calloc(size_t count, size_t size) {
    EDDY__CALL(void *, NULL, EDDY__FAULT_ALLOC, calloc(count, size));
}

static inline void *eddy__realloc(void *memory, size_t size) {
    EDDY__CALL(void *, NULL, EDDY__FAULT_ALLOC, realloc(memory, size));
}

static inline void eddy__free(void *memory) {
    free(memory);
}

static inline int eddy__epoll_create(void) {
    EDDY__CALL(int, -1, EDDY__FAULT_EPOLL_CREATE, epoll_create1(EPOLL_CLOEXEC));
}

static inline int eddy__epoll_ctl(int epoll, int op, int fd, struct epoll_event *event) {
    EDDY__CALL(int, -1, EDDY__FAULT_EPOLL_CTL, epoll_ctl(epoll, op, fd, event));
}

static inline int eddy__epoll_wait(int epoll, struct epoll_event *events, int max,
                                   const struct timespec *timeout) {
    EDDY__CALL(int, -1, EDDY__FAULT_EPOLL_WAIT,
               epoll_pwait2(epoll, events, max, timeout, NULL));
}

static inline int eddy__ppoll(struct pollfd *fds, nfds_t count,
                              const struct timespec *timeout) {
    EDDY__CALL(int, -1, EDDY__FAULT_POLL, ppoll(fds, count, timeout, NULL));
}

static inline int eddy__raw_eventfd(void) {
    EDDY__CALL(int, -1, EDDY__FAULT_EVENTFD, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

/* A descriptor that eddy__sleeper_notify makes readable, or -errno. */
static inline int eddy__eventfd(void) {
    int fd = eddy__raw_eventfd();
    return fd < 0 ? -errno : fd;
}

static inline int eddy__open_directory(const char *path) {
    EDDY__CALL(int, -1, EDDY__FAULT_OPEN, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* Another descriptor of what is behind this one. */
static inline int eddy__copy(int fd) {
    EDDY__CALL(int, -1, EDDY__FAULT_COPY, fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/* Whatever is behind the descriptor, until that is closed. */
static inline int eddy__lock(int fd) {
    EDDY__RETRY(EDDY__FAULT_LOCK, flock(fd, LOCK_EX | LOCK_NB));
}

static inline int eddy__open(const char *path, int flags, mode_t mode) {
    EDDY__RETRY(EDDY__FAULT_OPEN, open(path, flags | O_CLOEXEC, mode));
}

static inline int eddy__read(int fd, char *bytes, size_t size) {
    EDDY__RETRY(EDDY__FAULT_READ, (int)read(fd, bytes, size));
}

static inline int eddy__write(int fd, const char *bytes, size_t size) {
    EDDY__RETRY(EDDY__FAULT_WRITE, (int)write(fd, bytes, size));
}

static inline int eddy__fsync(int fd) {
    EDDY__RETRY(EDDY__FAULT_FSYNC, fsync(fd));
}

static inline int eddy__pipe2(int fds[2]) {
    EDDY__CALL(int, -1, EDDY__FAULT_PIPE, pipe2(fds, O_CLOEXEC));
}

static inline int eddy__dup(int fd) {
    EDDY__CALL(int, -1, EDDY__FAULT_DUP, fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

static inline int eddy__mkdir(const char *path, mode_t mode) {
    EDDY__CALL(int, -1, EDDY__FAULT_MKDIR, mkdir(path, mode));
}

/* Makes a file that large, so that its memory is there: 0 or -1. */
static inline int eddy__allocate(int fd, off_t size) {
    EDDY__RETRY(EDDY__FAULT_ALLOCATE, (errno = posix_fallocate(fd, 0, size)) == 0 ? 0 : -1);
}

/* Shows a file in memory, for all who do so. */
static inline void *eddy__map(int fd, size_t size) {
    EDDY__CALL(void *, MAP_FAILED, EDDY__FAULT_MAP,
               mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0));
}

static inline int eddy__thread(pthread_t *thread, void *(*run)(void *), void *with) {
    int error = eddy__fault(EDDY__FAULT_THREAD);
    return error ? error : eddy__signal_mask_thread(thread, run, with);
}

static inline void *eddy__zmq_ctx(void) {
    EDDY__CALL(void *, NULL, EDDY__FAULT_ZMQ_CTX, zmq_ctx_new());
}

static inline void *eddy__zmq_socket(void *context, int type) {
    EDDY__CALL(void *, NULL, EDDY__FAULT_ZMQ_SOCKET, zmq_socket(context, type));
}

static inline int eddy__zmq_bind(void *socket, const char *endpoint) {
    EDDY__RETRY(EDDY__FAULT_ZMQ_BIND, zmq_bind(socket, endpoint));
}

static inline int eddy__zmq_connect(void *socket, const char *endpoint) {
    EDDY__RETRY(EDDY__FAULT_ZMQ_CONNECT, zmq_connect(socket, endpoint));
}

static inline int eddy__zmq_unbind(void *socket, const char *endpoint) {
    EDDY__RETRY(EDDY__FAULT_ZMQ_UNBIND, zmq_unbind(socket, endpoint));
}

static inline int eddy__zmq_disconnect(void *socket, const char *endpoint) {
    EDDY__RETRY(EDDY__FAULT_ZMQ_DISCONNECT, zmq_disconnect(socket, endpoint));
}

static inline int eddy__zmq_get(void *socket, int option, void *value, size_t *size) {
    EDDY__RETRY(EDDY__FAULT_ZMQ_GET, zmq_getsockopt(socket, option, value, size));
}

static inline int eddy__zmq_set(void *socket, int option, const void *value, size_t size) {
    EDDY__RETRY(EDDY__FAULT_ZMQ_SET, zmq_setsockopt(socket, option, value, size));
}

static inline int eddy__zmq_monitor(void *socket, const char *endpoint, int events) {
    EDDY__RETRY(EDDY__FAULT_ZMQ_MONITOR, zmq_socket_monitor(socket, endpoint, events));
}

static inline int eddy__msg_init(zmq_msg_t *msg, size_t size) {
    EDDY__CALL(int, -1, EDDY__FAULT_MSG_INIT, zmq_msg_init_size(msg, size));
}

static inline int eddy__msg_data(zmq_msg_t *msg, void *data, size_t size, zmq_free_fn *done,
                                 void *hint) {
    EDDY__CALL(int, -1, EDDY__FAULT_MSG_DATA, zmq_msg_init_data(msg, data, size, done, hint));
}

static inline int eddy__msg_send(zmq_msg_t *msg, void *socket, int flags) {
    EDDY__RETRY(EDDY__FAULT_MSG_SEND, zmq_msg_send(msg, socket, flags | ZMQ_DONTWAIT));
}

static inline int eddy__msg_recv(zmq_msg_t *msg, void *socket) {
    EDDY__RETRY(EDDY__FAULT_MSG_RECV, zmq_msg_recv(msg, socket, ZMQ_DONTWAIT));
}

#endif
