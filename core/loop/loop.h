/* The loop: one turn, in its order. The only file that has one. */
#ifndef EDDY_LOOP_LOOP_H
#define EDDY_LOOP_LOOP_H

#include "base/clock.h"
#include "base/thread_checker.h"
#include "eddy.h"
#include "loop/signals.h"
#include "loop/state.h"
#include "loop/time_jump.h"
#include "loop/wakeups.h"

struct eddy_loop {
    eddy__clock clock;
    eddy__loop_state state;
    eddy__wakeups wakeups;
    eddy__signals signals;
    eddy__time_jump time_jump;
    eddy_page_loop own_page; /* where it counts if the process has no page */
    double named, looked;
    double events;
    int born;        /* eddy__fork_count when it was made */
    uint64_t thread; /* which it belongs to */
};

/* Whether it is the loop of a process that forked this one. */
int eddy__loop_is_foreign(const eddy_loop *loop);

/* Why it may not be used here: -ESTALE in a child, -EPERM in another thread; 0 when it may. */
int eddy__loop_refusal(const eddy_loop *loop);

/* Why an id was not found on a loop, or on none: as the refusal, else -EBADF. */
int eddy__loop_stale(const eddy_loop *loop);

/* Calls `visit` for every stream, watch or timer, as `kind` has it, that is open. */
void eddy__loop_each(eddy_loop *loop, int kind, void (*visit)(void *object, void *data),
                     void *data);

/* Frees what was closed. */
void eddy__loop_reap(eddy_loop *loop);

/* Frees the loop, once all that was on it is closed and freed. */
void eddy__loop_free(eddy_loop *loop);

#endif
