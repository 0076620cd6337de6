/* Messages of more parts, or more bytes, than a peer may send, and peers that offer another
 * mechanism than a listener has. */
#ifndef EDDY_HOST_MESSAGE_LIMITS_H
#define EDDY_HOST_MESSAGE_LIMITS_H

#include <stddef.h>

/* libzmq keeps the parts of a message until the last one has come, whatever their number, and
 * tells nobody: a part of no bytes is two on the wire and 64 in its queue. So what is received
 * for it is read along, frame by frame, of connections to listeners that have limits; over
 * CURVE, where a frame does not tell whether it is the last, when it has been decrypted. A
 * connection that is over its limits fails for libzmq, which drops what it had of the message.
 */

/* A listener of libzmq's: it has the limits of the bind that this thread is in. */
void eddy__message_limits_listen(int listener);

/* A connection came to it. */
void eddy__message_limits_accept(int listener, int descriptor);

/* libzmq is done with a descriptor. */
void eddy__message_limits_end(int descriptor);

/* Bytes were received. Whether the connection is over its limits. */
int eddy__message_limits_exceeded(int descriptor, const void *data, size_t size);

/* The key for what comes over the connection that this thread received from last. */
void eddy__message_limits_key(const void *key);

/* A part was decrypted with a key. Whether its connection is over its limits. */
int eddy__message_limits_decrypted(const void *key, int more, size_t size);

#endif
