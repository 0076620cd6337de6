#include "host/hooking.h"

#include <errno.h>
#include <lauxlib.h>
#include <luajit.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* LuaJIT's profiler has compiled code look for it at every line, and leave; its own timer never
 * fires here. It is one for the process, while code that was compiled with an eye on it, by
 * `l`, looks for it whoever has it now. So states have it in turns. */
static const char LOOK[] = "li2000000000", TAKE[] = "i2000000000";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int is_installed;
static _Atomic(lua_State *) owner;    /* who has the profiler, of ours */
static void (*_Atomic profiler)(int); /* LuaJIT's own handler of SIGPROF */

/* A script's profile, in its state's thread: LuaJIT's own timer fires. */
static _Atomic(lua_State *) profiled;
static pthread_t profiled_thread;

static __thread lua_State *mine;
static __thread int (*set_hook)(void);

/* What LuaJIT's profiler does makes compiled code go back to the interpreter, which has hooks.
 */
static void handle(int number) {
    int error = errno;
    int is_set = set_hook && set_hook();
    if (atomic_load(&profiled)) {
        /* The timer's signal may come to any thread that takes it. */
        if (pthread_equal(pthread_self(), profiled_thread))
            atomic_load (&profiler)(number);
        else if (!is_set)
            pthread_kill(profiled_thread, number);
    } else if (is_set && mine && atomic_load(&owner) == mine) {
        atomic_load (&profiler)(number);
    }
    errno = error;
}

static void ignore_samples(void *data, lua_State *lua, int samples, int state) {
    (void)data, (void)lua, (void)samples, (void)state;
}

static void install(struct sigaction *before) {
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = handle;
    ours.sa_flags = SA_RESTART;
    sigaction(SIGPROF, &ours, before);
}

static int is_ours(void) {
    struct sigaction now;
    return sigaction(SIGPROF, NULL, &now) == 0 && now.sa_handler == handle;
}

/* Whether the state has the profiler now: nobody else did. */
static int take(lua_State *lua) {
    if (atomic_load(&profiled)) return atomic_load(&profiled) == lua;
    if (atomic_load(&owner)) return atomic_load(&owner) == lua;
    struct sigaction theirs;
    /* A script's profiler runs: to begin another one in its state would free compiled code. */
    if (!is_ours()) return 0;
    luaJIT_profile_start(lua, TAKE, ignore_samples, NULL);
    if (is_ours()) return 0; /* it has just begun in another state */
    install(&theirs);
    atomic_store(&profiler, theirs.sa_handler);
    atomic_store(&owner, lua);
    return 1;
}

static void let_go(lua_State *lua) {
    if (atomic_load(&profiled)) return;
    if (atomic_load(&owner) != lua) return;
    atomic_store(&owner, NULL); /* first: a signal may come in the middle of it */
    luaJIT_profile_stop(lua);
}

/* With the profiler a state would lose the mode when it gives it back: an empty one has it
 * meanwhile, unless somebody else does. */
static void have_it_look(lua_State *lua) {
    static lua_State *keeper;
    if (atomic_load(&profiled)) return;
    if (!keeper) keeper = luaL_newstate();
    if (!keeper) return;
    luaJIT_profile_start(keeper, TAKE, ignore_samples, NULL);
    luaJIT_profile_start(lua, LOOK, ignore_samples, NULL);
    luaJIT_profile_stop(keeper);
}

static void unblock(void) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGPROF);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

void eddy__hooking_begin(lua_State *lua, int (*set)(void)) {
    pthread_mutex_lock(&lock);
    if (!is_installed) install(NULL);
    is_installed = 1;
    let_go(lua);
    have_it_look(lua);
    pthread_mutex_unlock(&lock);
    mine = lua;
    set_hook = set;
    unblock();
}

void eddy__hooking_poke(lua_State *lua, pthread_t thread) {
    pthread_mutex_lock(&lock);
    take(lua);
    if (is_ours()) pthread_kill(thread, SIGPROF);
    pthread_mutex_unlock(&lock);
}

void eddy__hooking_yield(void) {
    pthread_mutex_lock(&lock);
    if (mine && atomic_load(&owner) == mine) {
        let_go(mine);
        have_it_look(mine);
    }
    pthread_mutex_unlock(&lock);
}

void eddy__hooking_end(void) {
    set_hook = NULL;
    pthread_mutex_lock(&lock);
    if (mine && take(mine)) let_go(mine);
    mine = NULL;
    pthread_mutex_unlock(&lock);
}

void eddy__hooking_profile(lua_State *lua) {
    struct sigaction theirs;
    pthread_mutex_lock(&lock);
    if (!is_ours()) {
        install(&theirs);
        atomic_store(&profiler, theirs.sa_handler);
    }
    is_installed = 1;
    profiled_thread = pthread_self();
    atomic_store(&owner, NULL);
    atomic_store(&profiled, lua);
    pthread_mutex_unlock(&lock);
    unblock();
}

void eddy__hooking_profiled(lua_State *lua) {
    pthread_mutex_lock(&lock);
    if (atomic_load(&profiled) == lua) {
        atomic_store(&profiled, NULL); /* first: a signal may come in the middle of it */
        luaJIT_profile_stop(lua);
        install(NULL); /* not what there was before the profile: a late signal would kill */
        if (mine) have_it_look(mine);
    } else {
        let_go(lua); /* or to begin would be to end first, with the mode that was just set */
    }
    pthread_mutex_unlock(&lock);
}
