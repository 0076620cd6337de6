#include "counters/folder.h"
#include "base/sys.h"

#include <dirent.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>

static const char SOCKET[] = ".sock"; /* what a name ends with of a control socket */

enum {
    TMPFS = 0x01021994,
    KEPT = 16,          /* pages of processes that have died, */
    KEPT_S = 24 * 3600, /* for so long */
    PLACES = 4,
    MOST_NAME = 24, /* bytes of a page's name */
};

static const char *temporary(void) {
    const char *named = getenv("TMPDIR");
    return named && named[0] == '/' ? named : "/tmp";
}

/* A page on a disk makes the loop wait for it now and then: memory is taken where there is
 * some, unless somebody chose the place. Names the folder at a place; 0: there is none. */
static int name(char *path, size_t room, int place) {
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *above = temporary();
    unsigned user = (unsigned)geteuid();
    struct statfs status;
    int size = 0;
    if (place == 0 && runtime && runtime[0] == '/')
        size = snprintf(path, room, "%s/eddy", runtime);
    if (place == 1 && user == 0) size = snprintf(path, room, "%s", "/run/eddy");
    if (place == 2) size = snprintf(path, room, "/dev/shm/eddy-%u", user);
    if (place == 3) size = snprintf(path, room, "%s/eddy-%u", above, user);
    if (place == 1 || place == 2) above = place == 1 ? "/run" : "/dev/shm";
    int is_chosen = place == 0 || place == 3;
    if (!is_chosen && (statfs(above, &status) != 0 || status.f_type != TMPFS)) return 0;
    return size > 0 && (size_t)size < room;
}

/* Anybody can have made a folder of that name in a temporary one. */
static int is_private(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

int eddy_page_folder(char *path, uint32_t room) {
    char chosen[PATH_MAX];
    for (int place = 0; place < PLACES; place++) {
        if (!name(chosen, sizeof chosen, place)) continue;
        if (eddy__mkdir(chosen, S_IRWXU) != 0 && errno != EEXIST) continue;
        if (!is_private(chosen)) continue;
        size_t size = strlen(chosen);
        if (size >= room) return -ENAMETOOLONG;
        memcpy(path, chosen, size + 1);
        return (int)size;
    }
    return -ENOENT;
}

int eddy_path_private(const char *path) {
    return chmod(path, S_IRUSR | S_IWUSR) == 0 ? 0 : -errno;
}

typedef struct list {
    char *paths;
    uint32_t room, used;
} list;

static void add(list *all, const char *path) {
    size_t size = strlen(path) + 1, there = all->used < all->room ? all->used : all->room;
    for (size_t at = 0; at < there; at += strlen(all->paths + at) + 1)
        if (strcmp(all->paths + at, path) == 0) return;
    if (all->used + size <= all->room) memcpy(all->paths + all->used, path, size);
    all->used += (uint32_t)size;
}

static void add_all(list *all, const char *pattern) {
    glob_t found;
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) add(all, found.gl_pathv[i]);
    globfree(&found);
}

int eddy_page_folders(char *paths, uint32_t room) {
    list all = {paths, room, 0};
    char path[PATH_MAX];
    unsigned user = (unsigned)geteuid();
    for (int place = 0; place < PLACES; place++)
        if (name(path, sizeof path, place) && is_private(path)) add(&all, path);
    snprintf(path, sizeof path, "/run/user/%u/eddy",
             user); /* a service has no XDG_RUNTIME_DIR */
    if (is_private(path)) add(&all, path);
    if (user == 0) {
        add_all(&all, "/run/user/*/eddy");
        add_all(&all, "/dev/shm/eddy-*");
        add_all(&all, "/tmp/eddy-*");
    }
    return (int)all.used;
}

/* Opens what a page may be in. The folder may be another user's, who may have put anything
 * there: a pipe that would keep us waiting, a link to what only we can read. */
static int open_page(const char *folder, const char *file) {
    char path[PATH_MAX];
    struct stat above, status;
    if (strchr(file, '/')) return -EINVAL;
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return -ENAMETOOLONG;
    if (lstat(folder, &above) != 0) return -errno;
    int fd = eddy__open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0);
    if (fd < 0) return -errno;
    int is_fine = S_ISDIR(above.st_mode) && fstat(fd, &status) == 0 &&
                  S_ISREG(status.st_mode) && status.st_uid == above.st_uid;
    if (is_fine) return fd;
    close(fd);
    return -EINVAL;
}

int eddy_page_read(const char *folder, const char *file, char *bytes, uint32_t room) {
    int fd = open_page(folder, file);
    if (fd < 0) return fd;
    uint32_t size = 0;
    int got = 1, result = 0;
    while (got > 0 && size < room) {
        got = eddy__read(fd, bytes + size, room - size);
        if (got < 0) result = -errno;
        if (got > 0) size += (uint32_t)got;
    }
    close(fd);
    return result < 0 ? result : (int)size;
}

int eddy__page_is_held(const char *path) {
    int fd = eddy__open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0);
    if (fd < 0) return 0;
    int is_held = eddy__lock(fd) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return is_held;
}

/* A process of another pid namespace, which shares the folder, cannot be seen; but it holds its
 * page. */
static int is_gone(const char *folder, long pid) {
    char page[PATH_MAX];
    if (kill((pid_t)pid, 0) == 0 || errno != ESRCH) return 0;
    int length = snprintf(page, sizeof page, "%s/%ld", folder, pid);
    return length < (int)sizeof page && !eddy__page_is_held(page);
}

/* The age of such a page counts from here. */
static void set_aside(int folder, const char *file) {
    char dead[32];
    snprintf(dead, sizeof dead, "%.23s" EDDY__DEAD, file);
    if (renameat(folder, file, folder, dead) == 0) utimensat(folder, dead, NULL, 0);
}

/* The pages that are kept. */
typedef struct dead {
    char name[32];
    time_t at;
} dead;

/* Keeps it, in place of the oldest one when there are too many. */
static void keep(dead *kept, int *count, dead one, int folder) {
    for (int i = 0; *count == KEPT && i < KEPT; i++)
        if (kept[i].at < one.at) {
            dead younger = one;
            one = kept[i];
            kept[i] = younger;
        }
    if (*count < KEPT)
        kept[(*count)++] = one;
    else
        unlinkat(folder, one.name, 0);
}

void eddy__folder_clean(const char *path) {
    dead kept[KEPT];
    int count = 0;
    struct stat status;
    DIR *folder = opendir(path);
    if (!folder) return;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char *end;
        dead one;
        long pid = strtol(entry->d_name, &end, 10);
        int is_page = pid > 0 && pid <= INT_MAX && strlen(entry->d_name) < MOST_NAME;
        if (is_page && *end == '\0' && is_gone(path, pid))
            set_aside(dirfd(folder), entry->d_name);
        if (is_page && strcmp(end, SOCKET) == 0 && is_gone(path, pid))
            unlinkat(dirfd(folder), entry->d_name, 0);
        if (!is_page || strcmp(end, EDDY__DEAD) != 0) continue;
        if (fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        snprintf(one.name, sizeof one.name, "%.23s", entry->d_name);
        one.at = status.st_mtime;
        if (time(NULL) - one.at > KEPT_S)
            unlinkat(dirfd(folder), one.name, 0);
        else
            keep(kept, &count, one, dirfd(folder));
    }
    closedir(folder);
}
