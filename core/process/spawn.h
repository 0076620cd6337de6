/* Starts a program: from a call in this process to the first instruction of another one. */
#ifndef EDDY_PROCESS_SPAWN_H
#define EDDY_PROCESS_SPAWN_H

#include "eddy.h"

#include <sys/types.h>

enum { EDDY__SPAWN_ENDS = 5 }; /* its standard streams, and the channel's two */

/* Starts what the plan says, with the descriptors that are to be its standard streams and its
 * channel; -1: what this process has there. It begins with default
 * actions and no blocked signals, without any other descriptor of ours, and with the limit of
 * descriptors that our own parent gave us. Its process id; or -errno, and `plan->failed` says
 * of what. */
pid_t eddy__spawn(eddy_spawn *plan, const int ends[EDDY__SPAWN_ENDS]);

#endif
