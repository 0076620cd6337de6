#include "host/late_errors.h"

#include "host/greetings.h"
#include "host/libzmq_calls.h"
#include "host/message_limits.h"

#include <dlfcn.h>
#include <sys/epoll.h>

typedef int ctl_call(int, int, int, struct epoll_event *);
typedef int wait_call(int, struct epoll_event *, int, int);

/* What was asked for comes back with each answer, in bits of libzmq's pointer that are free:
 * nothing has to be kept, or locked. */
enum { INPUT = 1, OUTPUT = 2, MARKS = INPUT | OUTPUT };

static ctl_call *libc_ctl;
static wait_call *libc_wait;

void eddy__late_errors_prepare(void) {
    libc_ctl = (ctl_call *)dlsym(RTLD_NEXT, "epoll_ctl");
    libc_wait = (wait_call *)dlsym(RTLD_NEXT, "epoll_wait");
}

static void mark(struct epoll_event *event) {
    int marks = (event->events & EPOLLIN ? INPUT : 0) | (event->events & EPOLLOUT ? OUTPUT : 0);
    event->data.ptr = (char *)event->data.ptr + marks;
    /* An error that cannot be kept back is told once, not for as long as it lasts. */
    if (marks == 0) event->events |= EPOLLET;
}

/* What is left may be nothing: libzmq does nothing then. */
static void unmark(struct epoll_event *event) {
    int marks = (int)((uintptr_t)event->data.ptr & MARKS);
    event->data.ptr = (char *)event->data.ptr - marks;
    if (event->events & (EPOLLERR | EPOLLHUP)) {
        event->events = (marks & INPUT ? EPOLLIN : 0) | (marks & OUTPUT ? EPOLLOUT : 0);
    }
}

__attribute__((visibility("default"))) int epoll_ctl(int poller, int operation, int descriptor,
                                                     struct epoll_event *event) {
    if (!libc_ctl) eddy__late_errors_prepare();
    if (!eddy__libzmq_calls_has(__builtin_return_address(0)))
        return libc_ctl(poller, operation, descriptor, event);
    if (operation == EPOLL_CTL_DEL) {
        eddy__message_limits_end(descriptor);
        return libc_ctl(poller, operation, descriptor, event);
    }
    if (operation == EPOLL_CTL_ADD) eddy__greetings_begin(descriptor);
    struct epoll_event marked = *event;
    mark(&marked);
    return libc_ctl(poller, operation, descriptor, &marked);
}

__attribute__((visibility("default"))) int epoll_wait(int poller, struct epoll_event *events,
                                                      int most, int timeout) {
    if (!libc_wait) eddy__late_errors_prepare();
    int count = libc_wait(poller, events, most, timeout);
    if (!eddy__libzmq_calls_has(__builtin_return_address(0))) return count;
    for (int i = 0; i < count; i++) unmark(&events[i]);
    return count;
}
