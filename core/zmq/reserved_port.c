/* A tcp port that is kept for those that share it: a socket is bound there that never listens,
 * so that no connection comes to it. */
#include "base/sys_socket.h"
#include "eddy.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

enum { LONGEST = 256 };

/* The address of "tcp://192.168.0.1:5555" or "tcp://[::]:5555". 0 or -EINVAL. */
static int address_of(const char *endpoint, struct addrinfo **found) {
    static const char SCHEME[] = "tcp://";
    const char *host = endpoint + sizeof SCHEME - 1, *port = strrchr(endpoint, ':');
    if (strncmp(endpoint, SCHEME, sizeof SCHEME - 1) != 0 || port <= host) return -EINVAL;
    size_t length = (size_t)(port - host);
    int is_ipv6 = *host == '[' && port[-1] == ']';
    if (is_ipv6) host++, length -= 2;
    char name[LONGEST];
    if (length >= sizeof name) return -EINVAL;
    memcpy(name, host, length);
    name[length] = '\0';
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_family = is_ipv6 ? AF_INET6 : AF_INET,
                             .ai_socktype = SOCK_STREAM};
    return getaddrinfo(name, port + 1, &hints, found) == 0 ? 0 : -EINVAL;
}

int eddy_port_reserve(const char *endpoint) {
    struct addrinfo *at;
    int on = 1, off = 0, rc = address_of(endpoint, &at);
    if (rc != 0) return rc;
    int fd = rc = eddy__socket_tcp(at->ai_family);
    if (fd < 0) {
        rc = -errno;
    } else {
        /* What a name is looked up for comes over IPv4, too, and libzmq's listeners take both.
         */
        if (at->ai_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
        if (eddy__bind(fd, at->ai_addr, at->ai_addrlen) != 0) rc = -errno;
        /* Old connections there do not matter; but a stranger who says so too would get it. */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
        if (rc < 0) close(fd);
    }
    freeaddrinfo(at);
    return rc;
}
