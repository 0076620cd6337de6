/* Id to object. An id is a slot and the slot's generation, so that an id whose object is
 * gone misses instead of meeting the slot's next tenant. Entries never move: looking up an
 * id that was handed over properly needs no lock, adding and removing are the owner's. */
#ifndef EDDY_BASE_ID_MAP_H
#define EDDY_BASE_ID_MAP_H

#include <stdint.h>

enum { EDDY__SLOT_CHUNKS = 16 };

typedef struct eddy__slot {
    union {
        void *object;
        uint32_t next; /* the free list's next slot while this one is free */
    };
    uint32_t generation;
    int kind; /* 0 while free */
} eddy__slot;

typedef struct eddy__id_map {
    eddy__slot *chunks[EDDY__SLOT_CHUNKS]; /* each twice as long as the one before */
    uint32_t used;                         /* slots that were ever handed out */
    uint32_t count;                        /* slots in use */
    uint32_t free_first, free_last;        /* oldest first, so that ids come back late */
} eddy__id_map;

void eddy__id_map_init(eddy__id_map *ids);

/* Frees the table; the objects are the caller's. */
void eddy__id_map_free(eddy__id_map *ids);

/* Gives the object an id, always positive. -ENOMEM, or -ENOSPC when every slot is taken. */
int eddy__id_map_add(eddy__id_map *ids, void *object, int kind);

/* The object of that id and kind; NULL for any other id, stale ones included. */
void *eddy__id_map_find(const eddy__id_map *ids, uint32_t id, int kind);

/* The object at a position below `used`, for walking all of them; NULL where a slot is free. */
void *eddy__id_map_at(const eddy__id_map *ids, uint32_t position, int *kind);

/* Makes the id stale. Its slot goes to the end of the free list. */
void eddy__id_map_remove(eddy__id_map *ids, uint32_t id);

#endif
