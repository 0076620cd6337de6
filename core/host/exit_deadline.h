/* The process's end is bounded, whatever it waits for. */
#ifndef EDDY_HOST_EXIT_DEADLINE_H
#define EDDY_HOST_EXIT_DEADLINE_H

/* If the process is still there when eddy_time() is `deadline`, it ends then, and says so,
 * with this status, or with 1 if that is 0. Called again, the last deadline and status count.
 */
void eddy__exit_deadline_set(double deadline, int status);

#endif
