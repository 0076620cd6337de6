/* Which thread a loop or a socket belongs to: neither has locks. Builds with EDDY_CHECKS look
 * that no other thread uses it; in any other build nothing is ever elsewhere. */
#ifndef EDDY_BASE_THREAD_CHECKER_H
#define EDDY_BASE_THREAD_CHECKER_H

#include <pthread.h>
#include <stdint.h>

#ifndef EDDY_CHECKS
#define EDDY_CHECKS 0
#endif

static inline uint64_t eddy__thread_checker_this(void) {
    return (uint64_t)pthread_self();
}

/* Whether what belongs to `thread` is used by another one. */
static inline int eddy__thread_checker_is_elsewhere(uint64_t thread) {
    return EDDY_CHECKS && thread != eddy__thread_checker_this();
}

#endif
