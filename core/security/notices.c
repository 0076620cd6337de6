#include "security/notices.h"
#include "base/sleeper.h"
#include "base/sys.h"
#include "eddy.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 64, LONGEST = 512 };

/* Its own variable: beside what is not zero at first, it would be read from the file. */
static char texts[MOST][LONGEST];

static struct {
    pthread_mutex_t lock;
    int fd;              /* -1 until somebody reads */
    unsigned first, end; /* in `texts`, modulo MOST */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static void forked(void) {
    pthread_mutex_init(&all.lock, NULL);
    if (all.fd >= 0) close(all.fd);
    all.fd = -1;
    all.first = all.end = 0;
}

__attribute__((constructor)) static void begin(void) {
    pthread_atfork(NULL, NULL, forked);
}

/* The lock is held. */
static void ring(void) {
    if (all.fd >= 0) eddy__sleeper_notify(all.fd);
}

void eddy__notice(const char *format, ...) {
    va_list values;
    pthread_mutex_lock(&all.lock);
    if (all.end - all.first < MOST) {
        va_start(values, format);
        vsnprintf(texts[all.end++ % MOST], LONGEST, format, values);
        va_end(values);
        ring();
    }
    pthread_mutex_unlock(&all.lock);
}

int eddy_notices_fd(void) {
    pthread_mutex_lock(&all.lock);
    if (all.fd < 0) {
        all.fd = eddy__eventfd();
        if (all.first != all.end) ring();
    }
    int fd = all.fd;
    pthread_mutex_unlock(&all.lock);
    return fd;
}

int eddy_notices_next(char *text, uint32_t size) {
    uint64_t count;
    pthread_mutex_lock(&all.lock);
    int found = all.first != all.end;
    if (found) {
        snprintf(text, size, "%s", texts[all.first++ % MOST]);
    } else if (all.fd >= 0) {
        ssize_t got = read(all.fd, &count, sizeof count);
        (void)got;
    }
    pthread_mutex_unlock(&all.lock);
    return found;
}
