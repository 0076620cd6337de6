#include "zmq/routing_ids.h"
#include "base/sys.h"

#include <string.h>

struct eddy__claim {
    eddy__claim *after;
    size_t size;
    char id[];
};

int eddy__claims_set(eddy__claims *claims, const void *id, size_t size) {
    eddy__claim *claim = eddy__calloc(1, sizeof *claim + size);
    if (!claim) return -ENOMEM;
    claim->size = size;
    memcpy(claim->id, id, size);
    eddy__free(claims->next);
    claims->next = claim;
    return 0;
}

int eddy__claims_check(const eddy__claims *claims) {
    const eddy__claim *next = claims->next;
    for (const eddy__claim *each = claims->given; next && each; each = each->after)
        if (each->size == next->size && memcmp(each->id, next->id, next->size) == 0)
            return -EEXIST;
    return 0;
}

void eddy__claims_give(eddy__claims *claims) {
    eddy__claim *claim = claims->next;
    if (!claim) return;
    claim->after = claims->given;
    claims->given = claim;
    claims->next = NULL;
}

void eddy__claims_free(eddy__claims *claims) {
    eddy__claims_give(claims);
    for (eddy__claim *each; (each = claims->given);) {
        claims->given = each->after;
        eddy__free(each);
    }
}
