#include "host/emfile.h"
#include "host/libzmq_calls.h"
#include "host/message_limits.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef int accept_call(int, struct sockaddr *, socklen_t *, int);
typedef int listen_call(int, int);

static const struct timespec PAUSE = {0, 1000000};

static accept_call *libc_accept4;
static listen_call *libc_listen;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int spare = -1;

static void open_spare(void) {
    if (spare < 0) spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void eddy__emfile_prepare(void) {
    libc_accept4 = (accept_call *)dlsym(RTLD_NEXT, "accept4");
    libc_listen = (listen_call *)dlsym(RTLD_NEXT, "listen");
    open_spare();
}

/* A listener need not be one that does not block, and libzmq's are not. */
static int is_anybody_there(int listener) {
    struct pollfd item = {listener, POLLIN, 0};
    return poll(&item, 1, 0) > 0;
}

static void turn_away(int listener) {
    pthread_mutex_lock(&lock);
    if (spare < 0) {
        nanosleep(&PAUSE, NULL); /* somebody else took it */
    } else if (is_anybody_there(listener)) {
        close(spare);
        spare = -1;
        int taken = libc_accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (taken >= 0) close(taken);
    }
    open_spare();
    pthread_mutex_unlock(&lock);
}

/* In place of libc's, for libzmq's threads too: the dynamic linker looks here first. */
__attribute__((visibility("default"))) int accept4(int listener, struct sockaddr *address,
                                                   socklen_t *size, int flags) {
    int taken = libc_accept4(listener, address, size, flags);
    int error = errno;
    if (taken >= 0 && eddy__libzmq_calls_has(__builtin_return_address(0)))
        eddy__message_limits_accept(listener, taken);
    if (taken < 0 && (error == EMFILE || error == ENFILE)) turn_away(listener);
    errno = error;
    return taken;
}

/* The same. */
__attribute__((visibility("default"))) int listen(int listener, int backlog) {
    if (!libc_listen) eddy__emfile_prepare();
    if (eddy__libzmq_calls_has(__builtin_return_address(0)))
        eddy__message_limits_listen(listener);
    return libc_listen(listener, backlog);
}
