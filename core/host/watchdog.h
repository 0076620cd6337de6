/* The watchdog: a thread that sees how long a handler runs, and three things it does about one
 * that runs long, each past a limit of its own: it has it told of, has it interrupted with a
 * Lua error, and ends the process. */
#ifndef EDDY_HOST_WATCHDOG_H
#define EDDY_HOST_WATCHDOG_H

#include "eddy.h"

#include <lua.h>
#include <stddef.h>

/* A Lua function, whose upvalue is the main state: watch(report, interrupt, abort, notice,
 * takes_requests), in ms; below 0: never. With no limit, and no requests, nobody watches.
 * Returns where Lua writes its heartbeat, light userdata all: a double, one more whenever a
 * handler begins; a double, 1 while one runs, else 0; the name of what it handles, and how many
 * bytes that has.
 *
 * `notice(ms, to_interrupt)` is called in the middle of the handler, between two of its
 * instructions, when a limit is past: it tells of the handler, or raises to interrupt it. */
int eddy__watchdog_watch(lua_State *lua);

/* Has the handler that runs now interrupted, once, if requests are taken: `notice` gets `who`,
 * which is not 0, as its third argument. Returns 0 when none runs, or it was requested before;
 * else 1, and the handler's name. From any thread, and from a signal handler. */
int eddy__watchdog_request(int who, char *name, size_t room);

/* Whether a handler runs that is watched, and its name. From any thread. */
int eddy__watchdog_running(char *name, size_t room);

#endif
