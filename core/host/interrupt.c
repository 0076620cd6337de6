#include "host/interrupt.h"
#include "host/fatal_signal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* A signal handler has no argument to find its loop by, so the loop is kept here, and the
 * device, which one of the loop's handlers may wait for. */
static _Atomic(eddy_loop *) guarded;
static atomic_int is_ending; /* a signal stopped a loop, or the process ends by itself */
static _Atomic(eddy_device *) guarded_device;
static atomic_int guarded_waits; /* the main thread waits without a loop */
static atomic_int has_stopped; /* one of the signals stopped something: the next one ends all */

enum {
    COUNT = 2,
    PATIENCE_MS = 1000, /* for a handler that goes on printing to nobody */
};
static const int SIGNALS[COUNT] = {SIGINT, SIGTERM};
static int were_ignored[COUNT]; /* by the parent, as shells have it of background jobs */
static pid_t process;           /* that is not a fork */

static int was_ignored(int number) {
    for (int i = 0; i < COUNT; i++)
        if (SIGNALS[i] == number) return were_ignored[i];
    return 0;
}

/* Stops what runs. Whether anything did. */
static int stop(int number) {
    eddy_loop *loop = atomic_exchange(&guarded, NULL);
    eddy_device *device = atomic_exchange(&guarded_device, NULL);
    int stops = loop && eddy_loop_interrupt(loop, number) == 0;
    int waits = atomic_exchange(&guarded_waits, 0);
    if (stops || waits) eddy_waits_interrupt(number);
    if (device) eddy_device_stop(device, -EINTR);
    return stops || waits || device != NULL;
}

/* What runs is the parent's; in a child the signals do what they do by default. */
static int is_child(void) {
    return getpid() != process;
}

static void handle(int number) {
    int error = errno;
    if (atomic_load(&has_stopped) || is_child()) eddy__fatal_signal(number);
    if (stop(number)) {
        atomic_store(&has_stopped, 1);
        atomic_store(&is_ending, 1);
    } else if (!was_ignored(number)) {
        eddy__fatal_signal(number);
    }
    errno = error;
}

static void take(int number, void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, NULL);
}

/* Those that nobody else takes, a script among others. */
void eddy__interrupt_take(void) {
    for (int i = 0; i < COUNT; i++) {
        struct sigaction now;
        sigaction(SIGNALS[i], NULL, &now);
        if (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN) continue;
        were_ignored[i] = now.sa_handler == SIG_IGN;
        take(SIGNALS[i], handle);
    }
}

void eddy__interrupt_guard(eddy_loop *loop) {
    eddy_waits_guard(1);
    eddy__interrupt_take();
    atomic_store(&guarded, loop);
}

void eddy__interrupt_release(void) {
    atomic_store(&guarded, NULL);
    eddy_waits_guard(0);
}

void eddy__interrupt_guard_device(eddy_device *device) {
    eddy__interrupt_take();
    atomic_store(&guarded_device, device);
}

void eddy__interrupt_release_device(void) {
    atomic_store(&guarded_device, NULL);
}

void eddy__interrupt_guard_waits(int on) {
    eddy_waits_guard(on);
    if (on) eddy__interrupt_take();
    atomic_store(&guarded_waits, on);
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
    if (!stops && !has_time) eddy__fatal_signal(number);
}

static void handle_pipe(int number) {
    int error = errno;
    if (is_child()) eddy__fatal_signal(number);
    if (!atomic_load(&is_ending) && output_is_broken()) stop_printing(number);
    errno = error;
}

void eddy__interrupt_end(void) {
    atomic_store(&is_ending, 1);
}

static void leave_to_child(void) {
    for (int i = 0; i < COUNT; i++) {
        struct sigaction now;
        sigaction(SIGNALS[i], NULL, &now);
        if (now.sa_handler == handle) signal(SIGNALS[i], SIG_DFL);
    }
    signal(SIGPIPE, SIG_DFL);
}

void eddy__interrupt_prepare(void) {
    process = getpid();
    /* Process 1 has no default actions. */
    if (process == 1) eddy__interrupt_take();
    /* A handler, not SIG_IGN, which programs that are started would inherit. */
    take(SIGPIPE, handle_pipe);
    pthread_atfork(NULL, NULL, leave_to_child);
}
