#include "host/walk.h"

#include <lauxlib.h>

/* LuaJIT has its own `pairs` and `next` compiled, and what Debian's makes of them is wrong at
 * times: from some moment on a loop ends after the first key (LuaJIT #827), or half a pointer
 * is used (#829). Functions in C are called, not compiled. */
static int next(lua_State *lua) {
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 2);
    if (lua_next(lua, 1)) return 2;
    lua_pushnil(lua);
    return 1;
}

static int pairs(lua_State *lua) {
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_pushvalue(lua, 1);
    lua_pushnil(lua);
    return 3;
}

void eddy__walk_open(lua_State *lua) {
    lua_pushcfunction(lua, next);
    lua_pushvalue(lua, -1);
    lua_setglobal(lua, "next");
    lua_pushcclosure(lua, pairs, 1);
    lua_setglobal(lua, "pairs");
}
