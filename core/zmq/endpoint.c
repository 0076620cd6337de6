#include "zmq/endpoint.h"
#include "base/clock.h"
#include "base/sys.h"
#include "eddy.h"
#include "zmq/passed.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
    LONGEST = 512,
    LAST_PORT = 65535,
    LOCK_MS = 1000,    /* for others that bind in the same directory */
    LOCK_EVERY_MS = 1, /* how often it is tried */
};

static const char SCHEME[] = "tcp://", IPC[] = "ipc://";

static int is_tcp(const char *endpoint) {
    return strncmp(endpoint, SCHEME, sizeof SCHEME - 1) == 0;
}

static int has_port(const char *endpoint) {
    const char *port = strrchr(endpoint, ':');
    return !is_tcp(endpoint) || !port || strtol(port + 1, NULL, 10) <= LAST_PORT;
}

static int get_option(void *socket, int option, int *value) {
    size_t size = sizeof *value;
    return eddy__zmq_get(socket, option, value, &size) == 0 ? 0 : -errno;
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
    get_option(socket, ZMQ_IPV6, &ipv6);
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

/* The path that an endpoint has a socket at; NULL for other transports, for abstract names, and
 * where libzmq chooses a path of its own. */
static const char *path_of(const char *endpoint) {
    const char *path = endpoint + sizeof IPC - 1;
    int is_path = strncmp(endpoint, IPC, sizeof IPC - 1) == 0 && *path != '@';
    return is_path && strcmp(path, "*") != 0 ? path : NULL;
}

/* Whether a socket may be somebody's: all but one that nobody is behind. 1, 0, or -errno. */
static int is_alive(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return 0;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int rc = connect(fd, (struct sockaddr *)&address, sizeof address);
    int alive = rc == 0 || (errno != ECONNREFUSED && errno != ENOENT);
    close(fd);
    return alive;
}

/* libzmq removes whatever is at the path that it binds to: a file, or another one's socket.
 * What a process that is no more left behind may go. */
static int check_path(const char *path) {
    struct stat status;
    if (lstat(path, &status) != 0) return 0;
    int alive = S_ISSOCK(status.st_mode) ? is_alive(path) : 1;
    return alive > 0 ? -EADDRINUSE : alive;
}

/* Keeps others from binding in a path's directory until the descriptor that it returns is
 * closed. -1 where that cannot be had: a directory may not be read, or not be locked, or
 * somebody has locked it for reasons of their own, who must not keep us from binding. */
static int lock_directory_of(const char *path) {
    char directory[LONGEST] = ".";
    const char *name = strrchr(path, '/');
    size_t length = name == path ? 1 : name ? (size_t)(name - path) : 0;
    if (length >= sizeof directory) return -1;
    if (length > 0) memcpy(directory, path, length);
    int fd = eddy__open_directory(directory);
    if (fd < 0) return -1;
    double deadline = eddy_time() + LOCK_MS;
    while (eddy__lock(fd) != 0) {
        if (errno != EWOULDBLOCK || eddy_time() >= deadline) return close(fd), -1;
        eddy__sleep(LOCK_EVERY_MS);
    }
    return fd;
}

/* Has libzmq listen with a descriptor, which is libzmq's then. */
static int bind_descriptor(void *socket, const char *endpoint, int fd) {
    int none = -1;
    int rc = eddy__zmq_set(socket, ZMQ_USE_FD, &fd, sizeof fd);
    if (rc == 0) rc = eddy__zmq_bind(socket, endpoint);
    rc = rc == 0 ? 0 : -errno;
    if (rc != 0) close(fd);
    zmq_setsockopt(socket, ZMQ_USE_FD, &none, sizeof none);
    return rc;
}

/* Of two that find a stale socket at the same moment, the second would remove the first one's
 * new one: they take turns. */
static int bind_path(void *socket, const char *endpoint, const char *path) {
    int lock = lock_directory_of(path);
    int rc = check_path(path);
    if (rc == 0 && eddy__zmq_bind(socket, endpoint) != 0) rc = -errno;
    if (lock >= 0) close(lock);
    return rc;
}

int eddy__endpoint_connect(void *socket, const char *endpoint) {
    if (!has_port(endpoint)) return -EINVAL;
    return eddy__zmq_connect(socket, endpoint) == 0 ? 0 : -errno;
}

/* For a tcp endpoint libzmq (4.3.4) looks at the network interfaces, and ends the process when
 * it has no descriptor for that. 0 or -errno. */
static int check_descriptor(const char *endpoint) {
    if (strncmp(endpoint, "tcp:", 4) != 0) return 0;
    int fd = eddy__eventfd();
    if (fd < 0) return fd;
    close(fd);
    return 0;
}

int eddy__endpoint_bind(void *socket, const char *endpoint) {
    char resolved[LONGEST];
    if (!has_port(endpoint)) return -EINVAL;
    int own = -1, ipv6 = 0;
    int rc = get_option(socket, ZMQ_USE_FD, &own);
    if (rc == 0) rc = get_option(socket, ZMQ_IPV6, &ipv6);
    if (rc != 0) return rc;
    /* With a descriptor of the script's there is no path to take. */
    if (own >= 0) return eddy__zmq_bind(socket, endpoint) == 0 ? 0 : -errno;
    int passed = eddy__passed_take(endpoint, ipv6);
    if (passed >= 0) return bind_descriptor(socket, endpoint, passed);
    if (passed != EDDY__PASSED_NONE) return passed;
    const char *path = path_of(endpoint);
    if (path) return bind_path(socket, endpoint, path);
    if ((rc = check_descriptor(endpoint)) != 0) return rc;
    if (eddy__zmq_bind(socket, endpoint) == 0) return 0;
    if (errno != ENODEV) return -errno;
    int error = resolve(socket, endpoint, resolved);
    if (error) return error;
    return eddy__zmq_bind(socket, resolved) == 0 ? 0 : -errno;
}

int eddy__endpoint_unbind(void *socket, const char *endpoint) {
    char resolved[LONGEST];
    if (eddy__zmq_unbind(socket, endpoint) == 0) return 0;
    int error = errno, ipv6 = 0;
    get_option(socket, ZMQ_IPV6, &ipv6);
    if (eddy__passed_name(endpoint, ipv6, resolved, LONGEST) == 0 &&
        eddy__zmq_unbind(socket, resolved) == 0)
        return 0;
    if (resolve(socket, endpoint, resolved) != 0) return -error;
    return eddy__zmq_unbind(socket, resolved) == 0 ? 0 : -error;
}
