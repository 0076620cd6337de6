/* Intrusive doubly linked list. A node that is in no list points at itself. */
#ifndef EDDY_BASE_LIST_H
#define EDDY_BASE_LIST_H

#include <stddef.h>

typedef struct eddy__node {
    struct eddy__node *next, *prev;
} eddy__node;

typedef eddy__node eddy__list;

#define eddy__entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void eddy__list_init(eddy__node *node) {
    node->next = node->prev = node;
}

static inline int eddy__list_empty(const eddy__list *list) {
    return list->next == list;
}

static inline int eddy__list_linked(const eddy__node *node) {
    return node->next != node;
}

static inline void eddy__list_remove(eddy__node *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    eddy__list_init(node);
}

/* Appends the node, unless it is in a list already. */
static inline void eddy__list_push(eddy__list *list, eddy__node *node) {
    if (eddy__list_linked(node)) return;
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

/* Takes the first node out of the list; NULL when there is none. */
static inline eddy__node *eddy__list_shift(eddy__list *list) {
    eddy__node *node = list->next;
    if (node == list) return NULL;
    eddy__list_remove(node);
    return node;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void eddy__list_append(eddy__list *to, eddy__list *from) {
    if (eddy__list_empty(from)) return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    eddy__list_init(from);
}

#endif
