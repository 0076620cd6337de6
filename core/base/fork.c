#include "base/fork.h"
#include "eddy.h"

#include <pthread.h>

int eddy__fork_count;

static void count(void) {
    eddy__fork_count++;
}

__attribute__((constructor)) static void begin(void) {
    pthread_atfork(NULL, NULL, count);
}

int eddy_forks(void) {
    return eddy__fork_count;
}
