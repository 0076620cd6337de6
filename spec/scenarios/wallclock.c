/* For LD_PRELOAD: a wall clock that jumps an hour ahead and back with every look at it, and a
 * machine that is suspended for an hour after the first look at how long it was. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_int looks, looks_at_boot;

int clock_gettime(clockid_t clock, struct timespec *now) {
    int rc = (int)syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += atomic_fetch_add(&looks, 1) % 2 ? 3600 : -3600;
    if (clock == CLOCK_BOOTTIME && atomic_fetch_add(&looks_at_boot, 1) > 0) now->tv_sec += 3600;
    return rc;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec time;
    int rc = clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return rc;
}

time_t time(time_t *now) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    if (now) *now = time.tv_sec;
    return time.tv_sec;
}
