/* The proxy of devices: carries whole messages between two sockets, both ways, in the
 * thread that calls it. A message is received only when the other side, and the monitor, can
 * take one, so that each side's high-water mark holds for the other. One is in hand at most
 * in each direction, when a side that could take messages filled up. */
#ifndef EDDY_DEVICE_PROXY_H
#define EDDY_DEVICE_PROXY_H

#include "device/relay.h"

/* Makes the proxy of a plan. Prefixes are copied; one whose size is negative is none. NULL,
 * with `error` set to -errno. Its `open` is -ENOTSUP when the monitor is of a type that cannot
 * send. What has come in before it was told to end still goes through, as far as the other side
 * can take it at once. */
eddy__relay *eddy__proxy_new(const eddy_device_plan *plan, int *error);

#endif
