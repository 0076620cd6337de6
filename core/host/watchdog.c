#include "host/watchdog.h"
#include "base/deadline.h"
#include "base/signal_mask.h"
#include "host/fatal_signal.h"
#include "host/hooking.h"

#include <lauxlib.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
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
    REQUEST_TICK_MS = 5,
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

    sem_t news; /* for the thread: it is to stop, or there is a request */
    atomic_int stop;

    int takes_requests;
    _Atomic double requested; /* the handler that somebody wants interrupted, by its beat, */
    atomic_int requester;     /* and who */

    atomic_int wanted;
    _Atomic double elapsed; /* of the handler that is wanted */
    _Atomic double beat;    /* which one it is */
    atomic_int answered;    /* it was told of */
    lua_Hook hook;          /* the script's own, while ours is in its place */
    int mask, count;
} dog;

static const char NOTICE[] = "eddy.watchdog";

static void unhook(lua_State *lua) {
    lua_sethook(lua, dog.hook, dog.mask, dog.count);
}

static int is_requested(double beat) {
    return dog.heart.busy && atomic_load(&dog.requested) == beat;
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
    lua_pushinteger(lua, is_requested(dog.heart.beats) ? atomic_load(&dog.requester) : 0);
    lua_call(lua, 3, 0);
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
        if (!is_requested(beat)) return;
    }
    seen->elapsed += passed;
    if (seen->elapsed >= dog.abort) {
        tell("past the last limit: the process is aborted", seen->elapsed);
        eddy__fatal_signal(SIGABRT);
    }
    int answered = atomic_load(&dog.answered);
    if (seen->elapsed >= dog.interrupt || is_requested(beat))
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
    double usual = HUGE_VAL;
    if (isfinite(least)) usual = fmin(fmax(least / TICKS_A_LIMIT, LEAST_TICK_MS), MOST_TICK_MS);
    double before = eddy_time(), used_before = used();
    watch seen = {.beat = -1};
    while (!atomic_load(&dog.stop)) {
        double tick = is_requested(dog.heart.beats) ? fmin(usual, REQUEST_TICK_MS) : usual;
        struct timespec at = eddy__deadline(before + tick);
        sem_clockwait(&dog.news, CLOCK_MONOTONIC, &at);
        double now = eddy_time(), used_now = used();
        /* A thread that comes late was in a process that was suspended, which does not count,
         * or on a busy machine, where the handler went on. */
        look(&seen, fmin(now - before, fmax(2 * tick, used_now - used_before)));
        before = now;
        used_before = used_now;
    }
    return unused;
}

static int start_thread(void) {
    static int is_ready;
    if (!is_ready) sem_init(&dog.news, 0, 0);
    is_ready = 1;
    atomic_store(&dog.stop, 0);
    atomic_store(&dog.requested, -1);
    dog.watched = pthread_self();
    return eddy__signal_mask_thread(&dog.thread, keep_watch, NULL);
}

static void end_watch(lua_State *lua) {
    if (dog.is_on) {
        dog.takes_requests = 0;
        atomic_store(&dog.stop, 1);
        sem_post(&dog.news);
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

static void copy_name(char *name, size_t room) {
    size_t size = room > 0 ? strnlen(dog.heart.name, room - 1) : 0;
    memcpy(name, dog.heart.name, size);
    if (room > 0) name[size] = '\0';
}

int eddy__watchdog_running(char *name, size_t room) {
    if (!dog.is_on || !dog.heart.busy) return 0;
    copy_name(name, room);
    return 1;
}

int eddy__watchdog_request(int who, char *name, size_t room) {
    if (!dog.takes_requests || !dog.heart.busy) return 0;
    double beat = dog.heart.beats;
    if (atomic_load(&dog.requested) == beat) return 0;
    copy_name(name, room);
    atomic_store(&dog.requester, who);
    atomic_store(&dog.requested, beat);
    sem_post(&dog.news);
    return 1;
}

int eddy__watchdog_watch(lua_State *lua) {
    dog.lua = lua_touserdata(lua, lua_upvalueindex(1));
    end_watch(dog.lua);
    dog.report = limit(lua, 1);
    dog.interrupt = limit(lua, 2);
    dog.abort = limit(lua, 3);
    lua_pushvalue(lua, 4);
    lua_setfield(lua, LUA_REGISTRYINDEX, NOTICE);
    int takes_requests = lua_toboolean(lua, 5);
    dog.hooks = isfinite(dog.report) || isfinite(dog.interrupt) || takes_requests;
    if (dog.hooks) eddy__hooking_begin(dog.lua, set_hook);
    if (dog.hooks || isfinite(dog.abort)) {
        dog.is_on = start_thread() == 0;
        if (!dog.is_on) {
            end_watch(dog.lua);
            return luaL_error(lua, "set_watchdog: no thread can be started");
        }
    }
    dog.takes_requests = takes_requests && dog.is_on;
    lua_pushlightuserdata(lua, &dog.heart.beats);
    lua_pushlightuserdata(lua, &dog.heart.busy);
    lua_pushlightuserdata(lua, dog.heart.name);
    lua_pushinteger(lua, NAME_BYTES);
    return 4;
}
