/* A front: hands requests of clients to workers that are ready, keeps each until it is
 * answered, and gives it to another worker when its own is gone.
 *
 * A worker is a DEALER. It says, each as the first part of a message:
 *   READY, n          that it takes n requests now, no more than before
 *   REPLY, id, ...    the answer to a request, and that it takes one more
 *   RETURN, id        that it gives a request back
 *   BYE               that it takes no more; what it has it still answers
 * and is told:
 *   JOB, id, ...      a request, without the client's envelope
 *   PING              nothing: a front learns so that a worker is gone */
#ifndef EDDY_DEVICE_FRONT_H
#define EDDY_DEVICE_FRONT_H

#include "device/relay.h"

/* NULL, with `error` set to -errno. */
eddy__relay *eddy__front_new(const struct eddy_front_plan *plan, int *error);

/* From any thread. */
void eddy__front_stats(const eddy__relay *relay, struct eddy_front_stats *stats);

#endif
