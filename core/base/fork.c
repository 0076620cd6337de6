#include "base/fork.h"
#include "eddy.h"

#include <pthread.h>
#include <unistd.h>

int eddy__fork_count;

static pid_t known; /* the process that has been counted */

static void count(void) {
    eddy__fork_count++;
    known = getpid();
}

int eddy__fork_is_new(void) {
    return getpid() != known;
}

__attribute__((constructor)) static void begin(void) {
    known = getpid();
    pthread_atfork(NULL, NULL, count);
}

int eddy_forks(void) {
    return eddy__fork_count;
}
