#include "loop/signals.h"
#include "base/sys.h"
#include "loop/state.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* A signal comes to one of its readers only, so the process has one for each: like the context,
 * signals are the process's, not a loop's. */
static atomic_flag taken[NSIG];

void eddy__signals_init(eddy__signals *signals) {
    memset(signals, 0, sizeof *signals);
    signals->source.fd = -1;
    signals->source.is_own = 1;
    sigemptyset(&signals->watched);
    sigemptyset(&signals->blocked);
}

void eddy__signals_close(eddy__signals *signals, eddy__poller *poller) {
    if (signals->source.fd < 0) return;
    for (int number = 1; number < NSIG; number++) eddy__signals_unwatch(signals, number);
    eddy__poller_remove(poller, &signals->source);
    close(signals->source.fd);
    eddy__signals_init(signals);
}

static int open_descriptor(eddy__signals *signals, eddy__poller *poller) {
    if (signals->source.fd >= 0) return 0;
    int fd = eddy__signalfd(-1, &signals->watched);
    if (fd < 0) return -errno;
    int rc = eddy__poller_add(poller, &signals->source, NULL, fd);
    if (rc == 0) rc = eddy__poller_want(poller, &signals->source, EDDY_READ);
    if (rc != 0) {
        close(fd);
        signals->source.fd = -1;
    }
    return rc;
}

static int add(eddy__signals *signals, eddy__poller *poller, int number) {
    int rc = open_descriptor(signals, poller);
    if (rc != 0) return rc;
    sigaddset(&signals->watched, number);
    if (eddy__signalfd(signals->source.fd, &signals->watched) >= 0) return 0;
    sigdelset(&signals->watched, number);
    return -errno;
}

int eddy__signals_watch(eddy__signals *signals, eddy__poller *poller, int number) {
    sigset_t one, before;
    sigemptyset(&one);
    if (number >= NSIG || sigaddset(&one, number) != 0) return -EINVAL;
    if (number == SIGKILL || number == SIGSTOP) return -EINVAL;
    if (atomic_flag_test_and_set(&taken[number])) return -EBUSY;
    int rc = add(signals, poller, number);
    if (rc != 0) {
        atomic_flag_clear(&taken[number]);
        return rc;
    }
    pthread_sigmask(SIG_BLOCK, &one, &before);
    if (!sigismember(&before, number)) sigaddset(&signals->blocked, number);
    signals->count++;
    return 0;
}

int eddy__signals_unwatch(eddy__signals *signals, int number) {
    sigset_t one;
    sigemptyset(&one);
    if (sigaddset(&one, number) != 0) return -EINVAL;
    if (!sigismember(&signals->watched, number)) return -ENOENT;
    sigdelset(&signals->watched, number);
    eddy__signalfd(signals->source.fd, &signals->watched);
    if (sigismember(&signals->blocked, number)) {
        /* One that came and was not read would act the moment it is unblocked. */
        const struct timespec at_once = {0, 0};
        while (sigtimedwait(&one, NULL, &at_once) > 0) continue;
        pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    }
    sigdelset(&signals->blocked, number);
    atomic_flag_clear(&taken[number]);
    signals->count--;
    return 0;
}

void eddy__signals_tell(eddy__signals *signals, eddy__events *batch) {
    struct signalfd_siginfo info;
    while (eddy__events_reserve(batch) == 0 &&
           read(signals->source.fd, &info, sizeof info) == sizeof info)
        eddy__events_add(batch, EDDY_SIGNAL, 0, (int)info.ssi_signo);
}

int eddy__signal_number(const char *name) {
    if (strncmp(name, "SIG", 3) == 0) name += 3;
    for (int number = 1; number < NSIG; number++) {
        const char *abbreviation = sigabbrev_np(number);
        if (abbreviation && strcmp(abbreviation, name) == 0) return number;
    }
    return 0;
}
