/* libuv's timers, COUNT of them. usage: uv COUNT */
#include "bench.h"
#include <uv.h>

static long left;

static void on_timer(uv_timer_t *timer) {
    (void)timer;
    left--;
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: uv COUNT\n"), 2;
    long count = left = atol(argv[1]);
    uv_loop_t *loop = uv_default_loop();
    double before = clock_ns(CLOCK_THREAD_CPUTIME_ID), times[3];
    uv_timer_t *timers = malloc((size_t)count * sizeof *timers);
    for (long i = 0; i < count; i++) {
        uv_timer_init(loop, &timers[i]);
        uv_timer_start(&timers[i], on_timer, 3600000 + (uint64_t)(i * 7919 % 100000), 0);
    }
    times[0] = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    before += times[0];
    for (long i = 0; i < count; i++) uv_timer_stop(&timers[i]);
    times[1] = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    for (long i = 0; i < count; i++) uv_timer_start(&timers[i], on_timer, 1, 0);
    uv_sleep(5);
    before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    uv_run(loop, UV_RUN_DEFAULT);
    times[2] = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    must(left == 0, "timers");
    printf("add_ns=%.0f cancel_ns=%.0f fire_ns=%.0f\n", times[0] / (double)count,
           times[1] / (double)count, times[2] / (double)count);
    return 0;
}
