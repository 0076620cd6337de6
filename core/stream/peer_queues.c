#include "stream/peer_queues.h"
#include "base/sys.h"

#include <search.h>
#include <string.h>

static int compare(const void *one, const void *other) {
    const eddy__lane *a = one, *b = other;
    if (a->size != b->size) return a->size < b->size ? -1 : 1;
    return a->size == 0 ? 0 : memcmp(a->name, b->name, a->size);
}

void eddy__lanes_init(eddy__lanes *lanes) {
    *lanes = (eddy__lanes){0};
    eddy__list_init(&lanes->order);
}

eddy__lane *eddy__lanes_find(const eddy__lanes *lanes, const char *name, size_t size) {
    eddy__lane key = {.size = size, .name = name};
    void *found = tfind(&key, &lanes->index, compare);
    return found ? *(eddy__lane **)found : NULL;
}

eddy__lane *eddy__lanes_open(eddy__lanes *lanes, const char *name, size_t size) {
    eddy__lane *lane = eddy__lanes_find(lanes, name, size);
    if (lane) return lane;
    lane = eddy__calloc(1, sizeof *lane + size);
    if (!lane) return NULL;
    if (size > 0) memcpy(lane + 1, name, size);
    lane->name = (const char *)(lane + 1);
    lane->size = size;
    if (!tsearch(lane, &lanes->index, compare)) {
        eddy__free(lane);
        return NULL;
    }
    eddy__list_init(&lane->node);
    eddy__list_init(&lane->waiting);
    eddy__list_push(&lanes->order, &lane->node);
    lanes->count++;
    return lane;
}

void eddy__lanes_close(eddy__lanes *lanes, eddy__lane *lane) {
    tdelete(lane, &lanes->index, compare);
    eddy__list_remove(&lane->node);
    lanes->count--;
    eddy__free(lane);
}

eddy__lane *eddy__lanes_next(eddy__lanes *lanes) {
    eddy__node *node = eddy__list_shift(&lanes->order);
    eddy__list_push(&lanes->order, node);
    return eddy__entry(node, eddy__lane, node);
}
