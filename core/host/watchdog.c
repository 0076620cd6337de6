#include "host/watchdog.h"
#include "base/deadline.h"
#include "base/signal_mask.h"
#include "host/fatal_signal.h"
#include "host/hooking.h"

#include <lauxlib.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LEAST_TICK_MS = 1,
    MOST_TICK_MS = 100,
    TICKS_A_LIMIT = 10, /* how exact a limit is */
    NAME_BYTES = 128,
    PATIENCE_MS = 100, /* for an answer from Lua, before the thread itself tells */
};

/* What the thread wants of the handler that runs. */
enum { NOTHING, REPORT, INTERRUPT };

/* What Lua writes while it runs handlers. */
typedef struct heartbeat {
    double beats;          /* one more whenever a handler begins */
    double busy;           /* 1 while a handler runs, else 0 */
    char name[NAME_BYTES]; /* of what it handles */
} heartbeat;

/* Signal handlers and hooks have no argument to find it by: so there is one watchdog. */
static struct {
    lua_State *lua;
    pthread_t watched, thread;
    int is_on, hooks;
    double report, interrupt, abort; /* ms; HUGE_VAL: never */
    heartbeat heart;

    pthread_mutex_t lock;
    pthread_cond_t stopping;
    int stop;

    atomic_int wanted;
    _Atomic double elapsed; /* of the handler that is wanted */
    _Atomic double beat;    /* which one it is */
    atomic_int answered;    /* it was told of */
    lua_Hook hook;          /* the script's own, while ours is in its place */
    int mask, count;
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER, .stopping = PTHREAD_COND_INITIALIZER};

static const char NOTICE[] = "eddy.watchdog";

static void unhook(lua_State *lua) {
    lua_sethook(lua, dog.hook, dog.mask, dog.count);
}

/* Runs between two instructions of the handler. To interrupt, it stays until the handler has
 * ended: an error that the handler catches is raised again at its next instruction. */
static void hook(lua_State *lua, lua_Debug *record) {
    (void)record;
    int wanted = atomic_load(&dog.wanted);
    int is_the_one = dog.heart.busy && atomic_load(&dog.beat) == dog.heart.beats;
    if (wanted == NOTHING || !is_the_one) return unhook(lua);
    atomic_store(&dog.answered, 1);
    if (wanted == REPORT) {
        atomic_store(&dog.wanted, NOTHING);
        unhook(lua);
    }
    lua_getfield(lua, LUA_REGISTRYINDEX, NOTICE);
    lua_pushnumber(lua, atomic_load(&dog.elapsed));
    lua_pushboolean(lua, wanted == INTERRUPT);
    lua_call(lua, 2, 0);
}

/* Sets the hook, as the command luajit does for Ctrl-C. */
static int set_hook(void) {
    if (!atomic_load(&dog.wanted)) return 0;
    if (lua_gethook(dog.lua) != hook) {
        dog.hook = lua_gethook(dog.lua);
        dog.mask = lua_gethookmask(dog.lua);
        dog.count = lua_gethookcount(dog.lua);
    }
    /* Off and on: a signal in the middle of LuaJIT's own change of hooks may have had no
     * effect. */
    lua_sethook(dog.lua, NULL, 0, 0);
    lua_sethook(dog.lua, hook, LUA_MASKCOUNT, 1);
    eddy_waits_poke();
    return 1;
}

static void tell(const char *what, double elapsed) {
    dprintf(2, "eddy: %s: its handler has run for %.0f ms, %s\n", dog.heart.name, elapsed,
            what);
}

/* The thread's view of the handler that runs. */
typedef struct watch {
    double beat, elapsed;
    int told; /* by the thread, as Lua does not answer */
} watch;

static void want(const watch *seen, int what) {
    atomic_store(&dog.elapsed, seen->elapsed);
    atomic_store(&dog.beat, seen->beat);
    atomic_store(&dog.wanted, what);
    eddy__hooking_poke(dog.lua, dog.watched);
}

