#include "host/heap.h"
#include "base/list.h"

#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* LuaJIT's pointers have 47 bits, which malloc's need not have everywhere. */
#if defined __x86_64__
enum { TAKES_OTHERS = 1 };
#else
enum { TAKES_OTHERS = 0 };
#endif

enum {
    PAGE = 1 << 16, /* and aligned so: what lies in one leads to its head */
    MARGIN = 8,     /* malloc's own, so that pages lie side by side */
    GRAIN = 16,
    LARGEST = 256, /* what is larger is malloc's */
    SIZES = LARGEST / GRAIN,
};

typedef struct heap {
    eddy__list roomy[SIZES]; /* the pages that have room, by the size of what is in them */
    eddy__list full;
    size_t things; /* that the state has, large ones too: with the last, the heap ends */
} heap;

typedef struct page {
    eddy__node node; /* in one of these lists */
    void *free;      /* what was given back: each leads to the next */
    uint32_t unused; /* where what was never used begins */
    uint32_t size, used;
} page;

/* Things lie on cache lines as far as they can. */
enum { FIRST = 64 };
_Static_assert(sizeof(page) <= FIRST, "the head has room");

static uint32_t index_of(size_t size) {
    return (uint32_t)((size - 1) / GRAIN);
}

static page *page_of(void *thing) {
    return (page *)((uintptr_t)thing & ~(uintptr_t)(PAGE - 1));
}

static int is_full(const page *page) {
    return !page->free && page->unused + page->size > PAGE - MARGIN;
}

static void put_first(eddy__list *list, eddy__node *node) {
    eddy__list_remove(node);
    eddy__list_push(list->next, node);
}

static page *add_page(heap *heap, uint32_t index) {
    void *memory;
    if (posix_memalign(&memory, PAGE, PAGE - MARGIN) != 0) return NULL;
    page *added = memory;
    *added = (page){.unused = FIRST, .size = (index + 1) * GRAIN};
    eddy__list_init(&added->node);
    put_first(&heap->roomy[index], &added->node);
    return added;
}

static void *take(heap *heap, size_t size) {
    uint32_t index = index_of(size);
    eddy__list *roomy = &heap->roomy[index];
    page *page = eddy__list_empty(roomy) ? add_page(heap, index)
                                         : eddy__entry(roomy->next, struct page, node);
    if (!page) return NULL;
    void *thing = page->free;
    if (thing) {
        page->free = *(void **)thing;
    } else {
        thing = (char *)page + page->unused;
        page->unused += page->size;
    }
    page->used++;
    if (is_full(page)) put_first(&heap->full, &page->node);
    return thing;
}

/* An empty page goes, unless it is the only one of its size that has room. */
static void give(heap *heap, void *thing) {
    page *page = page_of(thing);
    eddy__list *roomy = &heap->roomy[index_of(page->size)];
    if (is_full(page)) put_first(roomy, &page->node);
    *(void **)thing = page->free;
    page->free = thing;
    if (--page->used > 0 || roomy->next == roomy->prev) return;
    eddy__list_remove(&page->node);
    free(page);
}

static void free_pages(eddy__list *list) {
    for (eddy__node *node; (node = eddy__list_shift(list));)
        free(eddy__entry(node, page, node));
}

static void free_heap(heap *heap) {
    for (int i = 0; i < SIZES; i++) free_pages(&heap->roomy[i]);
    free_pages(&heap->full);
    free(heap);
}

static void *obtain(heap *heap, size_t size) {
    void *thing = size <= LARGEST ? take(heap, size) : malloc(size);
    heap->things += thing != NULL;
    return thing;
}

static void leave(heap *heap) {
    if (--heap->things == 0) free_heap(heap);
}

static void drop(heap *heap, void *thing, size_t size) {
    if (!thing) return;
    if (size <= LARGEST)
        give(heap, thing);
    else
        free(thing);
    leave(heap);
}

static void *move(heap *heap, void *thing, size_t before, size_t after) {
    if (before > LARGEST && after > LARGEST) return realloc(thing, after);
    if (before <= LARGEST && after <= LARGEST && index_of(before) == index_of(after))
        return thing;
    void *moved = obtain(heap, after);
    if (!moved) return NULL;
    memcpy(moved, thing, before < after ? before : after);
    drop(heap, thing, before);
    return moved;
}

/* As lua_Alloc has it. */
static void *allocate(void *data, void *thing, size_t before, size_t after) {
    heap *heap = data;
    if (after == 0) return drop(heap, thing, before), NULL;
    return thing ? move(heap, thing, before, after) : obtain(heap, after);
}

lua_State *eddy__heap_state(void) {
    if (!TAKES_OTHERS) return luaL_newstate();
    heap *heap = calloc(1, sizeof *heap);
    if (!heap) return NULL;
    for (int i = 0; i < SIZES; i++) eddy__list_init(&heap->roomy[i]);
    eddy__list_init(&heap->full);
    heap->things = 1; /* until the state has some, or never will */
    lua_State *lua = lua_newstate(allocate, heap);
    leave(heap);
    return lua ? lua : luaL_newstate();
}
