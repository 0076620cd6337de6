/* The end by a signal. */
#ifndef EDDY_HOST_FATAL_SIGNAL_H
#define EDDY_HOST_FATAL_SIGNAL_H

/* Ends the process as the signal's default action does. The first process of a pid namespace
 * has no default actions: it exits with 128 and the number, as shells tell of signals. */
_Noreturn void eddy__fatal_signal(int number);

#endif
