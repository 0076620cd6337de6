/* A queue for each peer, so that one that does not read holds up no other. A queue has the
 * name of its peer, any bytes, and exists while something is in it. */
#ifndef EDDY_STREAM_PEER_QUEUES_H
#define EDDY_STREAM_PEER_QUEUES_H

#include "base/list.h"

typedef struct eddy__peer_queue {
    eddy__node node; /* in `order` */
    eddy__list waiting;
    size_t size;
    const char *name;
} eddy__peer_queue;

typedef struct eddy__peer_queues {
    void *index;      /* by name: tsearch's tree */
    eddy__list order; /* whose turn is next */
    size_t count;
} eddy__peer_queues;

void eddy__peer_queues_init(eddy__peer_queues *peer_queues);

/* The queue of that name, or NULL. */
eddy__peer_queue *eddy__peer_queues_find(const eddy__peer_queues *peer_queues, const char *name,
                                         size_t size);

/* The same, made if need be: the last to have its turn. NULL without memory. */
eddy__peer_queue *eddy__peer_queues_open(eddy__peer_queues *peer_queues, const char *name,
                                         size_t size);

/* Ends a queue in which nothing is left. */
void eddy__peer_queues_close(eddy__peer_queues *peer_queues, eddy__peer_queue *peer_queue);

/* The queue whose turn it is, which goes to the end; there must be one. */
eddy__peer_queue *eddy__peer_queues_next(eddy__peer_queues *peer_queues);

#endif
