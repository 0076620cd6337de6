#include "base/waits.h"
#include "base/sleeper.h"
#include "base/sys.h"
#include "eddy.h"

#include <math.h>
#include <stdatomic.h>
#include <time.h>

enum { LONGEST_MS = 1000000000, UNAWARE_MS = 50 };

struct eddy_waits {
    atomic_int signal; /* that ends waits; 0: none */
    atomic_int is_poked;
    atomic_int wake; /* an eventfd: read-ready while a signal ends waits */
};

/* Signal handlers have no argument, and signals are the process's: so is this. */
static eddy_waits ends = {.wake = -1};

static __thread eddy_waits *own = &ends; /* what ends the thread's */
static __thread int is_guarded, reason;

/* The descriptor is shared with the parent. */
static void leave_parent(void) {
    own = &ends;
    is_guarded = 0;
    atomic_store(&ends.wake, -1);
    atomic_store(&ends.signal, 0);
}

__attribute__((constructor)) static void begin(void) {
    pthread_atfork(NULL, NULL, leave_parent);
}

/* Where there is no descriptor, a signal that comes just before a wait does not end it. */
static void open_wake(void) {
    if (atomic_load(&ends.wake) < 0) atomic_store(&ends.wake, eddy__eventfd());
}

/* In this order: a signal in the middle of it is not forgotten. */
static void forget_signal(void) {
    uint64_t count;
    atomic_store(&ends.signal, 0);
    int wake = atomic_load(&ends.wake);
    ssize_t got = wake >= 0 ? read(wake, &count, sizeof count) : 0;
    (void)got;
}

void eddy_waits_guard(int on) {
    if (own != &ends) return;
    if (on) open_wake();
    is_guarded = on != 0;
    reason = 0;
    atomic_store(&ends.is_poked, 0);
    forget_signal();
}

static void end(eddy_waits *waits, int signal) {
    int wake = atomic_load(&waits->wake);
    atomic_store(&waits->signal, signal);
    if (wake >= 0) eddy__sleeper_notify(wake);
}

void eddy_waits_interrupt(int signal) {
    end(&ends, signal);
}

void eddy_waits_poke(void) {
    atomic_store(&own->is_poked, 1);
}

int eddy_waits_new(eddy_waits **made) {
    eddy_waits *waits = eddy__calloc(1, sizeof *waits);
    if (!waits) return -ENOMEM;
    int wake = eddy__eventfd();
    if (wake < 0) return eddy__free(waits), wake;
    atomic_store(&waits->wake, wake);
    *made = waits;
    return 0;
}

void eddy_waits_enter(eddy_waits *waits) {
    own = waits ? waits : &ends;
    is_guarded = waits != NULL;
    reason = 0;
}

void eddy_waits_stop(eddy_waits *waits) {
    end(waits, EDDY_STOPPING);
}

void eddy_waits_free(eddy_waits *waits) {
    close(atomic_load(&waits->wake));
    eddy__free(waits);
}

int eddy_waits_interrupted(void) {
    return reason;
}

void eddy__waits_heard(int signal) {
    if (atomic_load(&ends.signal) == signal) forget_signal();
}

int eddy__waits_guarded(void) {
    return is_guarded;
}

int eddy__waits_due(void) {
    reason = 0;
    if (!is_guarded) return 0;
    reason = atomic_load(&own->signal);
    if (reason == 0 && atomic_exchange(&own->is_poked, 0)) reason = EDDY_POKED;
    return reason != 0;
}

int eddy__waits_poll(struct pollfd *fds, nfds_t count, double left) {
    if (left != 0 && eddy__waits_due()) return -EINTR;
    double ms = left > LONGEST_MS ? LONGEST_MS : left;
    struct timespec limit = {(time_t)(ms / 1e3), 0};
    limit.tv_nsec = (long)((ms - (double)limit.tv_sec * 1e3) * 1e6);
    fds[count] = (struct pollfd){is_guarded ? atomic_load(&own->wake) : -1, POLLIN, 0};
    int rc = eddy__ppoll(fds, count + 1, left < 0 ? NULL : &limit);
    if (rc < 0 && errno != EINTR) return -errno;
    return left != 0 && eddy__waits_due() ? -EINTR : 0;
}

double eddy__waits_until(double deadline) {
    return is_guarded ? fmin(deadline, eddy_time() + UNAWARE_MS) : deadline;
}
