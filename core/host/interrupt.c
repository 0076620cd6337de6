#include "host/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* A signal handler has no argument to find its loop by, so the loop is kept here, and the
 * device, which one of the loop's handlers may wait for. */
static _Atomic(eddy_loop *) guarded;
static atomic_int is_ending; /* a signal stopped a loop */
static _Atomic(eddy_device *) guarded_device;

enum {
    COUNT = 2,
    PATIENCE_MS = 1000, /* for a handler that goes on printing to nobody */
};
static const int SIGNALS[COUNT] = {SIGINT, SIGTERM};
static struct sigaction before[COUNT];

static void set_handlers(void (*handler)(int), int flags, struct sigaction *old) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    for (int i = 0; i < COUNT; i++) sigaction(SIGNALS[i], &action, old ? &old[i] : NULL);
}

/* The second signal finds the default action: it ends the process at once. */
static void handle(int number) {
    eddy_loop *loop = atomic_exchange(&guarded, NULL);
    eddy_device *device = atomic_exchange(&guarded_device, NULL);
    set_handlers(SIG_DFL, 0, NULL);
    /* In a child that was forked the loop is the parent's. */
    int heard = loop && eddy_loop_interrupt(loop, number) == 0;
    if (device) eddy_device_stop(device, -EINTR);
    if (heard || device)
        atomic_store(&is_ending, 1);
    else
        raise(number);
}

static int is_guarding(void) {
    return atomic_load(&guarded) || atomic_load(&guarded_device);
}

static void take_signals(int was_guarding) {
    if (!was_guarding) set_handlers(handle, SA_RESTART, before);
}

/* Gives them back when nothing is left to guard, unless a signal has done so. */
static void give_signals_back(int was_guarded) {
    if (!was_guarded || is_guarding()) return;
    for (int i = 0; i < COUNT; i++) sigaction(SIGNALS[i], &before[i], NULL);
}

void eddy__interrupt_guard(eddy_loop *loop) {
    int was_guarding = is_guarding();
    atomic_store(&guarded, loop);
    take_signals(was_guarding);
}

void eddy__interrupt_release(void) {
    give_signals_back(atomic_exchange(&guarded, NULL) != NULL);
}

void eddy__interrupt_guard_device(eddy_device *device) {
    int was_guarding = is_guarding();
    atomic_store(&guarded_device, device);
    take_signals(was_guarding);
}

void eddy__interrupt_release_device(void) {
    give_signals_back(atomic_exchange(&guarded_device, NULL) != NULL);
}

static int output_is_broken(void) {
    struct pollfd out = {.fd = STDOUT_FILENO};
    return poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

/* The loop has some time to stop; the writes fail meanwhile. */
static void stop_printing(int number) {
    static double first;
    eddy_loop *loop = atomic_load(&guarded);
    double before = first;
    if (before == 0) first = eddy_time();
    int stops = before == 0 && loop && eddy_loop_interrupt(loop, number) == 0;
    int has_time = before != 0 && eddy_time() < before + PATIENCE_MS;
    if (!stops && !has_time) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

/* A handler, not SIG_IGN, which programs that are started would inherit. */
static void handle_pipe(int number) {
    int error = errno;
    if (!atomic_load(&is_ending) && output_is_broken()) stop_printing(number);
    errno = error;
}

void eddy__interrupt_end(void) {
    atomic_store(&is_ending, 1);
}

void eddy__interrupt_watch_output(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle_pipe;
    action.sa_flags = SA_RESTART;
    sigaction(SIGPIPE, &action, NULL);
}
