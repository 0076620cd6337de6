#include "security/folder.h"
#include "base/sys.h"
#include "eddy.h"
#include "security/certificate.h"
#include "security/notices.h"

#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum {
    LONGEST_PATH = 4096,
    EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
             IN_DELETE_SELF | IN_MOVE_SELF,
};

typedef struct known {
    char key[EDDY__ZAP_KEY], file[NAME_MAX + 1];
} known;

struct eddy__folder {
    pthread_mutex_t lock;
    int inotify; /* -1: there is none, and each look reads the folder */
    known *list; /* in the order of the keys */
    size_t count;
    char path[];
};

typedef struct reading {
    known *list;
    size_t count, capacity;
} reading;

static int by_key(const void *a, const void *b) {
    return strcmp(((const known *)a)->key, ((const known *)b)->key);
}

static int add(reading *into, const char *key, const char *file) {
    if (into->count == into->capacity) {
        size_t capacity = into->capacity ? into->capacity * 2 : 16;
        known *list = eddy__realloc(into->list, capacity * sizeof *list);
        if (!list) return -ENOMEM;
        into->list = list;
        into->capacity = capacity;
    }
    known *made = &into->list[into->count++];
    snprintf(made->key, sizeof made->key, "%s", key);
    snprintf(made->file, sizeof made->file, "%s", file);
    return 0;
}

static int ends_with(const char *name, const char *ending) {
    size_t size = strlen(name), ending_size = strlen(ending);
    return size > ending_size && strcmp(name + size - ending_size, ending) == 0;
}

/* Secret ones, and what editors leave, are none. */
static int is_candidate(const char *name) {
    return name[0] != '.' && !ends_with(name, "_secret") && !ends_with(name, "~");
}

/* What was known of a file that cannot be read now goes on to hold. */
static int keep(const eddy__folder *folder, reading *into, const char *file) {
    int rc = 0;
    for (size_t i = 0; i < folder->count && rc == 0; i++)
        if (strcmp(folder->list[i].file, file) == 0) rc = add(into, folder->list[i].key, file);
    return rc;
}

static int read_file(const eddy__folder *folder, reading *into, const char *file) {
    char path[LONGEST_PATH + NAME_MAX + 2], key[EDDY__ZAP_KEY];
    snprintf(path, sizeof path, "%s/%s", folder->path, file);
    const char *problem = eddy__certificate_read(path, key);
    if (!problem) return add(into, key, file);
    if (problem == EDDY__NO_CERTIFICATE && !ends_with(file, ".key")) return 0;
    eddy__notice("the key %s: %s; what was known of it holds", path, problem);
    return keep(folder, into, file);
}

/* The lock is held, or nobody else has the folder yet. */
static int read_all(eddy__folder *folder) {
    DIR *entries = opendir(folder->path);
    if (!entries) return -errno;
    reading into = {0};
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(entries));)
        if (is_candidate(entry->d_name)) rc = read_file(folder, &into, entry->d_name);
    closedir(entries);
    if (rc != 0) return eddy__free(into.list), rc;
    if (into.count > 1) qsort(into.list, into.count, sizeof *into.list, by_key);
    eddy__free(folder->list);
    folder->list = into.list;
    folder->count = into.count;
    return 0;
}

/* Before the folder is read, so that no change is missed. */
static void watch(eddy__folder *folder) {
    folder->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (folder->inotify < 0) return;
    if (inotify_add_watch(folder->inotify, folder->path, EVENTS | IN_ONLYDIR) >= 0) return;
    close(folder->inotify);
    folder->inotify = -1;
}

int eddy__folder_open(eddy__folder **folder, const char *path) {
    size_t size = strlen(path) + 1;
    if (size > LONGEST_PATH) return -ENAMETOOLONG;
    eddy__folder *made = eddy__calloc(1, sizeof *made + size);
    if (!made) return -ENOMEM;
    memcpy(made->path, path, size);
    watch(made);
    int rc = read_all(made);
    if (rc != 0) {
        if (made->inotify >= 0) close(made->inotify);
        eddy__free(made);
        return rc;
    }
    pthread_mutex_init(&made->lock, NULL);
    *folder = made;
    return 0;
}

void eddy__folder_free(eddy__folder *folder) {
    if (!folder) return;
    if (folder->inotify >= 0) close(folder->inotify);
    pthread_mutex_destroy(&folder->lock);
    eddy__free(folder->list);
    eddy__free(folder);
}

/* Whether the kernel told of something since it was asked last. When the folder itself went,
 * its path may come to be another one. */
static int is_changed(eddy__folder *folder) {
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    int changed = folder->inotify < 0, is_gone = 0;
    ssize_t size;
    while (folder->inotify >= 0 && (size = read(folder->inotify, events, sizeof events)) > 0) {
        changed = 1;
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const void *)(events + at);
            is_gone |= (event->mask & (IN_IGNORED | IN_MOVE_SELF | IN_DELETE_SELF)) != 0;
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    if (is_gone) {
        close(folder->inotify);
        watch(folder);
    } else if (folder->inotify < 0) {
        watch(folder);
    }
    return changed;
}

static void name_of(const known *found, char user[EDDY__ZAP_LONGEST + 1]) {
    size_t size = strlen(found->file);
    if (ends_with(found->file, ".key") || ends_with(found->file, ".txt"))
        size -= strlen(".key");
    memcpy(user, found->file, size);
    user[size] = '\0';
}

int eddy__folder_find(eddy__folder *folder, const char *key, char user[EDDY__ZAP_LONGEST + 1]) {
    known wanted;
    snprintf(wanted.key, sizeof wanted.key, "%s", key);
    pthread_mutex_lock(&folder->lock);
    int rc = is_changed(folder) ? read_all(folder) : 0;
    if (rc != 0)
        eddy__notice("the folder of keys %s: %s; what was known of it holds", folder->path,
                     eddy_error_text(-rc));
    const known *found = folder->count == 0 ? NULL
                                            : bsearch(&wanted, folder->list, folder->count,
                                                      sizeof *folder->list, by_key);
    if (found) name_of(found, user);
    pthread_mutex_unlock(&folder->lock);
    return found != NULL;
}
