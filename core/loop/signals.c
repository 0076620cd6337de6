#include "loop/signals.h"
#include "base/fork.h"
#include "base/sys.h"
#include "base/waits.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

enum { NOBODY = -1, MOST_A_TURN = 64 /* of one signal */ };

/* Like the context, signals are the process's, not a loop's. A handler has no argument to find
 * its loop by, and may run in any thread: it knows what is here, and nothing of a loop's. */
static struct {
    atomic_flag is_taken;
    atomic_int wake; /* the descriptor that wakes the loop */
    atomic_int came; /* how often, since the loop asked last */
    struct sigaction before;
} table[NSIG];

static atomic_int handling; /* handlers that run */

/* In a child that is forked a signal does what it does when nobody takes it. */
static void give_up(int number) {
    int was_ignored = table[number].before.sa_handler == SIG_IGN;
    signal(number, was_ignored ? SIG_IGN : SIG_DFL);
}

static void catch_signal(int number) {
    int error = errno;
    if (eddy__fork_is_new()) {
        give_up(number);
        raise(number);
        return;
    }
    atomic_fetch_add(&handling, 1);
    atomic_fetch_add(&table[number].came, 1);
    int wake = atomic_load(&table[number].wake);
    if (wake != NOBODY) eddy__sleeper_notify(wake);
    /* What it waits for at the moment would keep the loop from hearing that it is to end. */
    if (number == SIGINT || number == SIGTERM) eddy_waits_interrupt(number);
    atomic_fetch_sub(&handling, 1);
    errno = error;
}

/* The loops are the parent's, and their descriptors are shared with it. */
static void give_up_all(void) {
    for (int number = 1; number < NSIG; number++) {
        if (atomic_exchange(&table[number].wake, NOBODY) == NOBODY) continue;
        give_up(number);
        atomic_flag_clear(&table[number].is_taken);
    }
    atomic_store(&handling, 0);
}

__attribute__((constructor)) static void begin(void) {
    for (int number = 0; number < NSIG; number++) atomic_init(&table[number].wake, NOBODY);
    pthread_atfork(NULL, NULL, give_up_all);
}

void eddy__signals_init(eddy__signals *signals) {
    memset(signals, 0, sizeof *signals);
    sigemptyset(&signals->watched);
    sigemptyset(&signals->unblocked);
}

void eddy__signals_close(eddy__signals *signals) {
    for (int number = 1; number < NSIG; number++) eddy__signals_unwatch(signals, number);
}

/* After this no handler knows of the loop any more. */
static void forget(int number) {
    atomic_store(&table[number].wake, NOBODY);
    while (atomic_load(&handling) > 0) sched_yield();
}

int eddy__signals_watch(eddy__signals *signals, eddy__wakeups *wakeups, int number) {
    sigset_t one, before;
    sigemptyset(&one);
    if (number >= NSIG || sigaddset(&one, number) != 0) return -EINVAL;
    if (number == SIGKILL || number == SIGSTOP) return -EINVAL;
    if (atomic_flag_test_and_set(&table[number].is_taken)) return -EBUSY;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = catch_signal;
    action.sa_flags = SA_RESTART;
    atomic_store(&table[number].came, 0);
    atomic_store(&table[number].wake, wakeups->source.fd);
    if (sigaction(number, &action, &table[number].before) != 0) {
        int error = errno;
        forget(number);
        atomic_flag_clear(&table[number].is_taken);
        return -error;
    }
    pthread_sigmask(SIG_UNBLOCK, &one, &before);
    if (sigismember(&before, number)) sigaddset(&signals->unblocked, number);
    sigaddset(&signals->watched, number);
    signals->count++;
    return 0;
}

int eddy__signals_unwatch(eddy__signals *signals, int number) {
    sigset_t one;
    sigemptyset(&one);
    if (sigaddset(&one, number) != 0) return -EINVAL;
    if (!sigismember(&signals->watched, number)) return -ENOENT;
    sigdelset(&signals->watched, number);
    if (sigismember(&signals->unblocked, number)) pthread_sigmask(SIG_BLOCK, &one, NULL);
    sigdelset(&signals->unblocked, number);
    sigaction(number, &table[number].before, NULL);
    forget(number);
    atomic_flag_clear(&table[number].is_taken);
    signals->count--;
    return 0;
}

/* Returns whether all were told. */
static int tell(int number, eddy__events *batch) {
    int came = atomic_exchange(&table[number].came, 0), told = 0;
    while (told < came && told < MOST_A_TURN && eddy__events_reserve(batch) == 0) {
        eddy__events_add(batch, EDDY_SIGNAL, 0, number);
        told++;
    }
    if (told < came) atomic_fetch_add(&table[number].came, came - told);
    if (told > 0) eddy__waits_heard(number);
    return told == came;
}

void eddy__signals_tell(eddy__signals *signals, eddy__wakeups *wakeups, eddy__events *batch) {
    int left = 0;
    if (signals->count == 0) return;
    for (int number = 1; number < NSIG; number++)
        if (sigismember(&signals->watched, number)) left |= !tell(number, batch);
    if (left) eddy__sleeper_notify(wakeups->source.fd);
}

int eddy__signal_number(const char *name) {
    if (strncmp(name, "SIG", 3) == 0) name += 3;
    for (int number = 1; number < NSIG; number++) {
        const char *abbreviation = sigabbrev_np(number);
        if (abbreviation && strcmp(abbreviation, name) == 0) return number;
    }
    return 0;
}
