#include "clock.h"
#include "eddy.h"

#include <math.h>
#include <time.h>

double eddy__clock_now(const eddy__clock *clock) {
    if (clock->is_virtual) return clock->virtual_now;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void eddy__sleep(double ms) {
    struct timespec time = {(time_t)(ms / 1e3), (long)(fmod(ms, 1e3) * 1e6)};
    nanosleep(&time, NULL);
}

double eddy_time(void) {
    static const eddy__clock REAL = {0, 0};
    return eddy__clock_now(&REAL);
}
