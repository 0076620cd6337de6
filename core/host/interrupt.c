#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* A signal handler has no argument to find its loop by, so the loop is kept here. */
static _Atomic(eddy_loop *) guarded;
static atomic_int is_ending; /* a signal stopped a loop */

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
    set_handlers(SIG_DFL, 0, NULL);
    /* In a child that was forked the loop is the parent's. */
    if (loop && eddy_loop_interrupt(loop, number) == 0)
        atomic_store(&is_ending, 1);
    else
        raise(number);
}

void eddy__interrupt_guard(eddy_loop *loop) {
    atomic_store(&guarded, loop);
    set_handlers(handle, SA_RESTART, before);
}

void eddy__interrupt_release(void) {
    if (!atomic_exchange(&guarded, NULL)) return;
    for (int i = 0; i < COUNT; i++) sigaction(SIGNALS[i], &before[i], NULL);
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
