/* What a worker and its supervisor say to each other: lines, by two pipes. */
#include "base/sys.h"
#include "eddy.h"

#include <pthread.h>
#include <string.h>

enum { NEWLINE = '\n', LONGEST = 1024 };

static struct {
    pthread_mutex_t lock; /* questions and their answers are not mixed */
    int index, count;
    int in, out;
} self = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What this process starts has none of it. */
static int keep(int fd) {
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? 0 : -errno;
}

int eddy_worker_begin(int index, int count, int channel) {
    if (index < 1 || count < index || channel < 0) return -EINVAL;
    int rc = keep(channel);
    if (rc == 0) rc = keep(channel + 1);
    if (rc != 0) return rc;
    self.index = index;
    self.count = count;
    self.in = channel;
    self.out = channel + 1;
    return 0;
}

int eddy_worker_index(void) {
    return self.index;
}

int eddy_worker_count(void) {
    return self.count;
}

/* In one write, which a pipe takes whole. */
static int tell(const char *line) {
    char bytes[LONGEST];
    size_t length = strlen(line);
    if (self.count == 0) return -EPIPE;
    if (length >= sizeof bytes) return -ENOBUFS;
    memcpy(bytes, line, length);
    bytes[length] = NEWLINE;
    return eddy__write(self.out, bytes, length + 1) < 0 ? -errno : 0;
}

static int hear(char *answer, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        int got = eddy__read(self.in, answer + i, 1);
        if (got <= 0) return got < 0 ? -errno : -EPIPE;
        if (answer[i] == NEWLINE) return answer[i] = '\0', 0;
    }
    return -ENOBUFS;
}

int eddy_worker_tell(const char *line) {
    pthread_mutex_lock(&self.lock);
    int rc = tell(line);
    pthread_mutex_unlock(&self.lock);
    return rc;
}

int eddy_worker_ask(const char *line, char *answer, uint32_t size) {
    pthread_mutex_lock(&self.lock);
    int rc = tell(line);
    if (rc == 0) rc = hear(answer, size);
    pthread_mutex_unlock(&self.lock);
    return rc;
}
