/* What a service manager such as systemd has to say to the process at its start, and hears of
 * it.
 */
#ifndef EDDY_HOST_SERVICE_H
#define EDDY_HOST_SERVICE_H

#include <lua.h>

/* Takes what the environment says, for this process alone: no child gets it. To be called
 * before there are threads. */
void eddy__service_prepare(void);

/* Adds to the table at the top of the stack: notify(text), one datagram to the service manager,
 * which returns true, or nil and the reason; and service(): whether it wants to hear anything,
 * in how many ms it wants to hear from a loop (0: not at all), and the number of descriptors
 * that it passed and nobody can bind. */
void eddy__service_calls(lua_State *lua);

#endif
