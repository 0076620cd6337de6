#include "host/thread_calls.h"
#include "host/thread.h"
#include "host/watchdog.h"

#include <lauxlib.h>

enum { NAME_BYTES = 64, HANDLER_BYTES = 128, COMMAND = -1 };

static const char HANDLE[] = "eddy.thread";

static eddy__thread *handle_of(lua_State *lua) {
    return *(eddy__thread **)luaL_checkudata(lua, 1, HANDLE);
}

static int refuse(lua_State *lua, int error) {
    lua_pushnil(lua);
    lua_pushinteger(lua, error);
    return 2;
}

static int thread_start(lua_State *lua) {
    size_t size;
    const char *name = luaL_checkstring(lua, 1), *job = luaL_checklstring(lua, 2, &size);
    eddy__thread **handle = lua_newuserdata(lua, sizeof(eddy__thread *));
    *handle = NULL;
    luaL_getmetatable(lua, HANDLE);
    lua_setmetatable(lua, -2);
    int error = eddy__thread_start(name, job, size, eddy__thread_calls, handle);
    return error != 0 ? refuse(lua, error) : 1;
}

static int thread_stop(lua_State *lua) {
    eddy__thread_stop(handle_of(lua), lua_tonumber(lua, 2));
    return 0;
}

static int thread_ended(lua_State *lua) {
    lua_pushboolean(lua, eddy__thread_ended(handle_of(lua)));
    return 1;
}

static int thread_wait(lua_State *lua) {
    int fd = eddy__thread_descriptor(handle_of(lua));
    if (fd < 0) return refuse(lua, -fd);
    lua_pushinteger(lua, fd);
    return 1;
}

static int thread_result(lua_State *lua) {
    size_t size;
    int failed;
    const char *result = eddy__thread_result(handle_of(lua), &size, &failed);
    lua_pushlstring(lua, result, size);
    lua_pushboolean(lua, failed);
    return 2;
}

static int let_go(lua_State *lua) {
    eddy__thread **handle = luaL_checkudata(lua, 1, HANDLE), *thread = *handle;
    *handle = NULL;
    if (thread) eddy__thread_release(thread);
    return 0;
}

static int threads_stop(lua_State *lua) {
    eddy__threads_stop(lua_tonumber(lua, 1), lua_tonumber(lua, 2));
    return 0;
}

static int threads_wait(lua_State *lua) {
    char name[NAME_BYTES] = "";
    lua_pushinteger(lua, eddy__threads_wait(lua_tonumber(lua, 1), name, sizeof name));
    lua_pushstring(lua, name);
    lua_pushboolean(lua, eddy__threads_incomplete());
    return 3;
}

/* Has the handler interrupted that runs in the main thread. Its name; nothing when none does.
 */
static int interrupt_handler(lua_State *lua) {
    char name[HANDLER_BYTES];
    if (!eddy__watchdog_request(COMMAND, name, sizeof name)) return 0;
    lua_pushstring(lua, name);
    return 1;
}

/* The name of the handler that runs there; nothing when none does, or nobody watches. */
static int running_handler(lua_State *lua) {
    char name[HANDLER_BYTES];
    if (!eddy__watchdog_running(name, sizeof name)) return 0;
    lua_pushstring(lua, name);
    return 1;
}

void eddy__thread_calls(lua_State *lua) {
    static const luaL_Reg calls[] = {
        {"thread_start", thread_start},       {"thread_stop", thread_stop},
        {"thread_ended", thread_ended},       {"thread_wait", thread_wait},
        {"thread_result", thread_result},     {"threads_stop", threads_stop},
        {"threads_wait", threads_wait},       {"interrupt_handler", interrupt_handler},
        {"running_handler", running_handler}, {NULL, NULL}};
    luaL_register(lua, NULL, calls);
    luaL_newmetatable(lua, HANDLE);
    lua_pushcfunction(lua, let_go);
    lua_setfield(lua, -2, "__gc");
    lua_pop(lua, 1);
}
