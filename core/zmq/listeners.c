#include "zmq/listeners.h"
#include "base/sys.h"
#include "eddy.h"
#include "zmq/ending.h"

#include <dirent.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
    LONGEST_MS = 1000, /* that libzmq takes to let an address go */
    NONE = 0,
    PORT,
    FILE_AT_PATH,
    NAME,
    MOST = 4096, /* that are remembered */
};

typedef struct going {
    eddy__address address;
    double until;
} going;

/* What was given back, by all sockets of the process: the last of it, in the order of `until`.
 * Its own variable: beside what is not zero at first, it would be read from the file. */
static going given_back[MOST];

static struct {
    pthread_mutex_t lock;
    unsigned first, end; /* in `given_back`, modulo MOST */
    eddy__list bound;    /* of eddy__listeners */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .bound = {&all.bound, &all.bound}};

/* None of the parent's threads will release the lock. */
static void forked(void) {
    pthread_mutex_init(&all.lock, NULL);
    all.first = all.end = 0;
}

__attribute__((constructor)) static void begin(void) {
    pthread_atfork(NULL, NULL, forked);
}

static int is_same(eddy__address a, eddy__address b) {
    return a.kind == b.kind && a.what == b.what && a.where == b.where;
}

/* FNV-1a. */
static uint64_t hash(const char *text) {
    uint64_t sum = 14695981039346656037u;
    for (; *text; text++) sum = (sum ^ (unsigned char)*text) * 1099511628211u;
    return sum;
}

static eddy__address of_file(const char *path) {
    struct stat status;
    if (lstat(path, &status) != 0) return (eddy__address){0};
    return (eddy__address){FILE_AT_PATH, status.st_ino, status.st_dev};
}

eddy__address eddy__listeners_address(const void *context, const char *endpoint) {
    eddy__address none = {0};
    if (strncmp(endpoint, "inproc://", 9) == 0)
        return (eddy__address){NAME, hash(endpoint), (uint64_t)(uintptr_t)context};
    if (strncmp(endpoint, "ipc://@", 7) == 0) return (eddy__address){NAME, hash(endpoint), 0};
    if (strncmp(endpoint, "ipc://", 6) == 0) return of_file(endpoint + 6);
    const char *port = strrchr(endpoint, ':');
    if (strncmp(endpoint, "tcp://", 6) != 0 || port < endpoint + 6) return none;
    long number = strtol(port + 1, NULL, 10);
    return number > 0 ? eddy__listeners_port((int)number) : none;
}

eddy__address eddy__listeners_port(int port) {
    return (eddy__address){PORT, (uint64_t)port, 0};
}

/* The lock is held. */
static int has(const eddy__listeners *listeners, eddy__address address) {
    for (int i = 0; i < listeners->count; i++)
        if (is_same(listeners->addresses[i], address)) return 1;
    return 0;
}

int eddy__listeners_is_bound(eddy__address address) {
    int found = 0;
    if (address.kind == NONE) return 0;
    pthread_mutex_lock(&all.lock);
    for (eddy__node *node = all.bound.next; !found && node != &all.bound; node = node->next)
        found = has(eddy__entry(node, eddy__listeners, node), address);
    pthread_mutex_unlock(&all.lock);
    return found;
}

/* The lock is held. The last that was given back at an address and may be there still, or NULL.
 */
static going *find(eddy__address address) {
    double now = eddy_time();
    while (all.first != all.end && given_back[all.first % MOST].until <= now) all.first++;
    for (unsigned i = all.end; i != all.first; i--) {
        going *each = &given_back[(i - 1) % MOST];
        if (is_same(each->address, address)) return each;
    }
    return NULL;
}

/* Those who connect to an inproc name want to know whether anybody is bound there. */
static int is_inproc(eddy__address address) {
    return address.kind == NAME && address.where;
}

