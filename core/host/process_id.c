#include "host/process_id.h"
#include "host/libzmq_calls.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic(pid_t) *known; /* 0: not asked yet, or a fork cleared it */

void eddy__process_id_prepare(void) {
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    if (madvise(page, size, MADV_WIPEONFORK) == 0)
        known = page;
    else
        munmap(page, size);
}

/* In place of libc's: the dynamic linker looks here first. */
__attribute__((visibility("default"))) pid_t getpid(void) {
    int is_kept = known && eddy__libzmq_calls_has(__builtin_return_address(0));
    pid_t id = is_kept ? atomic_load_explicit(known, memory_order_relaxed) : 0;
    if (id != 0) return id;
    id = (pid_t)syscall(SYS_getpid);
    if (is_kept) atomic_store_explicit(known, id, memory_order_relaxed);
    return id;
}
