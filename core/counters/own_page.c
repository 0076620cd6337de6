#include "base/fork.h"
#include "base/sys.h"
#include "counters/folder.h"
#include "counters/page.h"
#include "counters/process.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    RESERVED = 256 << 20, /* addresses, so that a page that grows stays where it is */
    STEP = 64 << 10,      /* by which it grows */
    SIZES = 16,           /* of records that were given back */
};

/* A process has one. Records are added by loops of any thread. */
static struct {
    pthread_mutex_t lock;
    eddy_page *page; /* NULL: none */
    int fd, born;    /* `born`: eddy__fork_count when it was opened */
    size_t capacity; /* of the file */
    int is_kept;
    double numbers; /* of records until now */
    struct {
        uint32_t size;
        eddy_page_record *first; /* each has its successor behind its head */
    } free[SIZES];
    char path[PATH_MAX];
} own = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* A child of a fork has none: it would write into its parent's. */
eddy_page *eddy_page_get(void) {
    return own.born == eddy__fork_count ? own.page : NULL;
}

static double wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Memory for a page that a full disk could not give would end the process at a later write. */
static int grow(size_t size) {
    if (size <= own.capacity) return 0;
    size_t capacity = (size + STEP - 1) / STEP * STEP;
    if (capacity > RESERVED) return -ENOSPC;
    if (eddy__allocate(own.fd, (off_t)capacity) != 0) return -errno;
    own.capacity = capacity;
    return 0;
}

static void describe(eddy_page *page, const char *command, int worker) {
    page->version = EDDY_PAGE_VERSION;
    page->head = sizeof *page;
    page->size = sizeof *page;
    page->pid = getpid();
    page->worker = worker;
    page->started = eddy__process_started(page->pid);
    page->began = wall_clock();
    page->began_clock = eddy_time();
    page->generation = 1;
    snprintf(page->eddy, sizeof page->eddy, "%s", eddy_version());
    snprintf(page->command, sizeof page->command, "%s", command);
    uint64_t magic;
    memcpy(&magic, "eddypage", sizeof magic);
    __atomic_store_n((uint64_t *)page->magic, magic, __ATOMIC_RELEASE);
}

/* The page is a dead process's. */
static void set_aside(void) {
    char dead[PATH_MAX + sizeof EDDY__DEAD];
    snprintf(dead, sizeof dead, "%s" EDDY__DEAD, own.path);
    if (rename(own.path, dead) == 0) utimensat(AT_FDCWD, dead, NULL, 0);
}

/* 0, or -errno with nothing left behind. */
static int open_file(const char *folder, const char *command, int worker) {
    size_t room = sizeof own.path;
    if (snprintf(own.path, room, "%s/%d", folder, (int)getpid()) >= (int)room)
        return -ENAMETOOLONG;
    /* An earlier process of this id left it, or one of another pid namespace has it. */
    if (!eddy__page_is_held(own.path)) set_aside();
    own.fd = eddy__open(own.path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (own.fd < 0) return -errno;
    eddy__lock(own.fd); /* where that cannot be, its process id alone tells that it lives */
    own.capacity = 0;
    int rc = grow(sizeof(eddy_page));
    if (rc == 0) {
        void *page = eddy__map(own.fd, RESERVED);
        rc = page == MAP_FAILED ? -errno : 0;
        if (rc == 0) own.page = page;
    }
    if (rc == 0) return describe(own.page, command, worker), 0;
    close(own.fd);
    own.fd = -1;
    unlink(own.path);
    return rc;
}

int eddy_page_open(const char *command, int worker) {
    char folder[PATH_MAX - 16];
    if (eddy_page_get()) return -EEXIST;
    int rc = eddy_page_folder(folder, sizeof folder);
    if (rc < 0) return rc;
    eddy__folder_clean(folder);
    pthread_mutex_lock(&own.lock);
    memset(own.free, 0, sizeof own.free);
    own.page = NULL; /* a parent's stays mapped: its loops still refer to it */
    if (own.fd >= 0) close(own.fd);
    own.born = eddy__fork_count;
    own.is_kept = 0;
    rc = open_file(folder, command, worker);
    pthread_mutex_unlock(&own.lock);
    return rc;
}

void eddy_page_keep(void) {
    own.is_kept = 1;
}

void eddy_page_end(int code) {
    eddy_page *page = eddy_page_get();
    if (!page) return;
    page->exit_code = code;
    page->ended = wall_clock();
    if (code == 0)
        unlink(own.path);
    else
        set_aside();
}

static eddy_page_record **free_list(uint32_t size) {
    for (int i = 0; i < SIZES; i++) {
        if (own.free[i].size == 0) own.free[i].size = size;
        if (own.free[i].size == size) return &own.free[i].first;
    }
    return NULL;
}

/* What lies behind the head of one that is free. */
static eddy_page_record **next_of(eddy_page_record *record) {
    return (eddy_page_record **)(record + 1);
}

static eddy_page_record *take(uint32_t size) {
    eddy_page_record **list = free_list(size), *record = list ? *list : NULL;
    eddy_page *page = own.page;
    if (record) {
        *list = *next_of(record);
        memset(record + 1, 0, size - sizeof *record);
    } else if (grow((size_t)page->size + size) == 0) {
        record = (eddy_page_record *)((char *)page + (size_t)page->size);
        record->size = size;
        double used = page->size + size;
        __atomic_store(&page->size, &used, __ATOMIC_RELEASE);
    } else {
        page->left_out += 1;
        return NULL;
    }
    record->number = ++own.numbers;
    return record;
}

eddy_page_record *eddy_page_add(uint32_t size) {
    if (!eddy_page_get() || size < sizeof(eddy_page_record) + sizeof(void *) || size % 8 != 0)
        return NULL;
    pthread_mutex_lock(&own.lock);
    eddy_page_record *record = take(size);
    pthread_mutex_unlock(&own.lock);
    return record;
}

void eddy_page_show(eddy_page_record *record, uint32_t kind) {
    __atomic_store_n(&record->kind, kind, __ATOMIC_RELEASE);
}

void eddy_page_remove(eddy_page_record *record) {
    if (!record || !eddy_page_get() || own.is_kept) return;
    pthread_mutex_lock(&own.lock);
    eddy_page_record **list = free_list(record->size);
    eddy_page_show(record, EDDY_PAGE_FREE);
    if (list) {
        *next_of(record) = *list;
        *list = record;
    }
    pthread_mutex_unlock(&own.lock);
}
