#include "loop/events.h"
#include "base/sys.h"

enum { FIRST_CAPACITY = 64 };

int eddy__events_reserve(eddy__events *batch) {
    if (batch->count < batch->capacity) return 0;
    int capacity = batch->capacity ? batch->capacity * 2 : FIRST_CAPACITY;
    eddy_event *events = eddy__realloc(batch->events, (size_t)capacity * sizeof *events);
    if (!events) return -ENOMEM;
    batch->events = events;
    batch->capacity = capacity;
    return 0;
}

eddy_event *eddy__events_add(eddy__events *batch, int kind, uint32_t id, int value) {
    eddy_event *event = &batch->events[batch->count++];
    *event = (eddy_event){.kind = kind, .id = id, .value = value};
    return event;
}

void eddy__events_free(eddy__events *batch) {
    eddy__free(batch->events);
    *batch = (eddy__events){0};
}
