/* Time in milliseconds, as a double, on the monotonic clock: or, for tests, a clock that
 * stands still until it is moved. */
#ifndef EDDY_BASE_CLOCK_H
#define EDDY_BASE_CLOCK_H

typedef struct eddy__clock {
    int is_virtual;
    double virtual_now;
} eddy__clock;

double eddy__clock_now(const eddy__clock *clock);

/* Milliseconds since 1970. */
double eddy__clock_wall(void);

/* How long the machine was suspended since it started. Less when the process is stopped while
 * it asks; never more. */
double eddy__clock_asleep(void);

/* Blocks for that many ms, or until a signal comes. */
void eddy__sleep(double ms);

#endif
