/* A time of eddy_time()'s as what waiting threads want. */
#ifndef EDDY_BASE_DEADLINE_H
#define EDDY_BASE_DEADLINE_H

#include <math.h>
#include <time.h>

static inline struct timespec eddy__deadline(double time) {
    struct timespec limit;
    limit.tv_sec = (time_t)floor(time / 1e3);
    limit.tv_nsec = (long)((time - (double)limit.tv_sec * 1e3) * 1e6);
    return limit;
}

#endif
