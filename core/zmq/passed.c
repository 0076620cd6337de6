#include "zmq/passed.h"
#include "base/sys.h"
#include "eddy.h"

#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
    MOST = 64,
    NO_COPY = -1,
};

/* How well one suits an endpoint. */
enum { NOT, NARROWER, EVERYWHERE, EXACT };

typedef union address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_un file;
} address;

typedef struct passed {
    int fd;
    _Atomic int copy; /* the last one that libzmq was given */
    atomic_int is_used;
    address address;
    socklen_t size;
} passed;

static struct {
    passed list[MOST];
    int count;
} all;

static int listens(int fd) {
    int on = 0, type = 0;
    socklen_t size = sizeof on;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) != 0) return -errno;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return -errno;
    return on && type == SOCK_STREAM ? 0 : -EINVAL;
}

int eddy_passed_add(int fd) {
    int rc = listens(fd);
    if (rc != 0) return rc;
    if (all.count == MOST) return -ENOBUFS;
    passed *each = &all.list[all.count];
    each->size = sizeof each->address;
    if (getsockname(fd, &each->address.any, &each->size) != 0) return -errno;
    int family = each->address.any.sa_family;
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return -EINVAL;
    /* Of several processes that accept, the slower ones must not wait. */
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) return -errno;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return -errno;
    each->fd = fd;
    each->copy = NO_COPY;
    each->is_used = 0;
    all.count++;
    return 0;
}

/* IPv4's addresses as IPv6 has them. */
static struct in6_addr ip_of(const address *address) {
    if (address->any.sa_family == AF_INET6) return address->ipv6.sin6_addr;
    struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(mapped.s6_addr + 12, &address->ipv4.sin_addr, 4);
    return mapped;
}

static int is_everywhere(struct in6_addr ip) {
    static const struct in6_addr ipv4 = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    return IN6_IS_ADDR_UNSPECIFIED(&ip) || memcmp(&ip, &ipv4, sizeof ip) == 0;
}

static int suits_ip(const passed *each, struct in6_addr ip) {
    struct in6_addr its = ip_of(&each->address);
    if (memcmp(&its, &ip, sizeof ip) == 0) return EXACT;
    if (!is_everywhere(ip)) return NOT;
    return is_everywhere(its) ? EVERYWHERE : NARROWER;
}

/* "tcp://HOST:PORT" */
static int suits_tcp(const passed *each, const char *host, int ipv6) {
    const char *port = strrchr(host, ':');
    int family = each->address.any.sa_family;
    /* The port of IPv6 is at the same place. */
    if (family == AF_UNIX || !port ||
        strtol(port + 1, NULL, 10) != ntohs(each->address.ipv4.sin_port))
        return NOT;
    char name[NI_MAXHOST] = "";
    int in_brackets = *host == '[' && port[-1] == ']';
    size_t length = (size_t)(port - host) - 2 * (size_t)in_brackets;
    if (length >= sizeof name) return NOT;
    memcpy(name, host + in_brackets, length);
    if (strcmp(name, "*") == 0) strcpy(name, "0.0.0.0");
    struct addrinfo hints = {.ai_family = ipv6 ? AF_UNSPEC : AF_INET,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (getaddrinfo(name, NULL, &hints, &found) != 0) return NOT;
    int best = NOT;
    for (struct addrinfo *item = found; item; item = item->ai_next) {
        address address = {0};
        memcpy(&address, item->ai_addr, item->ai_addrlen);
        int how = suits_ip(each, ip_of(&address));
        if (how > best) best = how;
    }
    freeaddrinfo(found);
    return best;
}

static int is_same_file(const char *a, const char *b) {
    char real_a[PATH_MAX], real_b[PATH_MAX];
    if (strcmp(a, b) == 0) return 1;
    return realpath(a, real_a) && realpath(b, real_b) && strcmp(real_a, real_b) == 0;
}

/* "ipc://PATH", "ipc://@NAME" */
static int suits_ipc(const passed *each, const char *path) {
    size_t length = each->size - offsetof(struct sockaddr_un, sun_path);
    if (each->address.any.sa_family != AF_UNIX || length < 2) return NOT;
    const char *its = each->address.file.sun_path;
    if (its[0] == '\0' && *path == '@') {
        int is_same = strlen(path) == length && memcmp(its + 1, path + 1, length - 1) == 0;
        return is_same ? EXACT : NOT;
    }
    char text[sizeof each->address.file.sun_path + 1] = "";
    memcpy(text, its, length < sizeof text ? length : sizeof text - 1);
    return its[0] != '\0' && is_same_file(text, path) ? EXACT : NOT;
}

static int suits(const passed *each, const char *endpoint, int ipv6) {
    if (strncmp(endpoint, "tcp://", 6) == 0) return suits_tcp(each, endpoint + 6, ipv6);
    if (strncmp(endpoint, "ipc://", 6) == 0) return suits_ipc(each, endpoint + 6);
    return NOT;
}

static passed *find(const char *endpoint, int ipv6) {
    passed *found = NULL;
    int best = NOT;
    for (int i = 0; i < all.count; i++) {
        int how = suits(&all.list[i], endpoint, ipv6);
        if (how <= best) continue;
        best = how;
        found = &all.list[i];
    }
    return found;
}

/* libzmq may have closed it, and something else have its number. */
static int is_open(const passed *each, int copy) {
    struct stat one, other;
    return copy != NO_COPY && fstat(copy, &one) == 0 && fstat(each->fd, &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

int eddy__passed_take(const char *endpoint, int ipv6) {
    passed *each = find(endpoint, ipv6);
    if (!each) return EDDY__PASSED_NONE;
    int before = each->copy;
    if (is_open(each, before)) return -EADDRINUSE;
    int copy = eddy__copy(each->fd);
    if (copy < 0) return -errno;
    if (!atomic_compare_exchange_strong(&each->copy, &before, copy)) {
        close(copy);
        return -EADDRINUSE;
    }
    each->is_used = 1;
    return copy;
}

static int write_name(const passed *each, char *name, size_t size) {
    const address *address = &each->address;
    if (address->any.sa_family == AF_UNIX) {
        int length = (int)(each->size - offsetof(struct sockaddr_un, sun_path));
        const char *path = address->file.sun_path;
        int is_abstract = length > 0 && path[0] == '\0';
        return snprintf(name, size, "ipc://%s%.*s", is_abstract ? "@" : "",
                        length - is_abstract, path + is_abstract);
    }
    char host[NI_MAXHOST] = "?";
    getnameinfo(&address->any, each->size, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    const char *form = address->any.sa_family == AF_INET6 ? "tcp://[%s]:%d" : "tcp://%s:%d";
    return snprintf(name, size, form, host, ntohs(address->ipv4.sin_port));
}

int eddy__passed_name(const char *endpoint, int ipv6, char *name, size_t size) {
    const passed *each = find(endpoint, ipv6);
    return each && (size_t)write_name(each, name, size) < size ? 0 : -ENOENT;
}

int eddy_passed_get(int index, char *name, uint32_t size) {
    if (index < 0 || index >= all.count) return -ENOENT;
    write_name(&all.list[index], name, size);
    return all.list[index].is_used;
}
