#include "host/exit_deadline.h"
#include "base/deadline.h"
#include "base/signal_mask.h"
#include "counters/page.h"
#include "eddy.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { FAILED = 1 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    double deadline;
    int status, is_watched;
} end = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *wait_for_end(void *unused) {
    pthread_mutex_lock(&end.lock);
    while (eddy_time() < end.deadline) {
        struct timespec limit = eddy__deadline(end.deadline);
        pthread_cond_clockwait(&end.changed, &end.lock, CLOCK_MONOTONIC, &limit);
    }
    dprintf(2, "eddy: something does not end (a finalizer, an output that nobody reads): "
               "the process ends without it\n");
    eddy_page_end(end.status != 0 ? end.status : FAILED);
    _exit(end.status != 0 ? end.status : FAILED);
    return unused;
}

void eddy__exit_deadline_set(double deadline, int status) {
    pthread_mutex_lock(&end.lock);
    end.deadline = deadline;
    end.status = status;
    if (!end.is_watched) {
        pthread_t thread;
        if (eddy__signal_mask_thread(&thread, wait_for_end, NULL) == 0) {
            pthread_detach(thread);
            end.is_watched = 1;
        }
    }
    pthread_cond_signal(&end.changed);
    pthread_mutex_unlock(&end.lock);
}
