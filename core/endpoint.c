#include "endpoint.h"
#include "sys.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { LONGEST = 512, LAST_PORT = 65535 };

static const char SCHEME[] = "tcp://", IPC[] = "ipc://";

static int is_tcp(const char *endpoint) {
    return strncmp(endpoint, SCHEME, sizeof SCHEME - 1) == 0;
}

static int has_port(const char *endpoint) {
    const char *port = strrchr(endpoint, ':');
    return !is_tcp(endpoint) || !port || strtol(port + 1, NULL, 10) <= LAST_PORT;
}

/* Writes the endpoint with its host's address in place of its name. 0 or -ENODEV. */
static int resolve(void *socket, const char *endpoint, char *resolved) {
    if (!is_tcp(endpoint)) return -ENODEV;
    const char *host = endpoint + sizeof SCHEME - 1, *port = strrchr(host, ':');
    char name[NI_MAXHOST], address[NI_MAXHOST];
    if (!port || port == host || (size_t)(port - host) >= sizeof name) return -ENODEV;
    memcpy(name, host, (size_t)(port - host));
    name[port - host] = '\0';

    int ipv6 = 0;
    size_t size = sizeof ipv6;
    eddy__zmq_get(socket, ZMQ_IPV6, &ipv6, &size);
    struct addrinfo hints = {.ai_family = ipv6 ? AF_UNSPEC : AF_INET,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (getaddrinfo(name, NULL, &hints, &found) != 0) return -ENODEV;
    int failed = getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, NULL,
                             0, NI_NUMERICHOST);
    const char *form = found->ai_family == AF_INET6 ? "%s[%s]%s" : "%s%s%s";
    freeaddrinfo(found);
    if (failed) return -ENODEV;
    return snprintf(resolved, LONGEST, form, SCHEME, address, port) < LONGEST ? 0 : -ENODEV;
}

/* Whether somebody accepts connections at that path. 1, 0, or -errno. */
static int is_alive(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return 0;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int rc = connect(fd, (struct sockaddr *)&address, sizeof address);
    int alive = rc == 0 || errno == EAGAIN;
    close(fd);
    return alive;
}

/* libzmq removes whatever is at the path that it binds to: a file, or another one's socket.
 * What a process that is no more left behind may go. */
static int check_path(const char *endpoint) {
    struct stat status;
    if (strncmp(endpoint, IPC, sizeof IPC - 1) != 0) return 0;
    const char *path = endpoint + sizeof IPC - 1;
    if (*path == '@' || lstat(path, &status) != 0) return 0;
    int alive = S_ISSOCK(status.st_mode) ? is_alive(path) : 1;
    return alive > 0 ? -EADDRINUSE : alive;
}

int eddy__endpoint_connect(void *socket, const char *endpoint) {
    if (!has_port(endpoint)) return -EINVAL;
    return eddy__zmq_connect(socket, endpoint) == 0 ? 0 : -errno;
}

int eddy__endpoint_bind(void *socket, const char *endpoint) {
    char resolved[LONGEST];
    if (!has_port(endpoint)) return -EINVAL;
    int taken = check_path(endpoint);
    if (taken) return taken;
    if (eddy__zmq_bind(socket, endpoint) == 0) return 0;
    if (errno != ENODEV) return -errno;
    int error = resolve(socket, endpoint, resolved);
    if (error) return error;
    return eddy__zmq_bind(socket, resolved) == 0 ? 0 : -errno;
}

int eddy__endpoint_unbind(void *socket, const char *endpoint) {
    char resolved[LONGEST];
    if (eddy__zmq_unbind(socket, endpoint) == 0) return 0;
    int error = errno;
    if (resolve(socket, endpoint, resolved) != 0) return -error;
    return eddy__zmq_unbind(socket, resolved) == 0 ? 0 : -error;
}
