#include "loop/loop.h"
#include "base/fork.h"
#include "base/sys.h"
#include "counters/times.h"

#include <limits.h>
#include <math.h>

enum {
    NAME_MS = 20, /* between two that find out what the name of a callback is, */
    LOOK_MS = 100 /* and how much memory Lua has */
};

static void open_page(eddy_loop *loop) {
    eddy_page_loop *page = (eddy_page_loop *)eddy_page_add(sizeof *page);
    loop->state.page = page ? page : &loop->own_page;
    loop->state.page->thread = gettid();
    if (!page) return;
    page->may_name = page->may_look = 1;
    eddy_page_show(&page->record, EDDY_PAGE_LOOP);
}

static void close_page(eddy_loop *loop) {
    if (loop->state.page != &loop->own_page) eddy_page_remove(&loop->state.page->record);
}

eddy_page_loop *eddy_loop_page(eddy_loop *loop) {
    return loop->state.page;
}

int eddy_loop_new(eddy_loop **made) {
    eddy_loop *loop = eddy__calloc(1, sizeof *loop);
    if (!loop) return -ENOMEM;
    loop->born = eddy__fork_count;
    loop->thread = eddy__thread_checker_this();
    eddy__loop_state *state = &loop->state;
    eddy__id_map_init(&state->ids);
    eddy__timer_heap_init(&state->timer_heap);
    eddy__list_init(&state->due);
    eddy__list_init(&state->lent);
    eddy__list_init(&state->inboxes);
    eddy__list_init(&state->graves);
    eddy__signals_init(&loop->signals);
    int rc = eddy__poller_open(&state->poller);
    if (rc == 0) {
        rc = eddy__wakeups_open(&loop->wakeups, &state->poller);
        if (rc != 0) eddy__wakeups_close(&loop->wakeups, &state->poller);
    }
    if (rc != 0) {
        eddy__poller_close(&state->poller);
        eddy__free(loop);
        return rc;
    }
    state->now = eddy__clock_now(&loop->clock);
    open_page(loop);
    *made = loop;
    return 0;
}

int eddy__loop_is_foreign(const eddy_loop *loop) {
    return loop->born != eddy__fork_count;
}

int eddy__loop_refusal(const eddy_loop *loop) {
    if (eddy__loop_is_foreign(loop)) return -ESTALE;
    return eddy__thread_checker_is_elsewhere(loop->thread) ? -EPERM : 0;
}

int eddy__loop_stale(const eddy_loop *loop) {
    int refused = loop ? eddy__loop_refusal(loop) : 0;
    return refused ? refused : -EBADF;
}

void eddy__loop_each(eddy_loop *loop, int kind, void (*visit)(void *, void *), void *data) {
    int found;
    for (uint32_t i = 0; i < loop->state.ids.used; i++) {
        void *object = eddy__id_map_at(&loop->state.ids, i, &found);
        if (!object || found != kind) continue;
        int is_closed = eddy__list_linked(&((eddy__grave *)object)->node);
        if (!is_closed) visit(object, data);
    }
}

void eddy__loop_reap(eddy_loop *loop) {
    eddy__loop_state *state = &loop->state;
    for (eddy__node *node; (node = eddy__list_shift(&state->graves));) {
        eddy__grave *grave = eddy__entry(node, eddy__grave, node);
        eddy__id_map_remove(&state->ids, grave->id);
        grave->free(state, grave);
    }
}

void eddy__loop_free(eddy_loop *loop) {
    eddy__loop_state *state = &loop->state;
    close_page(loop);
    eddy__signals_close(&loop->signals);
    eddy__wakeups_close(&loop->wakeups, &state->poller);
    eddy__poller_close(&state->poller);
    eddy__timer_heap_free(&state->timer_heap);
    eddy__events_free(&state->batch);
    eddy__id_map_free(&state->ids);
    eddy__free(loop);
}

/* The last turn's loans end: what Lua read is given back, what it closed is freed. */
static void begin(eddy_loop *loop) {
    eddy__loop_state *state = &loop->state;
    eddy__list lent;
    state->batch.count = 0;
    if (state->handling) state->handling->end(state->handling, eddy_time());
    eddy__loop_reap(loop);
    eddy__list_init(&lent);
    eddy__list_append(&lent, &state->lent);
    while (!eddy__list_empty(&lent)) {
        eddy__node *node = eddy__list_shift(&lent);
        eddy__list_push(&state->lent, node);
        eddy__loan *loan = eddy__entry(node, eddy__loan, node);
        loan->settle(loan);
    }
}

static int has_work(const eddy_loop *loop) {
    const eddy__loop_state *state = &loop->state;
    return !eddy__list_empty(&state->due) || !eddy__list_empty(&state->poller.ready) ||
           loop->time_jump.lost > 0;
}

/* How long the loop may block: not at all while anything is to be done. */
static double patience(eddy_loop *loop, double timeout) {
    eddy__loop_state *state = &loop->state;
    if (has_work(loop)) return 0;
    double left = eddy__timer_heap_next(&state->timer_heap) - state->now;
    if (loop->clock.is_virtual && isfinite(left)) return 0;
    if (timeout >= 0) left = fmin(left, timeout);
    return fmax(left, 0);
}

/* What the last turn brought is handled. */
static void note_end(eddy_loop *loop) {
    eddy_page_loop *page = loop->state.page;
    if (page == &loop->own_page) return;
    if (page->turn_began > 0)
        eddy__times_note(&page->lag, loop->state.now - page->turn_began, 1);
    page->turn_began = 0;
    page->running = 0;
    page->state = EDDY_PAGE_WAITS;
}

