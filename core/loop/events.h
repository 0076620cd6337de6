/* The array of events that one turn fills. */
#ifndef EDDY_BATCH_H
#define EDDY_BATCH_H

#include "eddy.h"

typedef struct eddy__batch {
    eddy_event *events;
    int count, capacity;
} eddy__batch;

/* Makes room for one more event: 0 or -ENOMEM. The next eddy__batch_add cannot fail. */
int eddy__batch_reserve(eddy__batch *batch);

/* Appends an event, which must have been reserved. Good until the next call. */
eddy_event *eddy__batch_add(eddy__batch *batch, int kind, uint32_t id, int value);

void eddy__batch_free(eddy__batch *batch);

#endif
