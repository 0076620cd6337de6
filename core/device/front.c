#include "device/front.h"
#include "base/sys.h"
#include "device/front_state.h"
#include "zmq/message.h"

#include <math.h>
#include <string.h>

enum {
    BURST = 1000,
    PING_MS = 100, /* between two looks whether workers that have a request are still there */
    RETRY_MS = 10, /* when a socket does not do what its ZMQ_EVENTS said */
    MOST_CREDIT = 1 << 20,
    HEAD = 3, /* parts before the body: the worker's id, the word, the request's id */
};

typedef struct {
    eddy__relay relay;
    eddy__front_state state;
    double looked;   /* after the workers */
    eddy__hand word; /* what a worker says */
    int is_stuck;    /* a worker did not take what it was ready for */
} front;

static int says(zmq_msg_t *part, const char *word) {
    return zmq_msg_size(part) == strlen(word) &&
           memcmp(zmq_msg_data(part), word, strlen(word)) == 0;
}

/* Sends the client these parts after its envelope, and forgets the request. A client that is
 * gone, or takes nothing, holds up nobody else. */
static int answer(front *self, eddy__front_job *job, zmq_msg_t *body, uint32_t count) {
    zmq_msg_t few[EDDY__FEW_PARTS];
    uint32_t total = job->envelope + count;
    zmq_msg_t *parts = eddy__message_room(few, total);
    if (!parts) return -ENOMEM;
    for (uint32_t i = 0; i < total; i++) {
        zmq_msg_init(&parts[i]);
        zmq_msg_move(&parts[i],
                     i < job->envelope ? &job->hand.parts[i] : &body[i - job->envelope]);
    }
    double bytes = eddy__message_bytes(parts, total);
    int rc = eddy__message_send(self->relay.ends[EDDY_IN], parts, total);
    eddy__control *control = &self->relay.control;
    if (rc == 0) {
        eddy__control_add(&control->counts[EDDY__SENT], 1);
        eddy__control_add(&control->counts[EDDY__SENT_BYTES], (uint64_t)bytes);
    } else {
        eddy__control_add(&control->dropped, 1);
        eddy__message_close(parts, total);
    }
    eddy__message_leave(parts, few);
    eddy__front_free_job(&self->state, job);
    return rc == -ETERM || rc == -ENOTSOCK ? eddy__relay_fail(&self->relay, EDDY_IN, rc) : 0;
}

/* The same with one empty part. */
static int answer_nothing(front *self, eddy__front_job *job) {
    zmq_msg_t empty;
    zmq_msg_init(&empty);
    return answer(self, job, &empty, 1);
}

/* The worker is gone. The clients of requests that are lost must not wait for ever. */
static int bury(front *self, eddy__front_worker *worker) {
    eddy__list lost;
    int rc = 0;
    eddy__list_init(&lost);
    eddy__front_bury(&self->state, worker, &lost);
    for (eddy__node *node; (node = eddy__list_shift(&lost));) {
        int failed = answer_nothing(self, eddy__entry(node, eddy__front_job, node));
        if (failed) rc = failed;
    }
    return rc;
}

/* A number as text; none, or one that is none, is 1. */
static uint32_t credit_of(eddy__hand *word) {
    uint32_t number = 0;
    if (word->count < HEAD) return 1;
    const char *text = zmq_msg_data(&word->parts[2]);
    for (size_t i = 0; i < zmq_msg_size(&word->parts[2]); i++) {
        if (text[i] < '0' || text[i] > '9' || number > MOST_CREDIT) return 1;
        number = number * 10 + (uint32_t)(text[i] - '0');
    }
    return number > MOST_CREDIT ? MOST_CREDIT : number;
}

/* The request that the worker speaks of, if it has it. */
static eddy__front_job *job_of(front *self, eddy__hand *word) {
    uint32_t id;
    if (word->count < HEAD || zmq_msg_size(&word->parts[2]) != sizeof id) return NULL;
    memcpy(&id, zmq_msg_data(&word->parts[2]), sizeof id);
    return eddy__front_find(&self->state, id, &word->parts[0]);
}

/* Does what a worker says; what is none of the words is ignored. */
static int obey(front *self) {
    eddy__hand *word = &self->word;
    if (word->count < 2) return 0;
    zmq_msg_t *id = &word->parts[0], *verb = &word->parts[1];
    if (says(verb, "READY")) {
        eddy__front_ready(&self->state, id, credit_of(word));
        return 0;
    }
    if (says(verb, "BYE")) {
        eddy__front_worker *worker = eddy__front_worker_of(&self->state, id);
        if (worker) eddy__front_leave(&self->state, worker);
        return 0;
    }
    int is_reply = says(verb, "REPLY");
    eddy__front_job *job = is_reply || says(verb, "RETURN") ? job_of(self, word) : NULL;
    if (!job) return 0;
    eddy__front_take(&self->state, job);
    if (is_reply && word->count > HEAD)
        return answer(self, job, word->parts + HEAD, word->count - HEAD);
    if (is_reply) return answer_nothing(self, job);
    job->tries--;
    eddy__front_put_back(&self->state, job);
    return 0;
}

