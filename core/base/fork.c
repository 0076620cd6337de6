#include "base/fork.h"
#include "eddy.h"

#include <pthread.h>

int eddy__forks;

static void count(void) {
    eddy__forks++;
}

__attribute__((constructor)) static void begin(void) {
    pthread_atfork(NULL, NULL, count);
}

int eddy_forks(void) {
    return eddy__forks;
}
