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

static eddy__slot *at(const eddy__slots *slots, uint32_t position) {
    uint32_t shifted = position + (1u << FIRST_CHUNK_BITS);
    int chunk = 31 - __builtin_clz(shifted) - FIRST_CHUNK_BITS;
    return &slots->chunks[chunk][shifted - (1u << (chunk + FIRST_CHUNK_BITS))];
}

void eddy__slots_init(eddy__slots *slots) {
    memset(slots, 0, sizeof *slots);
    slots->free_first = slots->free_last = (uint32_t)NONE;
}

void eddy__slots_free(eddy__slots *slots) {
    for (int i = 0; i < EDDY__SLOT_CHUNKS; i++) eddy__free(slots->chunks[i]);
    eddy__slots_init(slots);
}

static int fresh(eddy__slots *slots) {
    uint32_t shifted = slots->used + (1u << FIRST_CHUNK_BITS);
    int chunk = 31 - __builtin_clz(shifted) - FIRST_CHUNK_BITS;
    if (slots->used > SLOT_MASK || chunk >= EDDY__SLOT_CHUNKS) return -ENOSPC;
    if (!slots->chunks[chunk]) {
        size_t length = (size_t)1 << (chunk + FIRST_CHUNK_BITS);
        slots->chunks[chunk] = eddy__calloc(length, sizeof(eddy__slot));
        if (!slots->chunks[chunk]) return -ENOMEM;
    }
    /* A context's sockets are looked up without its lock. */
    __atomic_store_n(&slots->used, slots->used + 1, __ATOMIC_RELAXED);
    return (int)slots->used - 1;
}

int eddy__slots_add(eddy__slots *slots, void *object, int kind) {
    int position = NONE;
    if (slots->used - slots->count < RESTING) {
        position = fresh(slots);
        if (position == -ENOMEM || (position < 0 && slots->free_first == (uint32_t)NONE))
            return position;
    }
    if (position < 0) {
        position = (int)slots->free_first;
        slots->free_first = at(slots, (uint32_t)position)->next;
        if (slots->free_first == (uint32_t)NONE) slots->free_last = (uint32_t)NONE;
    }
    eddy__slot *slot = at(slots, (uint32_t)position);
    slot->generation = (slot->generation + 1) & ((1u << GENERATION_BITS) - 1);
    if (slot->generation == 0) slot->generation = 1;
    slot->object = object;
    slot->kind = kind;
    slots->count++;
    return (int)(slot->generation << EDDY_SLOT_BITS | (uint32_t)position);
}

static eddy__slot *lookup(const eddy__slots *slots, uint32_t id) {
    uint32_t position = id & SLOT_MASK;
    if (position >= __atomic_load_n(&slots->used, __ATOMIC_RELAXED)) return NULL;
    eddy__slot *slot = at(slots, position);
    return slot->kind != 0 && slot->generation == id >> EDDY_SLOT_BITS ? slot : NULL;
}

void *eddy__slots_find(const eddy__slots *slots, uint32_t id, int kind) {
    eddy__slot *slot = lookup(slots, id);
    return slot && slot->kind == kind ? slot->object : NULL;
}

void *eddy__slots_at(const eddy__slots *slots, uint32_t position, int *kind) {
    if (position >= slots->used) return NULL;
    eddy__slot *slot = at(slots, position);
    *kind = slot->kind;
    return slot->kind != 0 ? slot->object : NULL;
}

void eddy__slots_remove(eddy__slots *slots, uint32_t id) {
    eddy__slot *slot = lookup(slots, id);
    if (!slot) return;
    uint32_t position = id & SLOT_MASK;
    slot->object = NULL;
    slot->kind = 0;
    slot->next = (uint32_t)NONE;
    if (slots->free_last == (uint32_t)NONE)
        slots->free_first = position;
    else
        at(slots, slots->free_last)->next = position;
    slots->free_last = position;
    slots->count--;
}
