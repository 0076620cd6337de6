/* The routing ids that a socket gave its connections with ZMQ_CONNECT_ROUTING_ID: libzmq ends
 * the process when one is given twice. An id stays claimed until the socket is closed, as
 * nothing tells when libzmq has let go of it. */
#ifndef EDDY_ZMQ_ROUTING_IDS_H
#define EDDY_ZMQ_ROUTING_IDS_H

#include <stddef.h>

typedef struct eddy__routing_id eddy__routing_id;

typedef struct eddy__routing_ids {
    eddy__routing_id *next; /* the id for the next connection; NULL: libzmq chooses one */
    eddy__routing_id *given;
} eddy__routing_ids;

/* Notes the id for the next connection. 0 or -ENOMEM. */
int eddy__routing_ids_set(eddy__routing_ids *routing_ids, const void *id, size_t size);

/* Whether a connection may be made: 0, or -EEXIST when another has its id. */
int eddy__routing_ids_check(const eddy__routing_ids *routing_ids);

/* A connection was made, with the id that was noted. */
void eddy__routing_ids_give(eddy__routing_ids *routing_ids);

void eddy__routing_ids_free(eddy__routing_ids *routing_ids);

#endif
