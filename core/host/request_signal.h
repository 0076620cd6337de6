/* The signal that interrupts the handler that runs, and else does as before. */
#ifndef EDDY_HOST_REQUEST_SIGNAL_H
#define EDDY_HOST_REQUEST_SIGNAL_H

#include <lua.h>

/* A Lua function: takes the signal of that number from now on; 0: none any more. What it finds
 * in its place, a script's handler or ours, it calls where no handler runs. */
int eddy__request_signal_take(lua_State *lua);

#endif
