/* eddy: runs a Lua script and the loop that it leaves. What the command does is written in Lua,
 * in lua/eddy/host/main.lua; nothing outside this folder knows Lua's C API. */
#include "counters/page.h"
#include "host/bundle.h"
#include "host/emfile.h"
#include "host/exit_deadline.h"
#include "host/greetings.h"
#include "host/hooking.h"
#include "host/inherited.h"
#include "host/interrupt.h"
#include "host/late_errors.h"
#include "host/libzmq_calls.h"
#include "host/process_id.h"
#include "host/request_signal.h"
#include "host/service.h"
#include "host/state.h"
#include "host/thread.h"
#include "host/thread_calls.h"
#include "host/watchdog.h"

#include <lauxlib.h>
#include <libgen.h>
#include <limits.h>
#include <lua.h>
#include <malloc.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    FAILED = 1,
    INTERNAL_ERROR = 70,
    LEAST_END_MS = 500, /* for libzmq's end, if there is no other limit */
    GRACE_MS = 250,     /* for the rest of the end */
    KEPT_BYTES = 32 << 20,
};

/* FFI pointers come as numbers; they fit. */
static void *pointer(lua_State *lua) {
    return (void *)(intptr_t)lua_tonumber(lua, 1);
}

static int guard(lua_State *lua) {
    eddy__interrupt_guard(pointer(lua));
    return 0;
}

static int release(lua_State *lua) {
    (void)lua;
    eddy__interrupt_release();
    return 0;
}

static int guard_device(lua_State *lua) {
    eddy__interrupt_guard_device(pointer(lua));
    return 0;
}

static int release_device(lua_State *lua) {
    (void)lua;
    eddy__interrupt_release_device();
    return 0;
}

static int guard_waits(lua_State *lua) {
    eddy__interrupt_guard_waits(lua_toboolean(lua, 1));
    return 0;
}

/* exit_by(deadline, status) */
static int exit_by(lua_State *lua) {
    eddy__interrupt_end();
    eddy__exit_deadline_set(lua_tonumber(lua, 1), (int)lua_tointeger(lua, 2));
    return 0;
}

/* Something failed that only LuaJIT heard of. */
static int is_failed;

static int fail(lua_State *lua) {
    (void)lua;
    is_failed = 1;
    return 0;
}

/* folder_of(file): the folder that the file really is in, whatever links lead there; the
 * current one without a file, and for what is none, as a pipe's descriptor. */
static int folder_of(lua_State *lua) {
    char path[PATH_MAX];
    const char *file = lua_tostring(lua, 1);
    if (file && realpath(file, path)) {
        lua_pushstring(lua, dirname(path));
    } else if (getcwd(path, sizeof path)) {
        lua_pushstring(lua, path);
    } else {
        lua_pushnil(lua);
    }
    return 1;
}

/* Given the main state, which is the one that is profiled, whichever coroutine asks. */
static int profile(lua_State *lua) {
    lua_State *state = lua_touserdata(lua, lua_upvalueindex(1));
    if (lua_toboolean(lua, 1))
        eddy__hooking_profile(state);
    else
        eddy__hooking_profiled(state);
    return 0;
}

/* What the host's module can ask of us, by name. */
static void push_services(lua_State *lua) {
    static const luaL_Reg services[] = {{"guard", guard},
                                        {"release", release},
                                        {"guard_device", guard_device},
                                        {"release_device", release_device},
                                        {"guard_waits", guard_waits},
                                        {"exit_by", exit_by},
                                        {"fail", fail},
                                        {"folder_of", folder_of},
                                        {"take_signal", eddy__request_signal_take},
                                        {NULL, NULL}};
    lua_newtable(lua);
    luaL_register(lua, NULL, services);
    lua_pushlightuserdata(lua, lua);
    lua_pushcclosure(lua, eddy__watchdog_watch, 1);
    lua_setfield(lua, -2, "watch");
    lua_pushlightuserdata(lua, lua);
    lua_pushcclosure(lua, profile, 1);
    lua_setfield(lua, -2, "profile");
    eddy__thread_calls(lua);
    eddy__service_calls(lua);
}

/* Runs inside a protected call: loads the host's module and gives it the arguments and our
 * services. Returns what it returns: the exit code, and the time to be gone by. */
static int run(lua_State *lua) {
    int argc = (int)lua_tointeger(lua, 1);
    char **argv = lua_touserdata(lua, 2);
    eddy__state_load(lua, "eddy.host.main");
    lua_createtable(lua, argc, 1);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(lua, argv[i]);
        lua_rawseti(lua, -2, i);
    }
    push_services(lua);
    lua_call(lua, 2, 2);
    return 2;
}

/* The soft limit of descriptors is for programs that use select; this one takes them all. */
static void raise_descriptor_limit(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/* Large messages come and go: pages given back to the kernel with each would be taken again
 * with the next. So much is kept. */
static void keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

int main(int argc, char **argv) {
    eddy__inherited_settle();
    eddy__bundle_prepare();
    eddy__service_prepare();
    raise_descriptor_limit();
    eddy__emfile_prepare();
    eddy__late_errors_prepare();
    eddy__greetings_prepare();
    eddy__libzmq_calls_prepare();
    eddy__process_id_prepare();
    keep_freed_memory();
    eddy__interrupt_prepare();
    lua_State *lua = eddy__state_new();
    if (!lua) {
        fprintf(stderr, "eddy: no memory for a Lua state\n");
        return INTERNAL_ERROR;
    }
    lua_pushcfunction(lua, run);
    lua_pushinteger(lua, argc);
    lua_pushlightuserdata(lua, argv);
    int status = INTERNAL_ERROR;
    double deadline = 0;
    if (lua_pcall(lua, 2, 2, 0) == 0) {
        status = (int)lua_tointeger(lua, -2);
        deadline = lua_tonumber(lua, -1);
    } else {
        if (!lua_isstring(lua, -1)) luaL_callmeta(lua, -1, "__tostring");
        const char *text = lua_tostring(lua, -1);
        fprintf(stderr, "eddy: internal error: %s\n", text ? text : "of no text");
    }
    /* Finalizers, and an output that nobody reads, must not hold us longer than they may. */
    deadline = fmax(deadline, eddy_time() + LEAST_END_MS);
    eddy__exit_deadline_set(deadline + GRACE_MS, status);
    eddy__interrupt_end();
    lua_close(lua);
    int failed = is_failed || eddy__threads_failures() > 0;
    if (status == 0 && failed) status = FAILED;
    fflush(NULL);
    eddy_page_end(status);
    char name[1];
    /* Something inside libzmq, or a thread, would hold us longer than it may. */
    int is_over = eddy_shutdown(deadline) == 0 && eddy__threads_wait(0, name, 0) == 0;
    if (!is_over) _exit(status);
    return status;
}
