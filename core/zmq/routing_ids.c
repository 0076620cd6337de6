#include "zmq/routing_ids.h"
#include "base/sys.h"

#include <string.h>

struct eddy__routing_id {
    eddy__routing_id *after;
    size_t size;
    char id[];
};

int eddy__routing_ids_set(eddy__routing_ids *routing_ids, const void *id, size_t size) {
    eddy__routing_id *routing_id = eddy__calloc(1, sizeof *routing_id + size);
    if (!routing_id) return -ENOMEM;
    routing_id->size = size;
    memcpy(routing_id->id, id, size);
    eddy__free(routing_ids->next);
    routing_ids->next = routing_id;
    return 0;
}

int eddy__routing_ids_check(const eddy__routing_ids *routing_ids) {
    const eddy__routing_id *next = routing_ids->next;
    for (const eddy__routing_id *each = routing_ids->given; next && each; each = each->after)
        if (each->size == next->size && memcmp(each->id, next->id, next->size) == 0)
            return -EEXIST;
    return 0;
}

void eddy__routing_ids_give(eddy__routing_ids *routing_ids) {
    eddy__routing_id *routing_id = routing_ids->next;
    if (!routing_id) return;
    routing_id->after = routing_ids->given;
    routing_ids->given = routing_id;
    routing_ids->next = NULL;
}

void eddy__routing_ids_free(eddy__routing_ids *routing_ids) {
    eddy__routing_ids_give(routing_ids);
    for (eddy__routing_id *each; (each = routing_ids->given);) {
        routing_ids->given = each->after;
        eddy__free(each);
    }
}
