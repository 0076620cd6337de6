#include "interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* A signal handler has no argument to find its loop by, so the loop is kept here. */
static _Atomic(eddy_loop *) guarded;

enum { COUNT = 2 };
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
    if (!loop || eddy_loop_interrupt(loop, number) != 0) raise(number);
}

void eddy__interrupt_guard(eddy_loop *loop) {
    atomic_store(&guarded, loop);
    set_handlers(handle, SA_RESTART, before);
}

void eddy__interrupt_release(void) {
    if (!atomic_exchange(&guarded, NULL)) return;
    for (int i = 0; i < COUNT; i++) sigaction(SIGNALS[i], &before[i], NULL);
}
