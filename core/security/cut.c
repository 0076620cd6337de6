#include "security/cut.h"
#include "base/sys.h"
#include "zmq/listeners.h"

#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { LONGEST = 512 };

typedef union name {
    struct sockaddr any;
    struct sockaddr_in6 ip; /* the port of IPv4 is at the same place */
    struct sockaddr_un path;
} name;

/* The address of the file or name that a connection over ipc came to. */
static eddy__address address_of(const struct sockaddr_un *path, socklen_t size) {
    char endpoint[LONGEST];
    int length = (int)size - (int)offsetof(struct sockaddr_un, sun_path);
    if (length <= 1) return (eddy__address){0}; /* the side that connected has no name */
    const char *at = path->sun_path;
    if (*at)
        snprintf(endpoint, sizeof endpoint, "ipc://%.*s", length, at);
    else
        snprintf(endpoint, sizeof endpoint, "ipc://@%.*s", length - 1, at + 1);
    return eddy__listeners_address(NULL, endpoint);
}

/* Who is at the other end of a connection that came to a socket of ours, as libzmq tells it to
 * handlers; empty when it is none. */
static void tell_peer(int fd, char *text) {
    name own, peer;
    struct ucred user;
    socklen_t own_size = sizeof own, peer_size = sizeof peer, user_size = sizeof user;
    *text = '\0';
    if (getsockname(fd, &own.any, &own_size) != 0 ||
        getpeername(fd, &peer.any, &peer_size) != 0)
        return;
    if (own.any.sa_family == AF_UNIX) {
        if (eddy__listeners_is_bound(address_of(&own.path, own_size)) &&
            getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &user_size) == 0)
            snprintf(text, LONGEST, "localhost:%u:%u:%d", user.uid, user.gid, user.pid);
        return;
    }
    int is_ip = own.any.sa_family == AF_INET || own.any.sa_family == AF_INET6;
    if (!is_ip || !eddy__listeners_is_bound(eddy__listeners_port(ntohs(own.ip.sin6_port))))
        return;
    if (getnameinfo(&peer.any, peer_size, text, LONGEST, NULL, 0, NI_NUMERICHOST) != 0)
        *text = '\0';
}

static int is_from(const eddy__visit *list, const char *address) {
    eddy__text text = eddy__text_of(address);
    while (list && !eddy__text_is(list->address, text)) list = list->next;
    return list != NULL;
}

/* libzmq may close the descriptor at any time, and it may become another one's: what is looked
 * at and ended is a copy, which stays what it is. 1, 0, or -errno. */
static int cut_one(int fd, const eddy__visit *from, int is_everybody) {
    char address[LONGEST];
    int copy = eddy__copy(fd);
    if (copy < 0) return errno == EBADF ? 0 : -errno;
    tell_peer(copy, address);
    int is_cut =
        *address && (is_everybody || is_from(from, address)) && shutdown(copy, SHUT_RDWR) == 0;
    close(copy);
    return is_cut;
}

int eddy__cut(const eddy__visit *from, int is_everybody) {
    if (!from && !is_everybody) return 0;
    DIR *fds = opendir("/proc/self/fd");
    int count = 0, rc = fds ? 0 : -errno;
    for (struct dirent *entry; fds && rc >= 0 && (entry = readdir(fds));) {
        if (entry->d_name[0] == '.') continue;
        rc = cut_one((int)strtol(entry->d_name, NULL, 10), from, is_everybody);
        if (rc > 0) count++;
    }
    if (fds) closedir(fds);
    return rc < 0 ? rc : count;
}
