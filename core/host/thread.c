#include "host/thread.h"
#include "base/deadline.h"
#include "base/signal_mask.h"
#include "eddy.h"
#include "host/hooking.h"
#include "host/state.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NAME_BYTES = 64, SYSTEM_NAME_BYTES = 16, POKE_MS = 20 };

struct eddy__thread {
    eddy__thread *next; /* of those that run */
    pthread_t id;
    char name[NAME_BYTES];
    char *job, *result; /* what it was given, and what it returned */
    size_t job_size, result_size;
    eddy_waits *waits;
    int done;            /* an eventfd: can be read once it has ended */
    int has_handle;      /* else it frees itself */
    int ended, failed;   /* and */
    int heard;           /* the program knows */
    eddy_loop *loop;     /* that runs in it */
    lua_State *lua;      /* while the script's code runs in it */
    int stopping;        /* it was told to */
    double interrupt_at; /* its code, when it is stopping */
    atomic_int interrupts;
    void (*services)(lua_State *);
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    eddy__thread *running;
    int count, failures;
    int is_incomplete;   /* one had messages that were not sent */
    int is_ending;       /* no thread may start any more */
    double deadline;     /* for their ends, then */
    int has_interrupter; /* a thread that interrupts those whose code does not end */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static __thread eddy__thread *self;
static const char NOTICE[] = "eddy.thread.notice";

/* None of the parent's threads is in a child. */
static void forked(void) {
    pthread_mutex_init(&all.lock, NULL);
    pthread_cond_init(&all.changed, NULL);
    all.running = NULL;
    all.count = all.has_interrupter = 0;
}

__attribute__((constructor)) static void begin(void) {
    pthread_atfork(NULL, NULL, forked);
}

static void free_thread(eddy__thread *one) {
    if (one->done >= 0) close(one->done);
    if (one->waits) eddy_waits_free(one->waits);
    free(one->job);
    free(one->result);
    free(one);
}

static char *copy(const char *bytes, size_t size) {
    char *made = malloc(size > 0 ? size : 1);
    if (made) memcpy(made, bytes, size);
    return made;
}

/* Runs between two instructions of the thread's code, until that has ended: an error that is
 * caught is raised again. */
static void hook(lua_State *lua, lua_Debug *record) {
    (void)record;
    if (!self || !atomic_load(&self->interrupts)) {
        lua_sethook(lua, NULL, 0, 0);
        return;
    }
    lua_getfield(lua, LUA_REGISTRYINDEX, NOTICE);
    lua_call(lua, 0, 0);
}

static int set_hook(void) {
    if (!self || !atomic_load(&self->interrupts)) return 0;
    lua_sethook(self->lua, NULL, 0, 0);
    lua_sethook(self->lua, hook, LUA_MASKCOUNT, 1);
    return 1;
}

/* Interrupts those that are due. Returns when to look again. The lock is held. */
static double interrupt_due(void) {
    double next = HUGE_VAL, now = eddy_time();
    for (eddy__thread *one = all.running; one; one = one->next) {
        if (!one->stopping || !one->lua) continue;
        double at = one->interrupt_at;
        if (at <= now) {
            atomic_store(&one->interrupts, 1);
            eddy__hooking_poke(one->lua, one->id);
            at = now + POKE_MS;
        }
        next = fmin(next, at);
    }
    return next;
}

static void *interrupt_all(void *unused) {
    pthread_mutex_lock(&all.lock);
    for (double next; (next = interrupt_due()) < HUGE_VAL;)
        eddy__deadline_wait(&all.changed, &all.lock, next);
    all.has_interrupter = 0;
    pthread_mutex_unlock(&all.lock);
    return unused;
}

/* Has the code of threads that are stopping interrupted when it is due. The lock is held. */
static void begin_interrupting(void) {
    pthread_t id;
    if (!all.has_interrupter && eddy__signal_mask_thread(&id, interrupt_all, NULL) == 0) {
        pthread_detach(id);
        all.has_interrupter = 1;
    }
    pthread_cond_broadcast(&all.changed);
}

/* The lock is held. */
static void stop(eddy__thread *one, double ms) {
    double at = eddy_time() + ms;
    one->interrupt_at = one->stopping ? fmin(one->interrupt_at, at) : at;
    one->stopping = 1;
    eddy_waits_stop(one->waits);
    if (one->loop) eddy_loop_interrupt(one->loop, EDDY_STOPPING);
    if (one->lua) begin_interrupting();
}

/* What the thread's own state can ask for. */

static int guard(lua_State *lua) {
    pthread_mutex_lock(&all.lock);
    self->loop = (void *)(intptr_t)lua_tonumber(lua, 1);
    if (self->stopping) eddy_loop_interrupt(self->loop, EDDY_STOPPING);
    pthread_mutex_unlock(&all.lock);
    return 0;
}

static int release(lua_State *lua) {
    (void)lua;
    pthread_mutex_lock(&all.lock);
    self->loop = NULL;
    pthread_mutex_unlock(&all.lock);
    return 0;
}

/* From now on its code can be interrupted: by `notice`, which raises. */
static int begin_code(lua_State *lua) {
    lua_pushvalue(lua, 1);
    lua_setfield(lua, LUA_REGISTRYINDEX, NOTICE);
    eddy__hooking_begin(lua_touserdata(lua, lua_upvalueindex(1)), set_hook);
    pthread_mutex_lock(&all.lock);
    self->lua = lua_touserdata(lua, lua_upvalueindex(1));
    if (self->stopping) begin_interrupting();
    pthread_mutex_unlock(&all.lock);
    return 0;
}

static void end_code(void) {
    pthread_mutex_lock(&all.lock);
    lua_State *lua = self->lua;
    self->lua = NULL;
    atomic_store(&self->interrupts, 0);
    pthread_mutex_unlock(&all.lock);
    if (lua) eddy__hooking_end();
}

/* Returns whether it was told to stop, and for how long its end may last at most. */
static int end_of_code(lua_State *lua) {
    end_code();
    pthread_mutex_lock(&all.lock);
    lua_pushboolean(lua, self->stopping);
    lua_pushnumber(lua, all.is_ending ? fmax(0, all.deadline - eddy_time()) : HUGE_VAL);
    pthread_mutex_unlock(&all.lock);
    return 2;
}

static int fail(lua_State *lua) {
    (void)lua;
    pthread_mutex_lock(&all.lock);
    all.failures++;
    pthread_mutex_unlock(&all.lock);
    return 0;
}

static int tell_unsent(lua_State *lua) {
    (void)lua;
    pthread_mutex_lock(&all.lock);
    all.is_incomplete = 1;
    pthread_mutex_unlock(&all.lock);
    return 0;
}

static void push_services(lua_State *lua) {
    static const luaL_Reg services[] = {
        {"guard", guard}, {"release", release},         {"end_code", end_of_code},
        {"fail", fail},   {"tell_unsent", tell_unsent}, {NULL, NULL}};
    lua_newtable(lua);
    luaL_register(lua, NULL, services);
    lua_pushlightuserdata(lua, lua);
    lua_pushcclosure(lua, begin_code, 1);
    lua_setfield(lua, -2, "begin_code");
    self->services(lua);
}

/* Inside a protected call. */
static int run_code(lua_State *lua) {
    eddy__state_load(lua, "eddy.host.thread");
    lua_pushlstring(lua, self->job, self->job_size);
    push_services(lua);
    lua_call(lua, 2, 2);
    return 2;
}

/* Keeps what came out. */
static void keep(lua_State *lua, int failed) {
    size_t size;
    const char *bytes = lua_tolstring(lua, failed ? -1 : -2, &size);
    self->failed = failed || lua_toboolean(lua, -1);
    if (failed) fprintf(stderr, "eddy: thread %s: internal error: %s\n", self->name, bytes);
    self->result = failed || !bytes ? NULL : copy(bytes, size);
    self->result_size = self->result ? size : 0;
}

static void leave(void) {
    pthread_mutex_lock(&all.lock);
    eddy__thread **link = &all.running, *one = self;
    while (*link != one) link = &(*link)->next;
    *link = one->next;
    all.count--;
    if (one->failed) all.failures++;
    one->ended = 1;
    uint64_t news = 1;
    ssize_t written = write(one->done, &news, sizeof news);
    (void)written;
    int is_ours = !one->has_handle;
    if (is_ours) pthread_detach(one->id);
    pthread_cond_broadcast(&all.changed);
    pthread_mutex_unlock(&all.lock);
    if (is_ours) free_thread(one);
}

static void *run(void *with) {
    char name[SYSTEM_NAME_BYTES];
    self = with;
    snprintf(name, sizeof name, "%.*s", SYSTEM_NAME_BYTES - 1, self->name);
    pthread_setname_np(pthread_self(), name);
    eddy__state_name(self->name);
    eddy_waits_enter(self->waits);
    lua_State *lua = eddy__state_new();
    if (lua) {
        lua_pushcfunction(lua, run_code);
        int failed = lua_pcall(lua, 0, 2, 0) != 0;
        end_code();
        keep(lua, failed);
        lua_close(lua);
    } else {
        fprintf(stderr, "eddy: thread %s: no memory for a Lua state\n", self->name);
        self->failed = 1;
    }
    eddy_waits_enter(NULL);
    leave();
    return NULL;
}

/* Starts it, unless the process ends. 0 or an errno. */
static int launch(eddy__thread *one) {
    pthread_mutex_lock(&all.lock);
    int error = all.is_ending ? ECANCELED : eddy__signal_mask_thread(&one->id, run, one);
    if (error == 0) {
        one->has_handle = 1;
        one->next = all.running;
        all.running = one;
        all.count++;
    }
    pthread_mutex_unlock(&all.lock);
    return error;
}

int eddy__thread_start(const char *name, const char *job, size_t size,
                       void (*services)(lua_State *), eddy__thread **made) {
    eddy__thread *one = calloc(1, sizeof *one);
    if (!one) return ENOMEM;
    snprintf(one->name, sizeof one->name, "%s", name);
    one->job = copy(job, size);
    one->job_size = size;
    one->services = services;
    one->done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int error = one->done < 0 ? errno : one->job ? -eddy_waits_new(&one->waits) : ENOMEM;
    if (error == 0) error = launch(one);
    if (error != 0) {
        free_thread(one);
        return error;
    }
    *made = one;
    return 0;
}

void eddy__thread_stop(eddy__thread *one, double ms) {
    eddy__hooking_yield();
    pthread_mutex_lock(&all.lock);
    if (!one->ended) stop(one, ms);
    pthread_mutex_unlock(&all.lock);
}

int eddy__thread_ended(eddy__thread *one) {
    pthread_mutex_lock(&all.lock);
    int ended = one->ended;
    pthread_mutex_unlock(&all.lock);
    return ended;
}

int eddy__thread_descriptor(eddy__thread *one) {
    int fd = fcntl(one->done, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

const char *eddy__thread_result(eddy__thread *one, size_t *size, int *failed) {
    pthread_mutex_lock(&all.lock);
    if (one->failed && !one->heard) all.failures--;
    one->heard = 1;
    pthread_mutex_unlock(&all.lock);
    *failed = one->failed;
    *size = one->result_size;
    return one->result ? one->result : "";
}

void eddy__thread_release(eddy__thread *one) {
    pthread_mutex_lock(&all.lock);
    one->has_handle = 0;
    int ended = one->ended;
    pthread_mutex_unlock(&all.lock);
    if (!ended) return;
    pthread_join(one->id, NULL);
    free_thread(one);
}

void eddy__threads_stop(double ms, double deadline) {
    eddy__hooking_yield();
    pthread_mutex_lock(&all.lock);
    all.is_ending = 1;
    all.deadline = deadline;
    for (eddy__thread *one = all.running; one; one = one->next) stop(one, ms);
    pthread_mutex_unlock(&all.lock);
}

int eddy__threads_wait(double deadline, char *name, size_t size) {
    pthread_mutex_lock(&all.lock);
    while (all.running && eddy_time() < deadline)
        eddy__deadline_wait(&all.changed, &all.lock, deadline);
    int count = all.count;
    if (count > 0) snprintf(name, size, "%s", all.running->name);
    pthread_mutex_unlock(&all.lock);
    return count;
}

int eddy__threads_failures(void) {
    pthread_mutex_lock(&all.lock);
    int failures = all.failures;
    pthread_mutex_unlock(&all.lock);
    return failures;
}

int eddy__threads_incomplete(void) {
    pthread_mutex_lock(&all.lock);
    int is_incomplete = all.is_incomplete;
    pthread_mutex_unlock(&all.lock);
    return is_incomplete;
}
