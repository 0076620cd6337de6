#include "stream/peer_queues.h"
#include "base/sys.h"

#include <search.h>
#include <string.h>

static int compare(const void *one, const void *other) {
    const eddy__peer_queue *a = one, *b = other;
    if (a->size != b->size) return a->size < b->size ? -1 : 1;
    return a->size == 0 ? 0 : memcmp(a->name, b->name, a->size);
}

void eddy__peer_queues_init(eddy__peer_queues *peer_queues) {
    *peer_queues = (eddy__peer_queues){0};
    eddy__list_init(&peer_queues->order);
}

eddy__peer_queue *eddy__peer_queues_find(const eddy__peer_queues *peer_queues, const char *name,
                                         size_t size) {
    eddy__peer_queue key = {.size = size, .name = name};
    void *found = tfind(&key, &peer_queues->index, compare);
    return found ? *(eddy__peer_queue **)found : NULL;
}

eddy__peer_queue *eddy__peer_queues_open(eddy__peer_queues *peer_queues, const char *name,
                                         size_t size) {
    eddy__peer_queue *peer_queue = eddy__peer_queues_find(peer_queues, name, size);
    if (peer_queue) return peer_queue;
    peer_queue = eddy__calloc(1, sizeof *peer_queue + size);
    if (!peer_queue) return NULL;
    if (size > 0) memcpy(peer_queue + 1, name, size);
    peer_queue->name = (const char *)(peer_queue + 1);
    peer_queue->size = size;
    if (!tsearch(peer_queue, &peer_queues->index, compare)) {
        eddy__free(peer_queue);
        return NULL;
    }
    eddy__list_init(&peer_queue->node);
    eddy__list_init(&peer_queue->waiting);
    eddy__list_push(&peer_queues->order, &peer_queue->node);
    peer_queues->count++;
    return peer_queue;
}

void eddy__peer_queues_close(eddy__peer_queues *peer_queues, eddy__peer_queue *peer_queue) {
    tdelete(peer_queue, &peer_queues->index, compare);
    eddy__list_remove(&peer_queue->node);
    peer_queues->count--;
    eddy__free(peer_queue);
}

eddy__peer_queue *eddy__peer_queues_next(eddy__peer_queues *peer_queues) {
    eddy__node *node = eddy__list_shift(&peer_queues->order);
    eddy__list_push(&peer_queues->order, node);
    return eddy__entry(node, eddy__peer_queue, node);
}
