/* As sys.h, for the system's own sockets: what uses them has no function of its own that is
 * called `listen`. */
#ifndef EDDY_BASE_SYS_SOCKET_H
#define EDDY_BASE_SYS_SOCKET_H

#include "base/sys.h"

#include <sys/socket.h>

static inline int eddy__socket_tcp(int family) {
    EDDY__CALL(int, -1, EDDY__FAULT_SOCKET, socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static inline int eddy__bind(int fd, const struct sockaddr *address, socklen_t size) {
    EDDY__CALL(int, -1, EDDY__FAULT_SOCKET, bind(fd, address, size));
}

#endif
