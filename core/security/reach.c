#include "base/sys.h"
#include "eddy.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { LONGEST = 512 };

/* Transports that other machines can use: at a host, or wherever they are bound. */
static const char *const at_host[] = {"tcp", "ws", "wss", "udp", NULL};
static const char *const anywhere[] = {"pgm", "epgm", "norm", "tipc", "vmci", NULL};

static int is_among(const char *const *names, const char *endpoint, size_t size) {
    for (; *names; names++)
        if (strlen(*names) == size && memcmp(*names, endpoint, size) == 0) return 1;
    return 0;
}

static int is_loopback(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *ip = (const void *)address;
        return ntohl(ip->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    if (address->sa_family != AF_INET6) return 0;
    const struct sockaddr_in6 *ip = (const void *)address;
    const uint8_t *bytes = ip->sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&ip->sin6_addr)) return bytes[12] == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&ip->sin6_addr);
}

/* Whether a name is that of an interface, and all its addresses are loopback ones: 1 or 0; -1:
 * it is none. libzmq takes an interface's name before a host's. */
static int is_loopback_interface(const char *name) {
    struct ifaddrs *all;
    int found = -1;
    if (getifaddrs(&all) != 0) return -1;
    for (struct ifaddrs *each = all; each; each = each->ifa_next) {
        if (strcmp(each->ifa_name, name) != 0) continue;
        if (found < 0) found = (each->ifa_flags & IFF_LOOPBACK) != 0;
        int is_ip = each->ifa_addr && (each->ifa_addr->sa_family == AF_INET ||
                                       each->ifa_addr->sa_family == AF_INET6);
        if (is_ip) found &= is_loopback(each->ifa_addr);
    }
    freeifaddrs(all);
    return found;
}

/* A host that is not known is nobody's: binding to it fails. */
static int is_local_host(const char *name, int ipv6) {
    int local = is_loopback_interface(name);
    if (local >= 0) return local;
    struct addrinfo hints = {.ai_family = ipv6 ? AF_UNSPEC : AF_INET,
                             .ai_socktype = SOCK_STREAM},
                    *found;
    if (getaddrinfo(name, NULL, &hints, &found) != 0) {
        hints.ai_family = AF_UNSPEC;
        if (getaddrinfo(name, NULL, &hints, &found) != 0) return 1;
    }
    local = 1;
    for (struct addrinfo *each = found; each; each = each->ai_next)
        local &= is_loopback(each->ai_addr);
    freeaddrinfo(found);
    return local;
}

static int reach_of_host(const char *rest, int ipv6) {
    char name[LONGEST];
    const char *end = strrchr(rest, ':'), *path = strchr(rest, '/');
    if (path && end && end > path) /* of a WebSocket: its port is before the path */
        for (end = path; end > rest && *end != ':';) end--;
    size_t size = end ? (size_t)(end - rest) : strlen(rest);
    if (size >= 2 && rest[0] == '[' && rest[size - 1] == ']') rest++, size -= 2;
    if (size == 0) return EDDY_REACHES_NOBODY; /* no endpoint: libzmq says so */
    if (size >= sizeof name) return EDDY_REACHES_MACHINES;
    memcpy(name, rest, size);
    name[size] = '\0';
    if (strcmp(name, "*") == 0) return EDDY_REACHES_MACHINES;
    return is_local_host(name, ipv6) ? EDDY_REACHES_NOBODY : EDDY_REACHES_MACHINES;
}

/* Whether others could connect to a socket's file that we make now: its mode is all that is
 * left after the umask, which only the process's status tells without changing it. */
static int is_mode_open(void) {
    FILE *status = fopen("/proc/self/status", "re");
    char line[LONGEST];
    unsigned mask = 0;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "Umask: %o", &mask) == 1) break;
    if (status) fclose(status);
    return (mask & (S_IWGRP | S_IWOTH)) != (S_IWGRP | S_IWOTH);
}

/* Who can write in a folder can put a socket of his own in the place of ours; not where the
 * sticky bit is set, as it is in /tmp. */
static int reach_of_path(const char *path) {
    char folder[LONGEST] = ".";
    const char *name = strrchr(path, '/');
    size_t size = name == path ? 1 : name ? (size_t)(name - path) : 0;
    struct stat status;
    if (size >= sizeof folder) return EDDY_REACHES_USERS;
    if (size > 0) memcpy(folder, path, size), folder[size] = '\0';
    if (stat(folder, &status) != 0) return EDDY_REACHES_NOBODY; /* the bind says why */
    int is_ours = status.st_uid == geteuid() || status.st_uid == 0;
    int is_open = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
                  (!(status.st_mode & S_ISVTX) || is_mode_open());
    return is_ours && !is_open ? EDDY_REACHES_NOBODY : EDDY_REACHES_USERS;
}

int eddy_endpoint_reach(const char *endpoint, int ipv6) {
    const char *rest = strstr(endpoint, "://");
    if (!rest) return EDDY_REACHES_NOBODY;
    size_t size = (size_t)(rest - endpoint);
    rest += 3;
    if (size == 3 && memcmp(endpoint, "ipc", size) == 0) {
        if (strcmp(rest, "*") == 0) return EDDY_REACHES_NOBODY; /* a folder of its own */
        return rest[0] == '@' ? EDDY_REACHES_USERS : reach_of_path(rest);
    }
    if (is_among(anywhere, endpoint, size)) return EDDY_REACHES_MACHINES;
    return is_among(at_host, endpoint, size) ? reach_of_host(rest, ipv6) : EDDY_REACHES_NOBODY;
}

uint32_t eddy_user(void) {
    return geteuid();
}
