/* How long things take: counts in buckets, each twice as wide as the one before. */
#ifndef EDDY_COUNTERS_TIMES_H
#define EDDY_COUNTERS_TIMES_H

#include "counters/page.h"

#include <string.h>

/* The bucket of a time in us: the exponent of the power of two above it, as a double has it. */
static inline int eddy__times_bucket(double us) {
    uint64_t bits;
    memcpy(&bits, &us, sizeof bits);
    int bucket = (int)(bits >> 52 & 0x7ff) - 1022 + 4;
    if (!(us > 0) || bucket < 0) return 0;
    return bucket < EDDY_PAGE_BUCKETS ? bucket : EDDY_PAGE_BUCKETS - 1;
}

/* Notes `count` times of `ms` each. */
static inline void eddy__times_note(eddy_page_times *times, double ms, double count) {
    times->count += count;
    times->total += ms * count;
    if (ms > times->longest) times->longest = ms;
    times->buckets[eddy__times_bucket(ms * 1e3)] += count;
}

#endif
