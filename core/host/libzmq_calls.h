/* Which calls of libc are libzmq's: what the host does in libc's place, it does for those. */
#ifndef EDDY_LIBZMQ_CALLS_H
#define EDDY_LIBZMQ_CALLS_H

#include <stddef.h>
#include <stdint.h>

/* Where libzmq's code is. */
extern uintptr_t eddy__libzmq_code;
extern size_t eddy__libzmq_code_size;

/* Looks for it. No call is libzmq's before. */
void eddy__libzmq_calls_prepare(void);

/* Whether this return address is in libzmq. */
static inline int eddy__libzmq_calls_has(const void *caller) {
    return (uintptr_t)caller - eddy__libzmq_code < eddy__libzmq_code_size;
}

#endif
