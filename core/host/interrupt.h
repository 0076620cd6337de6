/* SIGINT and SIGTERM for the loop that runs, and for the device that the main thread runs or
 * waits for: the first stops them, in order, with the plain sockets' waits in the loop's
 * handlers; the second, whatever runs then, or one that comes while there is neither, ends the
 * process at once. SIGPIPE stops the loop when nobody reads the standard
 * output any more; any other broken pipe is its writer's error. */
#ifndef EDDY_HOST_INTERRUPT_H
#define EDDY_HOST_INTERRUPT_H

#include "eddy.h"

/* From now on the first signal interrupts this loop, with the signal's number. To be called
 * again when the script gives a signal back. */
void eddy__interrupt_guard(eddy_loop *loop);

/* The loop no longer runs. */
void eddy__interrupt_release(void);

/* From now on the first signal stops this device, with EINTR. */
void eddy__interrupt_guard_device(eddy_device *device);

/* The device is no longer waited for. */
void eddy__interrupt_release_device(void);

/* From now on, or no more, the first signal ends the waits of the main thread, which runs no
 * loop. */
void eddy__interrupt_guard_waits(int on);

/* Takes SIGINT and SIGTERM, unless somebody has: what others of the host come to put over it.
 */
void eddy__interrupt_take(void);

/* Takes SIGPIPE, for as long as the process lives. The others are taken when something is
 * guarded first, unless the script takes them. */
void eddy__interrupt_prepare(void);

/* The process ends by itself: what is still printed may go nowhere. */
void eddy__interrupt_end(void);

#endif
