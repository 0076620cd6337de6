/* The end of a libzmq context. zmq_ctx_term binds a new socket at each inproc name that
 * somebody waits for and nobody bound, and ends the process when there is no room for one, or
 * no descriptor. So a socket is kept back for that, and binds at all of these names first. */
#ifndef EDDY_ZMQ_ENDING_H
#define EDDY_ZMQ_ENDING_H

#include <stdint.h>

/* Keeps a socket back for the end of this context of libzmq's, if none is. 0 or -errno. */
int eddy__ending_reserve(void *context);

/* A socket is about to be bound at the inproc name of that hash: 0 or -ENOMEM. It is, so that
 * nobody waits for it. It is not, or no more. */
int eddy__ending_bind(uint64_t context, uint64_t hash);
void eddy__ending_bound(uint64_t context, uint64_t hash);
void eddy__ending_unbound(uint64_t context, uint64_t hash);

/* Whether a socket of this process's is bound at that name. */
int eddy__ending_is_bound(uint64_t context, uint64_t hash);

/* Connects a socket of libzmq's to an inproc name. 0, or -errno: -EMFILE when there is no
 * socket to keep back. */
int eddy__ending_connect(void *context, void *zmq, uint64_t hash, const char *name);

/* What is called at the beginning of each end, with the context: whoever keeps sockets of it in
 * a thread closes them. */
void eddy__ending_call(void (*fn)(void *context));

/* Makes nobody wait for a name any more. The context is about to be terminated. */
void eddy__ending_settle(void *context);

#endif
