/* How often addresses were refused lately: who is refused too often is held up. */
#ifndef EDDY_SECURITY_FAILURES_H
#define EDDY_SECURITY_FAILURES_H

#include "security/zap_request.h"

#include <stdint.h>

enum {
    EDDY__FAILURES_SLOTS = 1024, /* addresses that are remembered */
    EDDY__FAILURES_MS = 60000,
    EDDY__FAILURES_MOST = 5, /* in that time */
};

typedef struct eddy__failures {
    struct {
        uint64_t address; /* a hash */
        double since;
        int count;
        int untold;  /* refusals since the last line in the log, */
        double told; /* which was at this time; 0: there was none */
    } slots[EDDY__FAILURES_SLOTS];
} eddy__failures;

/* Counts a refusal at a time. Whether the address had too many before; loopback never has. */
int eddy__failures_add(eddy__failures *failures, eddy__text address, double now);

/* Counts a refusal for the log. How many there were since the last line about the address, this
 * one included, if there is to be one now; else 0. */
int eddy__failures_tell(eddy__failures *failures, eddy__text address, double now);

#endif
