/* Hooks from outside: another thread has a Lua state call its hook between two instructions,
 * also of compiled code, which looks for none by itself. */
#ifndef EDDY_HOST_HOOKING_H
#define EDDY_HOST_HOOKING_H

#include <lua.h>
#include <pthread.h>

/* On the state's thread, in a C function or before its code runs: from now on its compiled code
 * can be left. `set` is called there when the thread is poked, inside a signal handler; it sets
 * the hook and returns 1, or 0 when there is nothing to do. */
void eddy__hooking_begin(lua_State *lua, int (*set)(void));

/* From any thread, while that of the state is there: has `set` called. To be repeated until the
 * hook was: one signal may come in the middle of LuaJIT's own change of hooks. While somebody
 * else has LuaJIT's profiler, which is one for the process, compiled code is not left. */
void eddy__hooking_poke(lua_State *lua, pthread_t thread);

/* In a thread that has begun, in a C function of its state's: others may have the profiler. */
void eddy__hooking_yield(void);

/* The same, and its compiled code need not look any more. */
void eddy__hooking_end(void);

/* LuaJIT's profiler was just started on this thread's state, in the mode `l`, for a profile:
 * pokes and samples share the signal until `profiled`, which stops it. */
void eddy__hooking_profile(lua_State *lua);
void eddy__hooking_profiled(lua_State *lua);

#endif
