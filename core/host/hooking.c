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

static __thread lua_State *mine;
static __thread int (*set_hook)(void);

/* What LuaJIT's profiler does makes compiled code go back to the interpreter, which has hooks.
 */
static void handle(int number) {
    int error = errno;
    if (set_hook && set_hook() && mine && atomic_load(&owner) == mine)
        atomic_load (&profiler)(number);
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
    if (atomic_load(&owner)) return atomic_load(&owner) == lua;
    struct sigaction theirs;
    luaJIT_profile_start(lua, TAKE, ignore_samples, NULL);
    if (is_ours()) return 0; /* a script's profiler runs in another state */
    install(&theirs);
    atomic_store(&profiler, theirs.sa_handler);
    atomic_store(&owner, lua);
    return 1;
}

static void let_go(lua_State *lua) {
    if (atomic_load(&owner) != lua) return;
    atomic_store(&owner, NULL); /* first: a signal may come in the middle of it */
    luaJIT_profile_stop(lua);
}

/* With the profiler a state would lose the mode when it gives it back: an empty one has it
 * meanwhile, unless somebody else does. */
static void have_it_look(lua_State *lua) {
    static lua_State *keeper;
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
