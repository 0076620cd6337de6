#include "loop/wakeups.h"
#include "base/sys.h"
#include "loop/state.h"

#include <string.h>

static void notify(const eddy__wakeups *wakeups) {
    eddy__sleeper_notify(wakeups->source.fd);
}

int eddy__wakeups_open(eddy__wakeups *wakeups, eddy__poller *poller) {
    memset(wakeups, 0, sizeof *wakeups);
    wakeups->source.fd = -1;
    wakeups->source.is_own = 1;
    pthread_mutex_init(&wakeups->lock, NULL);
    int fd = eddy__eventfd();
    if (fd < 0) return fd;
    int rc = eddy__poller_add(poller, &wakeups->source, NULL, fd);
    if (rc == 0) rc = eddy__poller_want(poller, &wakeups->source, EDDY_READ);
    if (rc != 0) {
        close(fd);
        wakeups->source.fd = -1;
    }
    poller->sleeper.fd = wakeups->source.fd;
    return rc;
}

void eddy__wakeups_close(eddy__wakeups *wakeups, eddy__poller *poller) {
    if (wakeups->source.fd >= 0) {
        int fd = wakeups->source.fd;
        eddy__poller_remove(poller, &wakeups->source);
        close(fd);
    }
    pthread_mutex_destroy(&wakeups->lock);
    eddy__free(wakeups->entries);
}

static int append(eddy__wakeups *wakeups, uint32_t waker, double number) {
    if (wakeups->count == EDDY_WAKEUPS) return -ENOBUFS;
    if (wakeups->count == wakeups->capacity) {
        int capacity = wakeups->capacity ? wakeups->capacity * 2 : 16;
        eddy__wakeup *entries =
            eddy__realloc(wakeups->entries, (size_t)capacity * sizeof *entries);
        if (!entries) return -ENOMEM;
        wakeups->entries = entries;
        wakeups->capacity = capacity;
    }
    wakeups->entries[wakeups->count++] = (eddy__wakeup){waker, number};
    return 0;
}

int eddy__wakeups_post(eddy__wakeups *wakeups, uint32_t waker, double number) {
    pthread_mutex_lock(&wakeups->lock);
    int rc = append(wakeups, waker, number);
    pthread_mutex_unlock(&wakeups->lock);
    if (rc == 0) notify(wakeups);
    return rc;
}

void eddy__wakeups_interrupt(eddy__wakeups *wakeups, int value) {
    atomic_store(&wakeups->interrupt, value);
    notify(wakeups);
}

void eddy__wakeups_tell(eddy__wakeups *wakeups, eddy__events *batch) {
    uint64_t count;
    ssize_t got = read(wakeups->source.fd, &count, sizeof count);
    (void)got;
    if (eddy__events_reserve(batch) != 0) return notify(wakeups);
    int interrupt = atomic_exchange(&wakeups->interrupt, 0);
    if (interrupt) eddy__events_add(batch, EDDY_INTERRUPTED, 0, interrupt);

    pthread_mutex_lock(&wakeups->lock);
    int told = 0;
    for (; told < wakeups->count && eddy__events_reserve(batch) == 0; told++) {
        eddy__wakeup *wakeup = &wakeups->entries[told];
        eddy__events_add(batch, EDDY_WOKEN, wakeup->waker, 0)->number = wakeup->number;
    }
    wakeups->count -= told;
    if (told > 0)
        memmove(wakeups->entries, wakeups->entries + told,
                (size_t)wakeups->count * sizeof *wakeups->entries);
    int left = wakeups->count;
    pthread_mutex_unlock(&wakeups->lock);
    if (left > 0) notify(wakeups);
}
