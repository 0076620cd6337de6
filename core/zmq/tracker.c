#include "zmq/tracker.h"
#include "base/deadline.h"
#include "base/sys.h"
#include "base/waits.h"

#include <pthread.h>

struct eddy_tracker {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int references;
    int uses;
};

eddy_tracker *eddy__tracker_new(void) {
    eddy_tracker *tracker = eddy__calloc(1, sizeof *tracker);
    if (!tracker) return NULL;
    pthread_mutex_init(&tracker->lock, NULL);
    pthread_cond_init(&tracker->changed, NULL);
    tracker->references = tracker->uses = 1;
    return tracker;
}

eddy_tracker *eddy__tracker_retain(eddy_tracker *tracker) {
    pthread_mutex_lock(&tracker->lock);
    tracker->references++;
    pthread_mutex_unlock(&tracker->lock);
    return tracker;
}

void eddy_tracker_free(eddy_tracker *tracker) {
    if (!tracker) return;
    pthread_mutex_lock(&tracker->lock);
    int left = --tracker->references;
    pthread_mutex_unlock(&tracker->lock);
    if (left > 0) return;
    pthread_mutex_destroy(&tracker->lock);
    pthread_cond_destroy(&tracker->changed);
    eddy__free(tracker);
}

void eddy__tracker_done(eddy_tracker *tracker) {
    pthread_mutex_lock(&tracker->lock);
    tracker->uses--;
    pthread_cond_broadcast(&tracker->changed);
    pthread_mutex_unlock(&tracker->lock);
}

int eddy_tracker_wait(eddy_tracker *tracker, double timeout) {
    double deadline = timeout < 0 ? HUGE_VAL : eddy_time() + timeout;
    int due = 0;
    pthread_mutex_lock(&tracker->lock);
    while (tracker->uses > 0 && !due && eddy_time() < deadline) {
        eddy__deadline_wait(&tracker->changed, &tracker->lock, eddy__waits_until(deadline));
        due = tracker->uses > 0 && eddy__waits_due();
    }
    int over = tracker->uses == 0;
    pthread_mutex_unlock(&tracker->lock);
    return due ? -EINTR : over;
}
