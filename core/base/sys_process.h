/* As sys.h, for the calls that start processes and learn how they end: what uses them has no
 * function of its own that is called `wait`. */
#ifndef EDDY_BASE_SYS_PROCESS_H
#define EDDY_BASE_SYS_PROCESS_H

#include "base/sys.h"

#include <sys/syscall.h>
#include <sys/wait.h>

/* No function: the child would return from it. */
#define eddy__vfork() ((errno = eddy__fault(EDDY__FAULT_VFORK)) ? (pid_t)-1 : vfork())

static inline int eddy__pidfd_open(pid_t pid) {
    EDDY__CALL(int, -1, EDDY__FAULT_PIDFD_OPEN, (int)syscall(SYS_pidfd_open, pid, 0));
}

/* How a child ended, if it has: its pid; 0: not yet. */
static inline pid_t eddy__waitpid(pid_t pid, int *status) {
    EDDY__RETRY(EDDY__FAULT_WAITPID, waitpid(pid, status, WNOHANG));
}

#endif
