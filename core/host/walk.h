/* Walks over tables, in place of Lua's own `pairs` and `next`. */
#ifndef EDDY_HOST_WALK_H
#define EDDY_HOST_WALK_H

#include <lua.h>

/* Gives a state its globals `pairs` and `next`. */
void eddy__walk_open(lua_State *lua);

#endif
