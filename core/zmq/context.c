#include "zmq/context.h"
#include "base/deadline.h"
#include "base/fork.h"
#include "base/id_map.h"
#include "base/sys.h"
#include "base/waits.h"
#include "zmq/ending.h"

#include <limits.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

enum { NOT_BEGUN, BEGUN, OVER };

enum {
    SOCKET = 1,
    MOST_SOCKETS = 65535, /* libzmq takes 12 bytes for each at once */
    KEPT_BACK = 1,        /* of libzmq's sockets, for the end */
};

struct eddy_context {
    void *zmq; /* NULL once terminated */
    int is_shared;
    int is_limited; /* its number of sockets was set */
    int end;        /* of its libzmq context, in a thread */
    int born;       /* eddy__fork_count when it was made */
    int references;
    pthread_mutex_t lock; /* of `references` and `sockets`; finding needs none */
    eddy__id_map sockets;
};

static struct {
    pthread_mutex_t lock;
    void *zmq;  /* the shared one */
    int users;  /* contexts that are on it */
    int ending; /* contexts that are being terminated */
    pthread_cond_t ended;
} process = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

/* A child needs a context of its own, and none of the parent's threads will release the lock.
 */
static void forked(void) {
    process.zmq = NULL;
    process.users = process.ending = 0;
    pthread_mutex_init(&process.lock, NULL);
    pthread_cond_init(&process.ended, NULL);
}

__attribute__((constructor)) static void begin(void) {
    pthread_atfork(NULL, NULL, forked);
}

static int is_foreign(const eddy_context *context) {
    return context->born != eddy__fork_count;
}

/* Of what its contexts share, libzmq makes some (libpgm's) with the first and frees it with the
 * last, unaware that another thread may make a first one meanwhile. So one is kept, that has no
 * sockets, for as long as the process lives. */
static void *kept;

static void keep_one(void) {
    kept = eddy__zmq_ctx();
}

/* When the library is unloaded, nobody makes another one. It is not a forked child's to end. */
__attribute__((destructor)) static void leave_kept(void) {
    if (kept && eddy__fork_count == 0) zmq_ctx_term(kept);
}

static void *new_zmq(int io_threads) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, keep_one);
    void *zmq = eddy__zmq_ctx();
    if (!zmq) return NULL;
    struct rlimit files;
    int most = MOST_SOCKETS;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < MOST_SOCKETS)
        most = (int)files.rlim_cur;
    zmq_ctx_set(zmq, ZMQ_MAX_SOCKETS, most + KEPT_BACK);
    if (io_threads >= 0 && zmq_ctx_set(zmq, ZMQ_IO_THREADS, io_threads) != 0) {
        zmq_ctx_term(zmq);
        errno = EINVAL;
        return NULL;
    }
    return zmq;
}

static void *shared_zmq(void) {
    pthread_mutex_lock(&process.lock);
    if (!process.zmq) process.zmq = new_zmq(-1);
    void *zmq = process.zmq;
    if (zmq) process.users++;
    pthread_mutex_unlock(&process.lock);
    return zmq;
}

/* A context leaves the shared one. Returns it when it was the last. */
static void *leave_shared(void) {
    pthread_mutex_lock(&process.lock);
    void *zmq = --process.users == 0 ? process.zmq : NULL;
    if (zmq) process.zmq = NULL;
    pthread_mutex_unlock(&process.lock);
    return zmq;
}

int eddy_context_new(int io_threads, eddy_context **context) {
    eddy_context *made = eddy__calloc(1, sizeof *made);
    if (!made) return -ENOMEM;
    made->is_shared = io_threads < 0;
    made->born = eddy__fork_count;
    made->zmq = made->is_shared ? shared_zmq() : new_zmq(io_threads);
    if (!made->zmq) {
        int error = errno;
        eddy__free(made);
        return -error;
    }
    made->references = 1;
    pthread_mutex_init(&made->lock, NULL);
    eddy__id_map_init(&made->sockets);
    *context = made;
    return 0;
}

