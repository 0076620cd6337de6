#include "base/id_map.h"
#include "base/sys.h"
#include "eddy.h"

#include <errno.h>
#include <string.h>

enum {
    FIRST_CHUNK_BITS = 6,
    NONE = -1,
    GENERATION_BITS = 31 - EDDY_SLOT_BITS,
    RESTING = 64, /* slots that stay free, so that no slot goes through its generations fast */
};

static const uint32_t SLOT_MASK = (1u << EDDY_SLOT_BITS) - 1;

static eddy__slot *at(const eddy__id_map *ids, uint32_t position) {
    uint32_t shifted = position + (1u << FIRST_CHUNK_BITS);
    int chunk = 31 - __builtin_clz(shifted) - FIRST_CHUNK_BITS;
    return &ids->chunks[chunk][shifted - (1u << (chunk + FIRST_CHUNK_BITS))];
}

void eddy__id_map_init(eddy__id_map *ids) {
    memset(ids, 0, sizeof *ids);
    ids->free_first = ids->free_last = (uint32_t)NONE;
}

void eddy__id_map_free(eddy__id_map *ids) {
    for (int i = 0; i < EDDY__SLOT_CHUNKS; i++) eddy__free(ids->chunks[i]);
    eddy__id_map_init(ids);
}

static int fresh(eddy__id_map *ids) {
    uint32_t shifted = ids->used + (1u << FIRST_CHUNK_BITS);
    int chunk = 31 - __builtin_clz(shifted) - FIRST_CHUNK_BITS;
    if (ids->used > SLOT_MASK || chunk >= EDDY__SLOT_CHUNKS) return -ENOSPC;
    if (!ids->chunks[chunk]) {
        size_t length = (size_t)1 << (chunk + FIRST_CHUNK_BITS);
        ids->chunks[chunk] = eddy__calloc(length, sizeof(eddy__slot));
        if (!ids->chunks[chunk]) return -ENOMEM;
    }
    /* A context's sockets are looked up without its lock. */
    __atomic_store_n(&ids->used, ids->used + 1, __ATOMIC_RELAXED);
    return (int)ids->used - 1;
}

int eddy__id_map_add(eddy__id_map *ids, void *object, int kind) {
    int position = NONE;
    if (ids->used - ids->count < RESTING) {
        position = fresh(ids);
        if (position == -ENOMEM || (position < 0 && ids->free_first == (uint32_t)NONE))
            return position;
    }
    if (position < 0) {
        position = (int)ids->free_first;
        ids->free_first = at(ids, (uint32_t)position)->next;
        if (ids->free_first == (uint32_t)NONE) ids->free_last = (uint32_t)NONE;
    }
    eddy__slot *slot = at(ids, (uint32_t)position);
    slot->generation = (slot->generation + 1) & ((1u << GENERATION_BITS) - 1);
    if (slot->generation == 0) slot->generation = 1;
    slot->object = object;
    slot->kind = kind;
    ids->count++;
    return (int)(slot->generation << EDDY_SLOT_BITS | (uint32_t)position);
}

static eddy__slot *lookup(const eddy__id_map *ids, uint32_t id) {
    uint32_t position = id & SLOT_MASK;
    if (position >= __atomic_load_n(&ids->used, __ATOMIC_RELAXED)) return NULL;
    eddy__slot *slot = at(ids, position);
    return slot->kind != 0 && slot->generation == id >> EDDY_SLOT_BITS ? slot : NULL;
}

void *eddy__id_map_find(const eddy__id_map *ids, uint32_t id, int kind) {
    eddy__slot *slot = lookup(ids, id);
    return slot && slot->kind == kind ? slot->object : NULL;
}

void *eddy__id_map_at(const eddy__id_map *ids, uint32_t position, int *kind) {
    if (position >= ids->used) return NULL;
    eddy__slot *slot = at(ids, position);
    *kind = slot->kind;
    return slot->kind != 0 ? slot->object : NULL;
}

void eddy__id_map_remove(eddy__id_map *ids, uint32_t id) {
    eddy__slot *slot = lookup(ids, id);
    if (!slot) return;
    uint32_t position = id & SLOT_MASK;
    slot->kind = 0;
    slot->next = (uint32_t)NONE;
    if (ids->free_last == (uint32_t)NONE)
        ids->free_first = position;
    else
        at(ids, ids->free_last)->next = position;
    ids->free_last = position;
    ids->count--;
}
