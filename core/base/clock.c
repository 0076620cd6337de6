#include "base/clock.h"
#include "eddy.h"

#include <math.h>
#include <time.h>

static double read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

double eddy__clock_now(const eddy__clock *clock) {
    return clock->is_virtual ? clock->virtual_now : read_clock(CLOCK_MONOTONIC);
}

double eddy__clock_wall(void) {
    return read_clock(CLOCK_REALTIME);
}

double eddy__clock_asleep(void) {
    double boot = read_clock(CLOCK_BOOTTIME);
    return boot - read_clock(CLOCK_MONOTONIC);
}

void eddy__sleep(double ms) {
    struct timespec time = {(time_t)(ms / 1e3), (long)(fmod(ms, 1e3) * 1e6)};
    nanosleep(&time, NULL);
}

double eddy_time(void) {
    static const eddy__clock REAL = {0, 0};
    return eddy__clock_now(&REAL);
}
