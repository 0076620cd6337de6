/* What everything on one loop shares: the poller, the timers, the batch that a turn fills, and
 * the lists between turns. The loop owns one; streams and watchers are given it. */
#ifndef EDDY_LOOP_STATE_H
#define EDDY_LOOP_STATE_H

#include "base/id_map.h"
#include "base/list.h"
#include "counters/page.h"
#include "loop/events.h"
#include "loop/poller.h"
#include "loop/timer_heap.h"

/* The kinds of things a loop has ids for. */
enum {
    EDDY__STREAM = 1,
    EDDY__WATCH,
    EDDY__TIMER,
    EDDY__WAKER,
    EDDY__CHILD,
    EDDY__PIPE,
};

/* Member of whatever is measured while its handlers run. */
typedef struct eddy__handling {
    void (*end)(struct eddy__handling *handling, double now);
} eddy__handling;

typedef struct eddy__loop_state {
    double now, number; /* of turns so far */
    eddy__id_map ids;
    eddy__poller poller;
    eddy__timer_heap timer_heap;
    eddy__events batch;
    eddy__list due;     /* streams and watchers with something to tell */
    eddy__list lent;    /* streams whose inbox Lua may be reading */
    eddy__list inboxes; /* inboxes that no stream has, and */
    uint32_t pooled;    /* how many parts they have room for */
    eddy__list graves;  /* what was closed: freed when the next turn begins */
    int alive;          /* what could still bring an event */
    eddy_page_loop *page;
    eddy__handling *handling; /* NULL: nothing is measured */
} eddy__loop_state;

/* First member of whatever may lie in `graves`. */
typedef struct eddy__grave {
    eddy__node node;
    uint32_t id;
    void (*free)(struct eddy__loop_state *state, struct eddy__grave *grave);
} eddy__grave;

/* Member of whatever may lie in `due`: puts its events into the batch, and itself back into
 * the list when the batch has no room. */
typedef struct eddy__due {
    eddy__node node;
    void (*tell)(struct eddy__due *due);
} eddy__due;

/* Member of whatever may lie in `lent`: takes back what Lua has read. */
typedef struct eddy__loan {
    eddy__node node;
    void (*settle)(struct eddy__loan *loan);
    int (*is_unread)(struct eddy__loan *loan); /* whether it will tell of it again */
} eddy__loan;

/* How often something happened in a turn. */
typedef struct eddy__tally {
    double count, turn;
} eddy__tally;

static inline void eddy__tally_add(eddy__tally *tally, const eddy__loop_state *state) {
    tally->count = tally->turn == state->number ? tally->count + 1 : 1;
    tally->turn = state->number;
}

/* Takes up to `most` off this turn's count, and returns how many. */
static inline double eddy__tally_take(eddy__tally *tally, const eddy__loop_state *state,
                                      double most) {
    double there = tally->turn == state->number ? tally->count : 0;
    double taken = there < most ? there : most;
    tally->count = there - taken;
    return taken;
}

static inline void eddy__state_bury(eddy__loop_state *state, eddy__grave *grave) {
    eddy__list_push(&state->graves, &grave->node);
}

#endif