static void *wait_for_end(void *zmq) {
    eddy__ending_settle(zmq);
    while (zmq_ctx_term(zmq) != 0 && errno == EINTR) continue;
    pthread_mutex_lock(&process.lock);
    process.ending--;
    pthread_cond_broadcast(&process.ended);
    pthread_mutex_unlock(&process.lock);
    return NULL;
}

/* zmq_ctx_term waits as long as anything lingers, so it waits in a thread of its own. The
 * lock is held. */
static void terminate(void *zmq) {
    pthread_t thread;
    if (eddy__thread(&thread, wait_for_end, zmq) != 0) return;
    pthread_detach(thread);
    process.ending++;
}

void eddy__context_retain(eddy_context *context) {
    pthread_mutex_lock(&context->lock);
    context->references++;
    pthread_mutex_unlock(&context->lock);
}

void eddy__context_release(eddy_context *context) {
    if (is_foreign(context)) return;
    pthread_mutex_lock(&context->lock);
    int left = --context->references;
    pthread_mutex_unlock(&context->lock);
    if (left > 0) return;
    void *zmq = context->zmq && context->is_shared ? leave_shared() : context->zmq;
    if (zmq && context->end == NOT_BEGUN) {
        pthread_mutex_lock(&process.lock);
        terminate(zmq);
        pthread_mutex_unlock(&process.lock);
    }
    eddy__id_map_free(&context->sockets);
    pthread_mutex_destroy(&context->lock);
    eddy__free(context);
}

static void *wait_for_context(void *ending) {
    eddy_context *context = ending;
    while (zmq_ctx_term(context->zmq) != 0 && errno == EINTR) continue;
    pthread_mutex_lock(&process.lock);
    context->end = OVER;
    process.ending--;
    pthread_cond_broadcast(&process.ended);
    pthread_mutex_unlock(&process.lock);
    eddy__context_release(context);
    return NULL;
}

/* Starts its end in a thread. The lock is held. 0 or -errno. */
static int begin_end(eddy_context *context) {
    pthread_t thread;
    eddy__context_retain(context);
    int error = eddy__thread(&thread, wait_for_context, context);
    if (error != 0) {
        eddy__context_release(context); /* the caller has it, too */
        return -error;
    }
    pthread_detach(thread);
    process.ending++;
    context->end = BEGUN;
    return 0;
}

/* For a wait that can be ended: libzmq's own goes on. */
static int term_elsewhere(eddy_context *context) {
    int rc = 0;
    pthread_mutex_lock(&process.lock);
    if (context->end == NOT_BEGUN) rc = begin_end(context);
    while (rc == 0 && context->end != OVER) {
        eddy__deadline_wait(&process.ended, &process.lock, eddy__waits_until(HUGE_VAL));
        if (context->end != OVER && eddy__waits_due()) rc = -EINTR;
    }
    if (rc == 0) context->zmq = NULL;
    pthread_mutex_unlock(&process.lock);
    return rc;
}

void eddy__context_settle(eddy_context *context) {
    if (!context->zmq || context->is_shared) return;
    for (int i = 0, end = 0; !end; i++) {
        const eddy__socket *socket = eddy__context_at(context, (uint32_t)i, &end);
        if (socket && eddy__thread_checker_is_elsewhere(socket->thread)) return;
    }
    eddy__ending_settle(context->zmq);
}

int eddy__context_term(eddy_context *context) {
    if (is_foreign(context)) return -ESTALE;
    if (!context->zmq) return -ETERM;
    if (context->sockets.count > 0) return -EBUSY;
    /* One that is shared is its own from now on: a wait that is ended may be waited again. */
    if (context->is_shared) context->zmq = leave_shared();
    context->is_shared = 0;
    if (context->zmq && context->end == NOT_BEGUN) eddy__ending_settle(context->zmq);
    if (context->zmq && eddy__waits_guarded()) return term_elsewhere(context);
    while (context->zmq && zmq_ctx_term(context->zmq) != 0 && errno == EINTR) continue;
    context->zmq = NULL;
    return 0;
}

int eddy_context_sockets(eddy_context *context) {
    return (int)context->sockets.count;
}

int eddy_context_get(eddy_context *context, int option) {
    if (!context->zmq) return -ETERM;
    int value = zmq_ctx_get(context->zmq, option);
    if (value < 0) return -errno;
    return option == ZMQ_MAX_SOCKETS ? value - KEPT_BACK : value;
}

