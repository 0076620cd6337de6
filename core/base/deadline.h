/* A time of eddy_time()'s as what waiting threads want: infinity is some thousand years. */
#ifndef EDDY_BASE_DEADLINE_H
#define EDDY_BASE_DEADLINE_H

#include <math.h>
#include <pthread.h>
#include <time.h>

static const double EDDY__LATEST_MS = 1e14;

static inline struct timespec eddy__deadline(double time) {
    struct timespec limit;
    time = fmin(fmax(time, 0), EDDY__LATEST_MS);
    limit.tv_sec = (time_t)floor(time / 1e3);
    limit.tv_nsec = (long)((time - (double)limit.tv_sec * 1e3) * 1e6);
    return limit;
}

/* Waits for a condition, until `time` at the latest; HUGE_VAL: for ever. 0 or an errno. */
static inline int eddy__deadline_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                                      double time) {
    if (isinf(time)) return pthread_cond_wait(condition, lock);
    struct timespec limit = eddy__deadline(time);
    return pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &limit);
}

#endif
