#include "device/device.h"
#include "base/deadline.h"
#include "base/sys.h"
#include "base/waits.h"
#include "device/front.h"
#include "device/proxy.h"
#include "zmq/context.h"

#include <pthread.h>
#include <signal.h>

/* A thread that was told to end does so within the proxy's last 100 ms: beyond this time
 * something is wrong with it, and the process may not wait. */
enum { LONGEST_END_MS = 2000 };

enum { READY, RUNNING, ENDED };

struct eddy_device {
    eddy_device_plan plan;
    eddy__relay *relay;
    eddy__node running; /* among all that have a thread */
    int state, references;
    int result;   /* what ended it */
    int pid;      /* of the process that has the thread */
    int is_poked; /* it may be run again: it goes on */
};

/* The devices that have a thread, of all contexts: at a context's end they must be found,
 * also when nobody has their pointers any more. The lock is of this list, and of the
 * devices' state and references. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    eddy__list devices;
} all = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {&all.devices, &all.devices}};

/* A child has none of the threads, and none of them will release the lock. */
static void forked(void) {
    pthread_mutex_init(&all.lock, NULL);
    pthread_cond_init(&all.ended, NULL);
    eddy__list_init(&all.devices);
}

__attribute__((constructor)) static void prepare(void) {
    pthread_atfork(NULL, NULL, forked);
}

int eddy_device_new(const eddy_device_plan *plan, eddy_device **device) {
    eddy_device *made = eddy__calloc(1, sizeof *made);
    if (!made) return -ENOMEM;
    int rc = 0;
    made->relay = plan->front ? eddy__front_new(plan->front, &rc) : eddy__proxy_new(plan, &rc);
    if (!made->relay) {
        eddy__free(made);
        return rc;
    }
    made->plan = *plan;
    made->references = 1;
    eddy__list_init(&made->running);
    *device = made;
    return 0;
}

/* The lock is held. Frees the device outside of it when this was the last reference. */
static void release_and_unlock(eddy_device *device) {
    int left = --device->references;
    pthread_mutex_unlock(&all.lock);
    if (left > 0) return;
    device->relay->free(device->relay);
    eddy__free(device);
}

void eddy_device_free(eddy_device *device) {
    if (!device) return;
    pthread_mutex_lock(&all.lock);
    release_and_unlock(device);
}

/* Finds the plan's sockets. 0 or -errno, with `failed` set. */
static int find_sockets(eddy_device *device) {
    const eddy_device_plan *plan = &device->plan;
    eddy__socket **ends = device->relay->ends;
    for (int i = 0; i < EDDY_ENDS; i++) {
        device->relay->failed = i;
        ends[i] = NULL;
        if (!plan->contexts[i] && i > EDDY_OUT) continue;
        ends[i] = eddy__context_find(plan->contexts[i], plan->sockets[i]);
        if (!ends[i]) return eddy__context_refusal(plan->contexts[i], plan->sockets[i]);
        if (ends[i]->owner) return -EBUSY;
        for (int other = 0; other < i; other++)
            if (ends[other] == ends[i] && i > EDDY_OUT) return -EINVAL;
    }
    device->relay->failed = EDDY_ENDS;
    return 0;
}

/* Makes the device one that runs, if it is new and its sockets are good. The lock is held. */
static int begin(eddy_device *device) {
    if (device->state != READY) return -EALREADY;
    int rc = find_sockets(device);
    if (rc == 0) rc = device->relay->open(device->relay);
    if (rc == 0) device->state = RUNNING;
    return rc;
}

int eddy_device_run(eddy_device *device) {
    pthread_mutex_lock(&all.lock);
    int goes_on = device->state == RUNNING && device->is_poked;
    int rc = goes_on ? 0 : begin(device);
    pthread_mutex_unlock(&all.lock);
    if (rc != 0) return rc;
    device->result = device->relay->run(device->relay);
    device->is_poked = device->result == -EINPROGRESS;
    if (!device->is_poked) device->state = ENDED;
    return device->result;
}

static int is_one_context(const eddy_device *device) {
    for (int i = 0; i < EDDY_ENDS; i++)
        if (device->relay->ends[i] &&
            device->plan.contexts[i] != device->plan.contexts[EDDY_IN])
            return 0;
    return 1;
}

/* Whether the end has a socket that no end before it has. */
static int has_own_socket(const eddy_device *device, int end) {
    eddy__socket *const *ends = device->relay->ends;
    return ends[end] && (end == EDDY_IN || ends[end] != ends[EDDY_IN]);
}

