/* Contexts: each owns the sockets opened through it. The libzmq context below is the one
 * that the whole process shares, the core's only global, or one of its own. */
#ifndef EDDY_ZMQ_CONTEXT_H
#define EDDY_ZMQ_CONTEXT_H

#include "eddy.h"
#include "zmq/socket.h"

/* Keeps the context's memory until eddy__context_release. */
void eddy__context_retain(eddy_context *context);
void eddy__context_release(eddy_context *context);

/* The open socket of that id; NULL for a stale one, for another thread's, and after a fork for
 * all. */
eddy__socket *eddy__context_find(const eddy_context *context, uint32_t id);

/* Why eddy__context_find found none: -EBADF, -EPERM, or -ESTALE. */
int eddy__context_refusal(const eddy_context *context, uint32_t id);

/* The open socket at a position from 0, or NULL; `*end` when there are no more positions. */
eddy__socket *eddy__context_at(const eddy_context *context, uint32_t position, int *end);

/* libzmq's context; NULL once terminated, and after a fork. */
void *eddy__context_zmq(const eddy_context *context);

/* Takes the socket out of the context: it is the caller's, to close, free, and release the
 * context for. */
void eddy__context_take(eddy_context *context, eddy__socket *socket);

/* All of its sockets are about to be closed: none of them waits for an inproc name any more.
 * Once they are closed, libzmq's thread ends what waits, while a bind joins it. */
void eddy__context_settle(eddy_context *context);

/* eddy_context_term, once the context's devices have ended. */
int eddy__context_term(eddy_context *context);

/* Closes the socket, which nobody may have under a stream or watch any more. */
void eddy__context_close(eddy_context *context, eddy__socket *socket, int linger);

#endif
