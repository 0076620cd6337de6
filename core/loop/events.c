#include "loop/events.h"
#include "base/sys.h"

enum { FIRST_CAPACITY = 64 };

int eddy__batch_reserve(eddy__batch *batch) {
    if (batch->count < batch->capacity) return 0;
    int capacity = batch->capacity ? batch->capacity * 2 : FIRST_CAPACITY;
    eddy_event *events = eddy__realloc(batch->events, (size_t)capacity * sizeof *events);
    if (!events) return -ENOMEM;
    batch->events = events;
    batch->capacity = capacity;
    return 0;
}

eddy_event *eddy__batch_add(eddy__batch *batch, int kind, uint32_t id, int value) {
    eddy_event *event = &batch->events[batch->count++];
    *event = (eddy_event){.kind = kind, .id = id, .value = value};
    return event;
}

void eddy__batch_free(eddy__batch *batch) {
    eddy__free(batch->events);
    *batch = (eddy__batch){0};
}