static void take_sockets(eddy_device *device) {
    for (int i = 0; i < EDDY_ENDS; i++)
        if (has_own_socket(device, i))
            eddy__context_take(device->plan.contexts[i], device->relay->ends[i]);
}

static void close_sockets(eddy_device *device) {
    eddy__socket **ends = device->relay->ends;
    for (int i = EDDY_ENDS - 1; i >= 0; i--) {
        if (!has_own_socket(device, i)) continue;
        eddy__socket_close(ends[i], EDDY_OWN_LINGER);
        eddy__free(ends[i]);
        eddy__context_release(device->plan.contexts[i]);
    }
}

static void *live(void *argument) {
    eddy_device *device = argument;
    /* Until whoever starts it is through. */
    pthread_mutex_lock(&all.lock);
    pthread_mutex_unlock(&all.lock);
    int result = device->relay->run(device->relay);
    close_sockets(device);
    pthread_mutex_lock(&all.lock);
    device->result = result;
    device->state = ENDED;
    eddy__list_remove(&device->running);
    pthread_cond_broadcast(&all.ended);
    release_and_unlock(device);
    return NULL;
}

static int start_thread(eddy_device *device) {
    pthread_t thread;
    int error = eddy__thread(&thread, live, device);
    if (error == 0) pthread_detach(thread);
    return -error;
}

int eddy_device_start(eddy_device *device) {
    pthread_mutex_lock(&all.lock);
    int rc = begin(device);
    if (rc == 0 && !is_one_context(device)) rc = -EINVAL;
    if (rc == 0) rc = start_thread(device);
    if (rc == 0) {
        take_sockets(device);
        device->pid = getpid();
        device->references++;
        eddy__list_push(&all.devices, &device->running);
    } else if (device->state == RUNNING) {
        device->state = READY;
    }
    pthread_mutex_unlock(&all.lock);
    return rc;
}

void eddy_device_stop(eddy_device *device, int why) {
    eddy__control_end(&device->relay->control, why);
}

int eddy_device_wait(eddy_device *device, double timeout) {
    if (isnan(timeout)) return -EINVAL;
    double deadline = timeout < 0 ? HUGE_VAL : eddy_time() + timeout;
    int poked = 0;
    pthread_mutex_lock(&all.lock);
    /* After a fork the thread is the other process's. */
    while (device->state == RUNNING && !poked && eddy_time() < deadline &&
           device->pid == getpid()) {
        eddy__deadline_wait(&all.ended, &all.lock, eddy__waits_until(deadline));
        int why = eddy__waits_due() ? eddy_waits_interrupted() : 0;
        poked = why == EDDY_POKED;
        if (why > 0) eddy_device_stop(device, -EINTR);
    }
    int result = device->state == ENDED ? device->result : 0;
    pthread_mutex_unlock(&all.lock);
    return result == 0 && poked ? -EINPROGRESS : result;
}

int eddy_device_failed(eddy_device *device) {
    return device->relay->failed;
}

void eddy_device_pause(eddy_device *device, int on) {
    eddy__control_pause(&device->relay->control, on);
}

void eddy_device_stats_get(eddy_device *device, eddy_device_stats *stats) {
    const eddy__control *control = &device->relay->control;
    double *counts = &stats->in_received;
    for (int i = 0; i < EDDY__COUNTS; i++) counts[i] = eddy__control_read(&control->counts[i]);
    stats->dropped = eddy__control_read(&control->dropped);
    stats->paused = eddy__control_paused(control);
}

int eddy_device_front_stats_get(eddy_device *device, eddy_front_stats *stats) {
    if (!device->plan.front) return -ENOTSUP;
    eddy__front_stats(device->relay, stats);
    return 0;
}

/* How many of the context's devices run; tells them to end. The lock is held. */
static int stop_all(eddy_context *context) {
    int count = 0;
    for (eddy__node *node = all.devices.next; node != &all.devices; node = node->next) {
        eddy_device *device = eddy__entry(node, eddy_device, running);
        if (device->plan.contexts[EDDY_IN] != context || device->pid != getpid()) continue;
        eddy_device_stop(device, -ETERM);
        count++;
    }
    return count;
}

void eddy__device_end_all(eddy_context *context) {
    double deadline = eddy_time() + LONGEST_END_MS;
    pthread_mutex_lock(&all.lock);
    while (stop_all(context) > 0 && eddy__deadline_wait(&all.ended, &all.lock, deadline) == 0)
        continue;
    pthread_mutex_unlock(&all.lock);
}