/* What this turn brings is going to be. */
static void note_begin(eddy_loop *loop) {
    eddy__loop_state *state = &loop->state;
    eddy_page_loop *page = state->page;
    if (page == &loop->own_page) return;
    double now = page->turn_began = state->now;
    page->turns = state->number;
    page->events = loop->events;
    page->missed_wakeups = state->poller.missed_wakeups;
    page->timers = state->timer_heap.count;
    page->since = now;
    page->state = EDDY_PAGE_HANDLES;
    if (now < loop->named + NAME_MS) return;
    page->may_name = 1;
    loop->named = now;
    if (now < loop->looked + LOOK_MS) return;
    page->may_look = 1;
    loop->looked = now;
}

static int wait(eddy_loop *loop, double timeout) {
    eddy__loop_state *state = &loop->state;
    state->now = eddy__clock_now(&loop->clock);
    note_end(loop);
    eddy__time_jump_look(&loop->time_jump, state->now, 0);
    eddy__poller_sweep(&state->poller, state->now);
    eddy__poller_refresh(&state->poller, state->now);
    /* A timer must not fire while a reply that came before it is not looked for. */
    int nothing_due = eddy__timer_heap_next(&state->timer_heap) > state->now;
    if (nothing_due && eddy__poller_busy(&state->poller, state->now)) return 0;
    double asked = patience(loop, timeout);
    int rc = eddy__poller_wait(&state->poller, asked, state->now);
    if (loop->clock.is_virtual && !has_work(loop) && timeout != 0) {
        double next = eddy__timer_heap_next(&state->timer_heap);
        if (isfinite(next)) loop->clock.virtual_now = fmax(next, state->now);
        asked = loop->clock.virtual_now - state->now;
    }
    state->now = eddy__clock_now(&loop->clock);
    eddy__time_jump_look(&loop->time_jump, state->now, asked);
    return rc;
}

/* Before all else of the turn: timers that are late tell of themselves after it. */
static void tell_gap(eddy_loop *loop) {
    if (loop->time_jump.lost == 0 || eddy__events_reserve(&loop->state.batch) != 0) return;
    eddy__events_add(&loop->state.batch, EDDY_GAP, 0, 0)->number = loop->time_jump.lost;
    loop->time_jump.lost = 0;
}

/* The loop was woken from outside: by a thread, or a signal. */
static void serve_wakeups(eddy_loop *loop) {
    loop->wakeups.source.ready = 0;
    eddy__wakeups_tell(&loop->wakeups, &loop->state.batch);
    eddy__signals_tell(&loop->signals, &loop->wakeups, &loop->state.batch);
}

/* A socket of a lower priority than one that has more to do than its share waits for the next
 * turn. Descriptors and the loop's own are always served: a signal waits for nobody. */
static void serve(eddy_loop *loop) {
    eddy__poller *poller = &loop->state.poller;
    eddy__list ready;
    int least = INT_MIN;
    eddy__list_init(&ready);
    eddy__list_append(&ready, &poller->ready);
    if (poller->ranked > 0) eddy__poller_sort(&ready);
    for (eddy__node *node; (node = eddy__list_shift(&ready));) {
        eddy__source *source = eddy__entry(node, eddy__source, mark);
        if (!source->serve) {
            serve_wakeups(loop);
        } else if (source->socket && source->priority < least) {
            eddy__list_push(&poller->ready, node);
        } else {
            source->serve(source);
            if (source->ready && poller->ranked > 0) least = source->priority;
        }
    }
}

static void tell(eddy__loop_state *state) {
    eddy__list due;
    eddy__list_init(&due);
    eddy__list_append(&due, &state->due);
    for (eddy__node *node; (node = eddy__list_shift(&due));) {
        eddy__due *item = eddy__entry(node, eddy__due, node);
        item->tell(item);
    }
}

static void expire(eddy__loop_state *state) {
    while (eddy__timer_heap_next(&state->timer_heap) <= state->now) {
        if (eddy__events_reserve(&state->batch) != 0) return;
        eddy__timer_node *timer = eddy__timer_heap_expire(&state->timer_heap, state->now);
        timer->fire(timer);
    }
}

static int has_unread(const eddy__list *lent) {
    for (eddy__node *node = lent->next; node != lent; node = node->next) {
        eddy__loan *loan = eddy__entry(node, eddy__loan, node);
        if (loan->is_unread(loan)) return 1;
    }
    return 0;
}

int eddy_loop_fd(eddy_loop *loop) {
    int refused = eddy__loop_refusal(loop);
    return refused ? refused : eddy__poller_fd(&loop->state.poller);
}

double eddy_loop_timeout(eddy_loop *loop) {
    if (eddy__loop_refusal(loop)) return 0;
    eddy__loop_state *state = &loop->state;
    state->now = eddy__clock_now(&loop->clock);
    eddy__poller_refresh(&state->poller, state->now);
    if (has_work(loop) || has_unread(&state->lent)) return 0;
    double left = eddy__timer_heap_next(&state->timer_heap) - state->now;
    if (left <= 0) return 0;
    state->poller.sleeper.is_asleep = 1;
    return isinf(left) ? -1 : left;
}

int eddy_loop_turn(eddy_loop *loop, double timeout) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    loop->state.poller.sleeper.is_asleep = 0;
    begin(loop);
    int rc = wait(loop, timeout);
    if (rc != 0) return rc;
    tell_gap(loop);
    serve(loop);
    tell(&loop->state);
    expire(&loop->state);
    loop->state.number += 1;
    loop->events += loop->state.batch.count;
    note_begin(loop);
    return loop->state.batch.count;
}
