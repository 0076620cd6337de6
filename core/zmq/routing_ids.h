/* The routing ids that a socket gave its connections with ZMQ_CONNECT_ROUTING_ID: libzmq ends
 * the process when one is given twice. An id stays claimed until the socket is closed, as
 * nothing tells when libzmq has let go of it. */
#ifndef EDDY_CLAIMS_H
#define EDDY_CLAIMS_H

#include <stddef.h>

typedef struct eddy__claim eddy__claim;

typedef struct eddy__claims {
    eddy__claim *next; /* the id for the next connection; NULL: libzmq chooses one */
    eddy__claim *given;
} eddy__claims;

/* Notes the id for the next connection. 0 or -ENOMEM. */
int eddy__claims_set(eddy__claims *claims, const void *id, size_t size);

/* Whether a connection may be made: 0, or -EEXIST when another has its id. */
int eddy__claims_check(const eddy__claims *claims);

/* A connection was made, with the id that was noted. */
void eddy__claims_give(eddy__claims *claims);

void eddy__claims_free(eddy__claims *claims);

#endif
