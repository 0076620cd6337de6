/* From where keys came in, so that their connections can be found. */
#ifndef EDDY_SECURITY_VISITS_H
#define EDDY_SECURITY_VISITS_H

#include "security/zap_request.h"

enum { EDDY__VISITS_BUCKETS = 256, EDDY__VISITS_MOST = 4096 };

typedef struct eddy__visit {
    struct eddy__visit *next;
    eddy__text domain, key, address;
    char bytes[];
} eddy__visit;

typedef struct eddy__visits {
    eddy__visit *buckets[EDDY__VISITS_BUCKETS]; /* by key */
    int count;
    int is_partial; /* there was no room for one */
} eddy__visits;

/* A key came in from an address; once is enough. */
void eddy__visits_add(eddy__visits *visits, eddy__text domain, eddy__text key,
                      eddy__text address);

/* Takes a key's, of one domain or (NULL) of all: a list, whoever takes it frees it. */
eddy__visit *eddy__visits_take(eddy__visits *visits, const char *domain, eddy__text key);

void eddy__visits_free(eddy__visit *list);

/* Frees all of them. */
void eddy__visits_clear(eddy__visits *visits);

#endif
