/* What scripts do with threads, as functions of Lua's. */
#ifndef EDDY_HOST_THREAD_CALLS_H
#define EDDY_HOST_THREAD_CALLS_H

#include <lua.h>

/* Puts them into the table on top of the stack. `thread_start(name, job)` returns a handle, or
 * nil and an errno; `thread_stop(handle, ms)`; `thread_ended(handle)`; `thread_wait(handle)`
 * returns a descriptor, or nil and an errno; `thread_result(handle)` the results and whether it
 * failed; `threads_stop(ms, deadline)`; `threads_wait(deadline)` how many run still, the name
 * of one, and whether one that has ended had messages which were not sent. See thread.h. */
void eddy__thread_calls(lua_State *lua);

#endif
