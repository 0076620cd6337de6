/* Many threads wake one loop, with numbers that must all come, each thread's in order, and
 * with interrupts, of which the last must. */
#include "proof.h"

enum { THREADS = 4, STEP = 1 << 24, LAST = 77 };

static eddy_loop *loop;
static uint32_t waker;
static int wakeups;

static void *wake(void *argument) {
    double base = (double)(intptr_t)argument * STEP;
    for (int i = 0; i < wakeups; i++) {
        CHECK(eddy_loop_wake(loop, waker, base + i) == 0);
        if (i % 1000 == 0) CHECK(eddy_loop_interrupt(loop, 1) == 0);
    }
    return NULL;
}

int main(int argc, char **argv) {
    wakeups = proof_size(argc, argv, 1000000) / THREADS;
    CHECK(eddy_loop_new(&loop) == 0);
    waker = (uint32_t)eddy_waker_open(loop);
    pthread_t threads[THREADS];
    int next[THREADS] = {0}, interrupted = 0;
    for (intptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, wake, (void *)i) == 0);
    for (int seen = 0; seen < wakeups * THREADS;) {
        int events = proof_turn(loop);
        for (int i = 0; i < events; i++) {
            const eddy_event *event = &eddy_loop_events(loop)[i];
            if (event->kind == EDDY_INTERRUPTED) interrupted = 1;
            if (event->kind != EDDY_WOKEN) continue;
            int thread = (int)event->number / STEP;
            CHECK(event->id == waker && (int)event->number % STEP == next[thread]++);
            seen++;
        }
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(interrupted);
    CHECK(eddy_loop_interrupt(loop, LAST) == 0);
    CHECK(eddy_loop_turn(loop, 20000) == 1 && eddy_loop_events(loop)->value == LAST);
    CHECK(eddy_loop_turn(loop, 0) == 0);
    eddy_loop_free(loop);
    return 0;
}
