/* Fuzzes what Lua parses: script.lua is given the bytes, and raises when something is wrong. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static lua_State *lua;

static void check(int status) {
    if (status == 0) return;
    fprintf(stderr, "script.lua: %s\n", lua_tostring(lua, -1));
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!lua) {
        lua = luaL_newstate();
        luaL_openlibs(lua);
        check(luaL_loadfile(lua, getenv("EDDY_FUZZ_SCRIPT")));
        check(lua_pcall(lua, 0, 1, 0));
    }
    lua_pushvalue(lua, -1);
    lua_pushlstring(lua, (const char *)data, size);
    check(lua_pcall(lua, 1, 0, 0));
    return 0;
}
