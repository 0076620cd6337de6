/* Children that outlived the loop that had them: when they end, somebody must ask how, or they
 * stay in the table of processes. */
#ifndef EDDY_PROCESS_ORPHANS_H
#define EDDY_PROCESS_ORPHANS_H

#include <sys/types.h>

/* Takes one. From any thread. */
void eddy__orphans_add(pid_t pid);

/* Asks those that have ended. From any thread. */
void eddy__orphans_reap(void);

#endif
