/* Lanes: what waits, in order, each lane by itself. A lane has a name, of any bytes, and is
 * there while something is in it. */
#ifndef EDDY_LANES_H
#define EDDY_LANES_H

#include "base/list.h"

typedef struct eddy__lane {
    eddy__node node; /* in `order` */
    eddy__list waiting;
    size_t size;
    const char *name;
} eddy__lane;

typedef struct eddy__lanes {
    void *index;      /* by name: tsearch's tree */
    eddy__list order; /* whose turn is next */
    size_t count;
} eddy__lanes;

void eddy__lanes_init(eddy__lanes *lanes);

/* The lane of that name, or NULL. */
eddy__lane *eddy__lanes_find(const eddy__lanes *lanes, const char *name, size_t size);

/* The same, made if need be: the last to have its turn. NULL without memory. */
eddy__lane *eddy__lanes_open(eddy__lanes *lanes, const char *name, size_t size);

/* Ends a lane in which nothing is left. */
void eddy__lanes_close(eddy__lanes *lanes, eddy__lane *lane);

/* The lane whose turn it is, which goes to the end; there must be one. */
eddy__lane *eddy__lanes_next(eddy__lanes *lanes);

#endif
