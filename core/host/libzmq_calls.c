#include "host/libzmq_calls.h"

#include <dlfcn.h>
#include <link.h>

uintptr_t eddy__libzmq_code;
size_t eddy__libzmq_code_size;

/* Notes the segment of this object that has `function`, if there is one. */
static int look(struct dl_phdr_info *object, size_t size, void *function) {
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || (uintptr_t)function - start >= part->p_memsz) continue;
        eddy__libzmq_code = start;
        eddy__libzmq_code_size = part->p_memsz;
        return 1;
    }
    return 0;
}

void eddy__libzmq_calls_prepare(void) {
    void *function = dlsym(RTLD_DEFAULT, "zmq_ctx_new");
    if (function) dl_iterate_phdr(look, function);
}
