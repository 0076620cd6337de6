#include "host/state.h"
#include "host/bundle.h"
#include "host/fatal_signal.h"
#include "host/heap.h"
#include "host/walk.h"

#include <lauxlib.h>
#include <libgen.h>
#include <limits.h>
#include <luajit.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static __thread const char *thread_name;

static int panic(lua_State *lua) {
    fprintf(stderr, "eddy: %s%s%sout of memory or an error outside all protection: %s\n",
            thread_name ? "thread " : "", thread_name ? thread_name : "",
            thread_name ? ": " : "", lua_tostring(lua, -1));
    eddy__fatal_signal(SIGABRT);
}

void eddy__state_name(const char *name) {
    thread_name = name;
}

lua_State *eddy__state_new(void) {
    lua_State *lua = eddy__heap_state();
    if (lua) lua_atpanic(lua, panic);
    return lua;
}

/* In a build tree the modules' files come before those in the executable: `...` is where. */
static const char USE_FILES[] =
    "local path = ...\n"
    "table.insert(package.loaders, 1, function(name)\n"
    "  local file = (name .. '.'):find('^eddy%.') and package.searchpath(name, path)\n"
    "  return file and assert(loadfile(file))\n"
    "end)\n";

/* A build tree has `lua` beside the executable. */
static void use_build_tree(lua_State *lua) {
    char path[PATH_MAX], modules[PATH_MAX + 16];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0) return;
    path[length] = '\0';
    snprintf(modules, sizeof modules, "%s/lua", dirname(path));
    if (access(modules, F_OK) != 0) return;
    if (luaL_loadstring(lua, USE_FILES) != 0) lua_error(lua);
    lua_pushfstring(lua, "%s/?.lua;%s/?/init.lua", modules, modules);
    lua_call(lua, 1, 0);
}

/* Pushes a function of one of eddy's modules. */
static void push(lua_State *lua, const char *module, const char *function) {
    lua_getglobal(lua, "require");
    lua_pushstring(lua, module);
    lua_call(lua, 1, 1);
    lua_getfield(lua, -1, function);
    lua_remove(lua, -2);
}

static void use_bundle(lua_State *lua) {
    size_t size;
    const char *code = eddy__bundle_code(&size);
    if (!code) return;
    push(lua, "eddy.base.bundle", "begin");
    lua_pushlstring(lua, code, size);
    lua_call(lua, 1, 0);
}

void eddy__state_load(lua_State *lua, const char *module) {
    luaL_openlibs(lua);
    eddy__walk_open(lua);
    use_build_tree(lua);
    use_bundle(lua);
    /* What is compiled while that is loaded is never needed again. */
    luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    push(lua, module, "main");
    luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
}
