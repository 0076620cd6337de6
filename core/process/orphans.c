#include "process/orphans.h"
#include "base/sys_process.h"

#include <pthread.h>

/* Like signals, children are the process's. In a fork they are nobody's, and waitpid says so.
 */
static struct {
    pthread_mutex_t lock;
    pid_t *pids;
    int count, capacity;
} orphans = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int has_room(void) {
    if (orphans.count < orphans.capacity) return 1;
    int capacity = orphans.capacity ? orphans.capacity * 2 : 16;
    pid_t *pids = eddy__realloc(orphans.pids, (size_t)capacity * sizeof *pids);
    if (!pids) return 0; /* it stays there until this process ends */
    orphans.pids = pids;
    orphans.capacity = capacity;
    return 1;
}

void eddy__orphans_add(pid_t pid) {
    pthread_mutex_lock(&orphans.lock);
    if (has_room()) orphans.pids[orphans.count++] = pid;
    pthread_mutex_unlock(&orphans.lock);
}

void eddy__orphans_reap(void) {
    pthread_mutex_lock(&orphans.lock);
    int left = 0;
    for (int i = 0; i < orphans.count; i++)
        if (waitpid(orphans.pids[i], NULL, WNOHANG) == 0)
            orphans.pids[left++] = orphans.pids[i];
    orphans.count = left;
    pthread_mutex_unlock(&orphans.lock);
}