int eddy_context_set(eddy_context *context, int option, int value) {
    if (!context->zmq) return -ETERM;
    if (option == ZMQ_MAX_SOCKETS) {
        if (value < 1 || value > INT_MAX - KEPT_BACK) return -EINVAL;
        context->is_limited = 1;
        value += KEPT_BACK;
    }
    return zmq_ctx_set(context->zmq, option, value) == 0 ? 0 : -errno;
}

/* With its first socket a libzmq context starts its threads, and ends the process when there
 * are no descriptors for them. */
static int has_descriptors(const eddy_context *context) {
    enum { OWN = 4, EACH_THREAD = 2, MOST = 64 };
    int fds[MOST], count = 0, fd = 0, threads = zmq_ctx_get(context->zmq, ZMQ_IO_THREADS);
    int needed = OWN + EACH_THREAD * threads;
    if (needed > MOST) needed = MOST;
    while (count < needed && (fd = eddy__eventfd()) >= 0) fds[count++] = fd;
    while (count > 0) close(fds[--count]);
    return fd < 0 ? fd : 0;
}

int eddy_socket_open(eddy_context *context, int type) {
    if (is_foreign(context)) return -ESTALE;
    if (!context->zmq) return -ETERM;
    pthread_mutex_lock(&context->lock);
    int is_first = context->sockets.used == 0;
    pthread_mutex_unlock(&context->lock);
    int rc = is_first ? has_descriptors(context) : 0;
    if (rc != 0) return rc;
    eddy__socket *socket = eddy__calloc(1, sizeof *socket);
    if (!socket) return -ENOMEM;
    int id = eddy__socket_open(socket, context->zmq, type);
    if (id == 0 && context->is_limited) id = eddy__ending_reserve(context->zmq);
    if (id == 0) {
        pthread_mutex_lock(&context->lock);
        id = eddy__id_map_add(&context->sockets, socket, SOCKET);
        if (id > 0) context->references++;
        pthread_mutex_unlock(&context->lock);
    }
    if (id < 0) {
        eddy__socket_close(socket, 0);
        eddy__free(socket);
        return id;
    }
    socket->id = (uint32_t)id;
    return id;
}

eddy__socket *eddy__context_find(const eddy_context *context, uint32_t id) {
    if (!context || is_foreign(context)) return NULL;
    eddy__socket *socket = eddy__id_map_find(&context->sockets, id, SOCKET);
    return socket && !eddy__thread_checker_is_elsewhere(socket->thread) ? socket : NULL;
}

int eddy__context_refusal(const eddy_context *context, uint32_t id) {
    if (!context) return -EBADF;
    if (is_foreign(context)) return -ESTALE;
    return eddy__id_map_find(&context->sockets, id, SOCKET) ? -EPERM : -EBADF;
}

void *eddy__context_zmq(const eddy_context *context) {
    return is_foreign(context) ? NULL : context->zmq;
}

eddy__socket *eddy__context_at(const eddy_context *context, uint32_t position, int *end) {
    int kind;
    *end = position >= context->sockets.used;
    return eddy__id_map_at(&context->sockets, position, &kind);
}

void eddy__context_take(eddy_context *context, eddy__socket *socket) {
    pthread_mutex_lock(&context->lock);
    eddy__id_map_remove(&context->sockets, socket->id);
    pthread_mutex_unlock(&context->lock);
}

void eddy__context_close(eddy_context *context, eddy__socket *socket, int linger) {
    eddy__socket_close(socket, linger);
    eddy__context_take(context, socket);
    eddy__free(socket);
    eddy__context_release(context);
}

int eddy_shutdown(double deadline) {
    pthread_mutex_lock(&process.lock);
    void *zmq = process.zmq;
    process.zmq = NULL;
    if (zmq) terminate(zmq);
    struct timespec limit = eddy__deadline(deadline);
    int rc = 0;
    while (process.ending > 0 && rc == 0)
        rc = pthread_cond_clockwait(&process.ended, &process.lock, CLOCK_MONOTONIC, &limit);
    pthread_mutex_unlock(&process.lock);
    return -rc;
}
