/* A Lua state's memory. What is small, as strings of messages are, comes from pages of things
 * of one size: LuaJIT's own allocator puts the pieces of what it freed together again, and
 * touches for it what lies around. */
#ifndef EDDY_HOST_HEAP_H
#define EDDY_HOST_HEAP_H

#include <lua.h>

/* A state that has such a heap, which ends with it; where LuaJIT takes no memory but its own, a
 * plain one. NULL: no memory. */
lua_State *eddy__heap_state(void);

#endif
