/* Devices: a proxy, the thread that runs it, and their life. A device belongs to those who
 * have its pointer and, while it runs, to itself; it runs on when nobody has it any more. */
#ifndef EDDY_DEVICE_DEVICE_H
#define EDDY_DEVICE_DEVICE_H

#include "eddy.h"

/* Stops the devices whose sockets are the context's, and waits until they have ended. */
void eddy__device_end_all(eddy_context *context);

#endif
