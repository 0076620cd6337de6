/* The folders where processes have their pages. */
#ifndef EDDY_COUNTERS_FOLDER_H
#define EDDY_COUNTERS_FOLDER_H

#include "counters/page.h"

/* What the pages' names end with whose processes have ended: the rest is the process's id. */
#define EDDY__DEAD ".dead"

/* Gives pages their other name whose processes have died, and removes those that have had it
 * for a day, and the oldest of many. */
void eddy__folder_clean(const char *folder);

/* Whether a process has the page of this path. */
int eddy__page_is_held(const char *path);

#endif
