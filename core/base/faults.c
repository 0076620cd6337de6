#include "base/faults.h"

/* The tests' own state, absent from any other build. One thread makes plans and calls. */
static __thread struct plan { int seen, skip, times, error; } plans[EDDY__FAULT_CALLS];

int eddy__fault(int call) {
    struct plan *plan = &plans[call];
    int position = plan->seen++;
    if (position < plan->skip || position >= plan->skip + plan->times) return 0;
    return plan->error;
}

void eddy__fault_plan(int call, int skip, int times, int error) {
    plans[call] = (struct plan){0, skip, times, error};
}

int eddy__fault_count(int call) {
    return plans[call].seen;
}