/* Hears what workers say. Returns whether they said anything, or -errno. */
static int listen(front *self) {
    int i = 0;
    if (!(self->relay.events[EDDY_OUT] & ZMQ_POLLIN)) return 0;
    for (; i < BURST; i++) {
        int rc = eddy__hand_receive(&self->word, self->relay.ends[EDDY_OUT]);
        if (rc < 0) return eddy__relay_fail(&self->relay, EDDY_OUT, rc);
        if (rc == 0) break;
        rc = obey(self);
        eddy__message_close(self->word.parts, self->word.count);
        eddy__hand_empty(&self->word);
        if (rc < 0) return rc;
    }
    return i > 0;
}

/* Takes one request in: 1, 0 when there is none, or -errno. */
static int take_one_in(front *self) {
    eddy__control *control = &self->relay.control;
    eddy__front_job *job = eddy__calloc(1, sizeof *job);
    if (!job) return -ENOMEM;
    int rc = eddy__hand_receive(&job->hand, self->relay.ends[EDDY_IN]);
    double bytes = job->hand.bytes;
    if (rc > 0) rc = eddy__front_accept(&self->state, job) == 0 ? 1 : -ENOMEM;
    if (rc > 0) {
        eddy__control_add(&control->counts[EDDY__RECEIVED], 1);
        eddy__control_add(&control->counts[EDDY__RECEIVED_BYTES], (uint64_t)bytes);
        return 1;
    }
    eddy__hand_free(&job->hand);
    eddy__free(job);
    return rc;
}

/* Takes requests in, as many as there is room for. Returns whether it did, or -errno. */
static int take_in(front *self) {
    int i = 0;
    if (!(self->relay.events[EDDY_IN] & ZMQ_POLLIN)) return 0;
    for (; i < BURST && eddy__front_has_room(&self->state); i++) {
        int rc = take_one_in(self);
        if (rc < 0) return eddy__relay_fail(&self->relay, EDDY_IN, rc);
        if (rc == 0) break;
    }
    return i > 0;
}

static int fill(zmq_msg_t *part, const void *bytes, size_t size) {
    if (eddy__msg_init(part, size) != 0) return -ENOMEM;
    memcpy(zmq_msg_data(part), bytes, size);
    return 0;
}

/* Sends a worker a word, with a request or without. */
static int tell(front *self, eddy__front_worker *worker, const char *verb,
                eddy__front_job *job) {
    zmq_msg_t few[EDDY__FEW_PARTS];
    uint32_t body = job ? job->hand.count - job->envelope : 0;
    uint32_t count = job ? HEAD + body : 2;
    zmq_msg_t *parts = eddy__message_room(few, count);
    if (!parts) return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) zmq_msg_init(&parts[i]);
    zmq_msg_copy(&parts[0], &worker->id);
    int rc = fill(&parts[1], verb, strlen(verb));
    if (rc == 0 && job) rc = fill(&parts[2], &job->id, sizeof job->id);
    for (uint32_t i = 0; i < body; i++)
        zmq_msg_copy(&parts[HEAD + i], &job->hand.parts[job->envelope + i]);
    if (rc == 0) rc = eddy__message_send(self->relay.ends[EDDY_OUT], parts, count);
    if (rc != 0) eddy__message_close(parts, count);
    eddy__message_leave(parts, few);
    worker->asked = eddy_time();
    return rc;
}

/* Gives the worker a request. Returns whether anything changed, or -errno. */
static int give(front *self, eddy__front_worker *worker, eddy__front_job *job) {
    int rc = tell(self, worker, "JOB", job);
    if (rc == -EAGAIN) {
        self->is_stuck = 1;
        return 0;
    }
    if (rc == -EHOSTUNREACH) {
        rc = bury(self, worker);
        return rc < 0 ? rc : 1;
    }
    if (rc < 0) return eddy__relay_fail(&self->relay, EDDY_OUT, rc);
    eddy__front_give(&self->state, worker, job);
    return 1;
}

/* Gives one request to each worker that is ready, as far as there are any. Returns whether
 * anything changed, or -errno. */
static int hand_out(front *self) {
    eddy__list ready;
    int changed = 0, rc = 0;
    eddy__list_init(&ready);
    eddy__list_append(&ready, &self->state.idle);
    for (eddy__node *node; rc >= 0 && (node = eddy__list_shift(&ready));) {
        eddy__front_worker *each = eddy__entry(node, eddy__front_worker, idle);
        eddy__list *own = &each->waiting, *from = &self->state.queue;
        eddy__list_push(&self->state.idle, node);
        if (!eddy__list_empty(own)) from = own;
        if (eddy__list_empty(from)) continue;
        rc = give(self, each, eddy__entry(from->next, eddy__front_job, node));
        changed |= rc;
    }
    eddy__list_append(&self->state.idle, &ready);
    return rc < 0 ? rc : changed;
}

