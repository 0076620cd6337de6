/* The array of events that one turn fills. */
#ifndef EDDY_LOOP_EVENTS_H
#define EDDY_LOOP_EVENTS_H

#include "eddy.h"

typedef struct eddy__events {
    eddy_event *events;
    int count, capacity;
} eddy__events;

/* Makes room for one more event: 0 or -ENOMEM. The next eddy__events_add cannot fail. */
int eddy__events_reserve(eddy__events *batch);

/* Appends an event, which must have been reserved. Good until the next call. */
eddy_event *eddy__events_add(eddy__events *batch, int kind, uint32_t id, int value);

void eddy__events_free(eddy__events *batch);

#endif
