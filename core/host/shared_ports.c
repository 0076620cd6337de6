/* Ports that workers share: libzmq binds, and what it does not set is set here. The first one
 * takes the port as anybody would, and lets others come; so no stranger's port is joined. */
#include "eddy.h"
#include "host/libzmq_calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef int bind_call(int, const struct sockaddr *, socklen_t);

static bind_call *libc_bind;

static int share(int fd) {
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
}

static int listens_at(int fd, const struct sockaddr *address, socklen_t size) {
    struct sockaddr_storage name;
    socklen_t name_size = sizeof name, int_size = sizeof(int);
    int on = 0;
    memset(&name, 0, sizeof name);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &int_size) == 0 && on &&
           getsockname(fd, (struct sockaddr *)&name, &name_size) == 0 && name_size == size &&
           memcmp(&name, address, size) == 0;
}

/* The kernel would let two sockets of this process's have the port, and give each of them a
 * part of the connections. */
static int is_ours(const struct sockaddr *address, socklen_t size) {
    DIR *fds = opendir("/proc/self/fd");
    int found = 0;
    for (struct dirent *entry; fds && !found && (entry = readdir(fds));)
        found = listens_at((int)strtol(entry->d_name, NULL, 10), address, size);
    if (fds) closedir(fds);
    return found;
}

/* In place of libc's, for libzmq too: the dynamic linker looks here first. */
__attribute__((visibility("default"))) int bind(int fd, const struct sockaddr *address,
                                                socklen_t size) {
    if (!libc_bind) libc_bind = (bind_call *)dlsym(RTLD_NEXT, "bind");
    int is_libzmq = eddy__libzmq_calls_has(__builtin_return_address(0));
    int how = is_libzmq ? eddy_share_of_bind() : EDDY_PORT_OWN;
    if (how == EDDY_PORT_JOINED) {
        if (is_ours(address, size)) return errno = EADDRINUSE, -1;
        if (share(fd) != 0) return -1;
    }
    int rc = libc_bind(fd, address, size);
    if (rc == 0 && how == EDDY_PORT_FIRST) rc = share(fd);
    return rc;
}
