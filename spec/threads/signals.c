/* Signals for loops in many threads: each comes to its loop, none is lost, and a loop that
 * gives its signals back, or is freed, hears of none that are still on their way. A wait that
 * is guarded is ended by a signal, however close to its beginning that comes. */
#include "proof.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { LOOPS = 3, SIGNALS = 4, ROUNDS = 300, SPARE = LOOPS * SIGNALS, WAITS = 300 };

/* TSan hands signals on later, and keeps one of each meanwhile. */
#ifdef __SANITIZE_THREAD__
enum { LAG = 1 };
#else
enum { LAG = 1000 };
#endif

static atomic_int came[LOOPS * SIGNALS]; /* how often each has */
static int each;                         /* how often each signal is sent */
static atomic_int ready, over;           /* loops that watch; threads that are through */

static int number_of(int loop, int i) {
    return SIGRTMIN + 1 + loop * SIGNALS + i;
}

static void *watch(void *argument) {
    int which = (int)(intptr_t)argument, left = SIGNALS * each;
    eddy_loop *loop;
    CHECK(eddy_loop_new(&loop) == 0);
    for (int i = 0; i < SIGNALS; i++) CHECK(eddy_signal_watch(loop, number_of(which, i)) == 0);
    atomic_fetch_add(&ready, 1);
    while (left > 0) {
        int events = proof_turn(loop);
        for (int i = 0; i < events; i++) {
            const eddy_event *event = &eddy_loop_events(loop)[i];
            int signal = event->value - number_of(which, 0);
            CHECK(event->kind == EDDY_SIGNAL && signal >= 0 && signal < SIGNALS);
            CHECK(atomic_fetch_add(&came[which * SIGNALS + signal], 1) < each);
            left--;
        }
    }
    CHECK(eddy_loop_turn(loop, 0) == 0);
    eddy_loop_free(loop);
    atomic_fetch_add(&over, 1);
    return NULL;
}

/* Comes and goes while the signal comes all the time. */
static void *come_and_go(void *unused) {
    int spare = number_of(0, SPARE);
    for (int i = 0; i < ROUNDS; i++) {
        eddy_loop *loop;
        CHECK(eddy_loop_new(&loop) == 0);
        CHECK(eddy_signal_watch(loop, spare) == 0);
        CHECK(proof_turn(loop) >= 1);
        if (i % 2) CHECK(eddy_signal_unwatch(loop, spare) == 0);
        eddy_loop_free(loop);
    }
    atomic_fetch_add(&over, 1);
    return unused;
}

static void send(int number) {
    union sigval none = {0};
    while (sigqueue(getpid(), number, none) != 0) {
        CHECK(errno == EAGAIN);
        sched_yield();
    }
}

static pthread_t waiting;
static atomic_int round_of_wait;

static void interrupt_wait(int number) {
    eddy_waits_interrupt(number);
}

/* Sends one signal for each wait, at some moment around its beginning. */
static void *interrupt_waits(void *unused) {
    for (int i = 1; i <= WAITS; i++) {
        while (atomic_load(&round_of_wait) < i) sched_yield();
        for (volatile int j = 0; j < i * 20; j++) continue;
        pthread_kill(waiting, SIGUSR1);
    }
    return unused;
}

static void end_waits(void) {
    eddy_context *context;
    CHECK(eddy_context_new(1, &context) == 0);
    int socket = eddy_socket_open(context, ZMQ_PULL);
    CHECK(eddy_socket_bind(context, (uint32_t)socket, "inproc://waits") == 0);
    struct sigaction action = {.sa_handler = interrupt_wait, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    pthread_t thread;
    waiting = pthread_self();
    CHECK(pthread_create(&thread, NULL, interrupt_waits, NULL) == 0);
    for (int i = 1; i <= WAITS; i++) {
        eddy_received received = {0};
        eddy_poll_item item = {context, (uint32_t)socket, 0, EDDY_READ, 0};
        eddy_waits_guard(1);
        atomic_store(&round_of_wait, i);
        int rc = i % 3 == 0   ? eddy_socket_recv(context, (uint32_t)socket, 0, &received)
                 : i % 3 == 1 ? eddy_socket_poll(context, (uint32_t)socket, EDDY_READ, -1)
                              : eddy_poll(&item, 1, -1);
        CHECK(rc == -EINTR && eddy_waits_interrupted() == SIGUSR1);
        eddy_received_close(&received);
    }
    eddy_waits_guard(0);
    pthread_join(thread, NULL);
    CHECK(eddy_socket_close(context, (uint32_t)socket, 0) == 0);
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
}

int main(int argc, char **argv) {
    each = proof_size(argc, argv, 20000) / (LOOPS * SIGNALS);
    pthread_t threads[LOOPS], comer;
    signal(number_of(0, SPARE), SIG_IGN); /* while nobody watches it */
    for (intptr_t i = 0; i < LOOPS; i++)
        CHECK(pthread_create(&threads[i], NULL, watch, (void *)i) == 0);
    while (atomic_load(&ready) < LOOPS) sched_yield();
    for (int n = 0; n < each; n++)
        for (int i = 0; i < LOOPS * SIGNALS; i++) {
            while (n - atomic_load(&came[i]) >= LAG) sched_yield();
            send(number_of(0, i));
        }
    for (int i = 0; i < LOOPS; i++) pthread_join(threads[i], NULL);
    CHECK(pthread_create(&comer, NULL, come_and_go, NULL) == 0);
    while (atomic_load(&over) <= LOOPS) send(number_of(0, SPARE));
    pthread_join(comer, NULL);
    end_waits();
    return 0;
}