static void look(watch *seen, double passed) {
    double beat = dog.heart.beats;
    if (!dog.heart.busy || beat != seen->beat) {
        *seen = (watch){.beat = beat};
        atomic_store(&dog.wanted, NOTHING);
        atomic_store(&dog.answered, 0);
        return;
    }
    seen->elapsed += passed;
    if (seen->elapsed >= dog.abort) {
        tell("past the last limit: the process is aborted", seen->elapsed);
        eddy__fatal_signal(SIGABRT);
    }
    int answered = atomic_load(&dog.answered);
    if (seen->elapsed >= dog.interrupt)
        want(seen, INTERRUPT);
    else if (seen->elapsed >= dog.report && !answered && !seen->told)
        want(seen, REPORT);
    double asked = fmin(dog.report, dog.interrupt);
    if (seen->elapsed >= asked + PATIENCE_MS && !answered && !seen->told) {
        seen->told = 1;
        tell("and is in a C function that does not return", seen->elapsed);
    }
}

/* The CPU time that the process has used, in ms. */
static double used(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void *keep_watch(void *unused) {
    double least = fmin(dog.report, fmin(dog.interrupt, dog.abort));
    double tick = fmin(fmax(least / TICKS_A_LIMIT, LEAST_TICK_MS), MOST_TICK_MS);
    double before = eddy_time(), used_before = used();
    watch seen = {.beat = -1};
    pthread_mutex_lock(&dog.lock);
    while (!dog.stop) {
        struct timespec at = eddy__deadline(before + tick);
        pthread_cond_clockwait(&dog.stopping, &dog.lock, CLOCK_MONOTONIC, &at);
        double now = eddy_time(), used_now = used();
        /* A thread that comes late was in a process that was suspended, which does not count,
         * or on a busy machine, where the handler went on. */
        look(&seen, fmin(now - before, fmax(2 * tick, used_now - used_before)));
        before = now;
        used_before = used_now;
    }
    pthread_mutex_unlock(&dog.lock);
    return unused;
}

static int start_thread(void) {
    dog.stop = 0;
    dog.watched = pthread_self();
    return eddy__signal_mask_thread(&dog.thread, keep_watch, NULL);
}

static void end_watch(lua_State *lua) {
    if (dog.is_on) {
        pthread_mutex_lock(&dog.lock);
        dog.stop = 1;
        pthread_cond_signal(&dog.stopping);
        pthread_mutex_unlock(&dog.lock);
        pthread_join(dog.thread, NULL);
        atomic_store(&dog.wanted, NOTHING);
    }
    if (lua_gethook(lua) == hook) unhook(lua);
    if (dog.hooks) eddy__hooking_end();
    dog.is_on = dog.hooks = 0;
}

static double limit(lua_State *lua, int argument) {
    double ms = lua_tonumber(lua, argument);
    return ms < 0 ? HUGE_VAL : ms;
}

int eddy__watchdog_watch(lua_State *lua) {
    dog.lua = lua_touserdata(lua, lua_upvalueindex(1));
    end_watch(dog.lua);
    dog.report = limit(lua, 1);
    dog.interrupt = limit(lua, 2);
    dog.abort = limit(lua, 3);
    lua_pushvalue(lua, 4);
    lua_setfield(lua, LUA_REGISTRYINDEX, NOTICE);
    dog.hooks = isfinite(dog.report) || isfinite(dog.interrupt);
    if (dog.hooks) eddy__hooking_begin(dog.lua, set_hook);
    if (dog.hooks || isfinite(dog.abort)) {
        dog.is_on = start_thread() == 0;
        if (!dog.is_on) {
            end_watch(dog.lua);
            return luaL_error(lua, "set_watchdog: no thread can be started");
        }
    }
    lua_pushlightuserdata(lua, &dog.heart.beats);
    lua_pushlightuserdata(lua, &dog.heart.busy);
    lua_pushlightuserdata(lua, dog.heart.name);
    lua_pushinteger(lua, NAME_BYTES);
    return 4;
}
