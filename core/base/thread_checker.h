/* Which thread a loop or a socket belongs to: neither has locks. Builds with EDDY_CHECKS look
 * that no other thread uses it; in any other build nothing is ever elsewhere. */
#ifndef EDDY_AFFINITY_H
#define EDDY_AFFINITY_H

#include <pthread.h>
#include <stdint.h>

#ifndef EDDY_CHECKS
#define EDDY_CHECKS 0
#endif

static inline uint64_t eddy__this_thread(void) {
    return (uint64_t)pthread_self();
}

/* Whether what belongs to `thread` is used by another one. */
static inline int eddy__is_elsewhere(uint64_t thread) {
    return EDDY_CHECKS && thread != eddy__this_thread();
}

#endif
