/* Greetings of peers that speak a ZMTP older than 3.0. */
#ifndef EDDY_GREETINGS_H
#define EDDY_GREETINGS_H

/* From now on a connection of which the other side greets with a ZMTP older than 3.0, or with
 * what is none, fails for libzmq: EPROTONOSUPPORT. With such peers libzmq (4.3.4) forgets to
 * stop the clock of the handshake, and takes it for granted that there is room in queues.
 * STREAM sockets have no greetings.
 */
void eddy__greetings_prepare(void);

/* A connection begins on this descriptor of libzmq's. */
void eddy__greetings_begin(int descriptor);

#endif
