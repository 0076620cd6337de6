/* What tells a process from a later one of the same id. */
#ifndef EDDY_COUNTERS_PROCESS_H
#define EDDY_COUNTERS_PROCESS_H

/* When a process started, as /proc/PID/stat has it; -1 when there is none. */
double eddy__process_started(int pid);

#endif