static void give_back(eddy__address address) {
    eddy__listeners_refused(address);
    pthread_mutex_lock(&all.lock);
    if (all.end - all.first == MOST) all.first++;
    given_back[all.end++ % MOST] = (going){address, eddy_time() + LONGEST_MS};
    pthread_mutex_unlock(&all.lock);
}

static void forget(eddy__address address) {
    pthread_mutex_lock(&all.lock);
    for (going *each; (each = find(address));) each->address.kind = NONE;
    pthread_mutex_unlock(&all.lock);
}

/* Makes room for one more. The lock is held. */
static int grow(eddy__listeners *listeners) {
    int room = listeners->capacity ? listeners->capacity * 2 : 1;
    size_t size = (size_t)room * sizeof *listeners->addresses;
    eddy__address *list = eddy__realloc(listeners->addresses, size);
    if (!list) return -ENOMEM;
    if (!listeners->node.next) eddy__list_init(&listeners->node);
    eddy__list_push(&all.bound, &listeners->node);
    listeners->addresses = list;
    listeners->capacity = room;
    return 0;
}

int eddy__listeners_bind(eddy__listeners *listeners, eddy__address address) {
    pthread_mutex_lock(&all.lock);
    int rc = listeners->count == listeners->capacity ? grow(listeners) : 0;
    pthread_mutex_unlock(&all.lock);
    if (rc != 0) return rc;
    return is_inproc(address) ? eddy__ending_bind(address.where, address.what) : 0;
}

void eddy__listeners_bound(eddy__listeners *listeners, eddy__address address) {
    if (address.kind == NONE) return;
    forget(address);
    pthread_mutex_lock(&all.lock);
    listeners->addresses[listeners->count++] = address;
    pthread_mutex_unlock(&all.lock);
    if (is_inproc(address)) eddy__ending_bound(address.where, address.what);
}

void eddy__listeners_refused(eddy__address address) {
    if (is_inproc(address)) eddy__ending_unbound(address.where, address.what);
}

void eddy__listeners_leave(eddy__listeners *listeners, eddy__address address) {
    for (int i = 0; i < listeners->count; i++) {
        if (!is_same(listeners->addresses[i], address)) continue;
        pthread_mutex_lock(&all.lock);
        listeners->addresses[i] = listeners->addresses[--listeners->count];
        pthread_mutex_unlock(&all.lock);
        give_back(address);
        return;
    }
}

void eddy__listeners_free(eddy__listeners *listeners) {
    pthread_mutex_lock(&all.lock);
    if (listeners->node.next) eddy__list_remove(&listeners->node);
    pthread_mutex_unlock(&all.lock);
    for (int i = 0; i < listeners->count; i++) give_back(listeners->addresses[i]);
    eddy__free(listeners->addresses);
    *listeners = (eddy__listeners){0};
}

/* Whether this descriptor listens at a tcp port. */
static int listens(int fd, uint64_t port) {
    struct sockaddr_in6 name; /* the port of IPv4 is at the same place */
    socklen_t size = sizeof name, int_size = sizeof(int);
    int on = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &int_size) != 0 || !on) return 0;
    if (getsockname(fd, (struct sockaddr *)&name, &size) != 0) return 0;
    return (name.sin6_family == AF_INET || name.sin6_family == AF_INET6) &&
           ntohs(name.sin6_port) == port;
}

int eddy__listeners_is_here(eddy__address address) {
    if (address.kind != PORT) return 1; /* what others have has another file */
    DIR *fds = opendir("/proc/self/fd");
    int found = fds == NULL;
    for (struct dirent *entry; fds && !found && (entry = readdir(fds));)
        found = listens((int)strtol(entry->d_name, NULL, 10), address.what);
    if (fds) closedir(fds);
    return found;
}

int eddy__listeners_is_going(eddy__address address) {
    if (address.kind == NONE) return 0;
    pthread_mutex_lock(&all.lock);
    int found = find(address) != NULL;
    pthread_mutex_unlock(&all.lock);
    return found;
}
