/* Errors of connections, told to libzmq when it can hear them. */
#ifndef EDDY_LATE_ERRORS_H
#define EDDY_LATE_ERRORS_H

/* The kernel tells libzmq's I/O threads of a connection's error also while they want no input
 * from it, because its queue is full. libzmq (4.3.4, and later ones) then takes it out of its
 * poller and goes on with what it has received; a PING among that, or a heartbeat that is due,
 * ends the process. From now on an error counts as what they wait for, input or output, as it
 * does with select; when they wait for neither they hear of it once they do.
 */
void eddy__late_errors_prepare(void);

#endif
