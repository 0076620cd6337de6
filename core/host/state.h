/* Lua states: with Lua's libraries, eddy's modules, and what to do when nothing helps. */
#ifndef EDDY_HOST_STATE_H
#define EDDY_HOST_STATE_H

#include <lua.h>

/* An empty state. Its panic ends the process, and names the thread, if it has a name. NULL: no
 * memory. */
lua_State *eddy__state_new(void);

/* Inside a protected call: loads the libraries, and pushes the function `main` of one of
 * eddy's modules. */
void eddy__state_load(lua_State *lua, const char *module);

/* The calling thread's name, in what is said when it ends the process. It is kept. */
void eddy__state_name(const char *name);

#endif