/* Finds workers that are gone, or have had a request for too long. */
static int look_after(front *self, double now) {
    eddy__front_state *state = &self->state;
    if (now - self->looked < PING_MS) return 0;
    self->looked = now;
    for (eddy__node *node = state->workers.next, *next; node != &state->workers; node = next) {
        eddy__front_worker *each = eddy__entry(node, eddy__front_worker, node);
        next = node->next;
        if (each->held == 0 && !each->is_leaving) continue;
        int rc = now - each->asked < PING_MS ? 0 : tell(self, each, "PING", NULL);
        if (rc == -EHOSTUNREACH)
            rc = bury(self, each);
        else if (rc < 0 && rc != -EAGAIN)
            return eddy__relay_fail(&self->relay, EDDY_OUT, rc);
        if (rc < 0 && rc != -EAGAIN) return rc;
    }
    while (state->plan.timeout > 0 && !eddy__list_empty(&state->in_hand)) {
        eddy__front_job *oldest = eddy__entry(state->in_hand.next, eddy__front_job, node);
        if (now - oldest->given < state->plan.timeout) break;
        int rc = bury(self, oldest->worker);
        if (rc < 0) return rc;
    }
    return 0;
}

/* Does what can be done without waiting. Returns whether that was anything, or -errno. */
static int pass(front *self, int is_ending) {
    int is_paused = eddy__control_paused(&self->relay.control);
    int rc = eddy__relay_look(&self->relay);
    if (rc < 0) return rc;
    self->is_stuck = 0;
    int moved = listen(self);
    if (moved < 0) return moved;
    rc = is_ending || is_paused ? 0 : take_in(self);
    if (rc < 0) return rc;
    moved |= rc;
    for (int i = 0; i < BURST && !is_paused && (rc = hand_out(self)) > 0; i++) moved = 1;
    if (rc < 0) return rc;
    rc = look_after(self, eddy_time());
    return rc < 0 ? rc : moved;
}

static int is_done(const front *self) {
    return eddy__front_count(&self->state, EDDY__IN_HAND) == 0 &&
           eddy__front_count(&self->state, EDDY__QUEUED) == 0;
}

/* How long the front may sleep. */
static double patience(const front *self) {
    if (self->is_stuck) return RETRY_MS;
    return is_done(self) ? -1 : PING_MS;
}

static int run_front(eddy__relay *relay) {
    front *self = (front *)relay;
    double deadline = INFINITY;
    for (;;) {
        int ending = eddy__control_ending(&relay->control);
        if (ending && isinf(deadline))
            deadline = eddy_time() + (ending == EDDY_STOPPED ? self->state.plan.drain : 0);
        int moved = pass(self, ending != 0);
        if (moved < 0) return moved;
        double left = deadline - eddy_time(), ms = patience(self);
        if (ending && (left <= 0 || is_done(self))) return ending;
        if (moved) continue;
        if (ending) ms = fmin(left, ms);
        int rc = eddy__relay_wait(relay, ms);
        if (rc == -EINPROGRESS) return rc;
        if (rc < 0) return eddy__relay_fail(relay, EDDY_ENDS, rc);
    }
}

static int open_front(eddy__relay *relay) {
    for (int i = EDDY_IN; i <= EDDY_OUT; i++)
        if (relay->ends[i]->type != ZMQ_ROUTER) return eddy__relay_fail(relay, i, -ENOTSUP);
    int has_others = relay->ends[EDDY_MON] || relay->ends[EDDY_CTRL];
    if (relay->ends[EDDY_IN] == relay->ends[EDDY_OUT] || has_others)
        return eddy__relay_fail(relay, EDDY_OUT, -EINVAL);
    return 0;
}

static void free_front(eddy__relay *relay) {
    front *self = (front *)relay;
    eddy__front_clear(&self->state);
    eddy__hand_free(&self->word);
    eddy__control_free(&relay->control);
    eddy__free(self);
}

eddy__relay *eddy__front_new(const eddy_front_plan *plan, int *error) {
    front *self = eddy__calloc(1, sizeof *self);
    *error = -ENOMEM;
    if (!self) return NULL;
    *error = eddy__relay_init(&self->relay);
    self->relay.open = open_front;
    self->relay.run = run_front;
    self->relay.free = free_front;
    eddy__front_init(&self->state, plan);
    if (*error == 0) return &self->relay;
    free_front(&self->relay);
    return NULL;
}

void eddy__front_stats(const eddy__relay *relay, eddy_front_stats *stats) {
    const front *self = (const front *)relay;
    double *filled = &stats->workers;
    for (int i = 0; i < EDDY__FRONT_COUNTS; i++)
        filled[i] = (double)eddy__front_count(&self->state, i);
}
