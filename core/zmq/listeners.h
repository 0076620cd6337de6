/* Where sockets are bound, so that an address that this process gave back is known: libzmq lets
 * go of it in its own threads, some ms after the close or unbind. */
#ifndef EDDY_ZMQ_LISTENERS_H
#define EDDY_ZMQ_LISTENERS_H

#include "base/list.h"

#include <stdint.h>

/* An address, as far as it tells one listener of this process from another: a tcp port, the
 * file of an ipc path, a name. */
typedef struct eddy__address {
    int kind; /* 0: none */
    uint64_t what, where;
} eddy__address;

/* The addresses that a socket is bound to. All zero at first. */
typedef struct eddy__listeners {
    eddy__node node; /* in the list of all that are bound */
    eddy__address *addresses;
    int count, capacity;
} eddy__listeners;

/* The address of an endpoint in a libzmq context; for a path, that of the file there now. */
eddy__address eddy__listeners_address(const void *context, const char *endpoint);

/* That of a tcp port. */
eddy__address eddy__listeners_port(int port);

/* Whether a socket of this process's is bound there. */
int eddy__listeners_is_bound(eddy__address address);

/* The socket is about to be bound there: makes room for one more address. 0 or -ENOMEM. */
int eddy__listeners_bind(eddy__listeners *listeners, eddy__address address);

/* It is, by the endpoint that libzmq made of the one that was asked for. */
void eddy__listeners_bound(eddy__listeners *listeners, eddy__address address);

/* It could not be. */
void eddy__listeners_refused(eddy__address address);

/* It is bound there no more. */
void eddy__listeners_leave(eddy__listeners *listeners, eddy__address address);

/* It is about to be closed. */
void eddy__listeners_free(eddy__listeners *listeners);

/* Whether it was given back less than a second ago, and nobody was bound there since: libzmq
 * may have it still, and whoever binds there waits. */
int eddy__listeners_is_going(eddy__address address);

/* Whether this process may still listen there: what others took meanwhile is not waited for. */
int eddy__listeners_is_here(eddy__address address);

#endif
