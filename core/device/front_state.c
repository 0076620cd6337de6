#include "device/front_state.h"
#include "base/sys.h"
#include "zmq/message.h"

#include <string.h>

enum {
    JOB = 1, /* the kind in the table of ids */
    MOST_WORKERS = 10000,
};

void eddy__front_init(eddy__front_state *state, const eddy_front_plan *plan) {
    state->plan = *plan;
    eddy__list_init(&state->workers);
    eddy__list_init(&state->idle);
    eddy__list_init(&state->queue);
    eddy__list_init(&state->in_hand);
    eddy__id_map_init(&state->jobs);
}

uint64_t eddy__front_count(const eddy__front_state *state, int which) {
    return __atomic_load_n(&state->counts[which], __ATOMIC_RELAXED);
}

static void add(eddy__front_state *state, int which, int64_t by) {
    uint64_t count = state->counts[which] + (uint64_t)by;
    __atomic_store_n(&state->counts[which], count, __ATOMIC_RELAXED);
}

static uint64_t mixed(uint64_t value) {
    value = (value ^ (value >> 33)) * 0xff51afd7ed558ccdULL;
    value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return value ^ (value >> 33);
}

static uint64_t hash_of(zmq_msg_t *part) {
    const unsigned char *bytes = zmq_msg_data(part);
    uint64_t hash = 0xcbf29ce484222325ULL;
    for (size_t i = 0; i < zmq_msg_size(part); i++) hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
    return mixed(hash);
}

static int is_same(zmq_msg_t *a, zmq_msg_t *b) {
    size_t size = zmq_msg_size(a);
    return size == zmq_msg_size(b) && memcmp(zmq_msg_data(a), zmq_msg_data(b), size) == 0;
}

/* The worker that a part chooses: the same one as long as it is there. When a worker comes or
 * goes, only those parts move that it gets or had. */
static eddy__front_worker *chosen(const eddy__front_state *state, uint64_t key) {
    eddy__front_worker *best = NULL;
    uint64_t most = 0;
    for (eddy__node *node = state->workers.next; node != &state->workers; node = node->next) {
        eddy__front_worker *each = eddy__entry(node, eddy__front_worker, node);
        uint64_t weight = mixed(key ^ each->hash);
        if (each->is_leaving || (best && weight < most)) continue;
        best = each;
        most = weight;
    }
    return best;
}

/* Where the request waits. */
static eddy__list *place_of(eddy__front_state *state, const eddy__front_job *job) {
    eddy__front_worker *own = state->plan.shard >= 0 ? chosen(state, job->key) : NULL;
    return own ? &own->waiting : &state->queue;
}

static void count_queued(eddy__front_state *state, const eddy__front_job *job, int by) {
    add(state, EDDY__QUEUED, by);
    state->queued_bytes += by * job->hand.bytes;
}

int eddy__front_has_room(const eddy__front_state *state) {
    return eddy__front_count(state, EDDY__QUEUED) < state->plan.queue &&
           state->queued_bytes < state->plan.queue_bytes;
}

/* The client's envelope ends with the first empty part; without one it is the client's id. */
static uint32_t envelope_of(eddy__hand *hand) {
    for (uint32_t i = 1; i + 1 < hand->count; i++)
        if (zmq_msg_size(&hand->parts[i]) == 0) return i + 1;
    return 1;
}

int eddy__front_accept(eddy__front_state *state, eddy__front_job *job) {
    int id = eddy__id_map_add(&state->jobs, job, JOB);
    if (id < 0) return id;
    job->id = (uint32_t)id;
    job->envelope = envelope_of(&job->hand);
    uint32_t part = job->envelope + (uint32_t)state->plan.shard;
    if (state->plan.shard >= 0 && part < job->hand.count)
        job->key = hash_of(&job->hand.parts[part]);
    eddy__list_init(&job->node);
    eddy__list_push(place_of(state, job), &job->node);
    count_queued(state, job, 1);
    return 0;
}

eddy__front_job *eddy__front_find(const eddy__front_state *state, uint32_t id,
                                  zmq_msg_t *worker) {
    eddy__front_job *job = eddy__id_map_find(&state->jobs, id, JOB);
    return job && job->worker && is_same(&job->worker->id, worker) ? job : NULL;
}

void eddy__front_free_job(eddy__front_state *state, eddy__front_job *job) {
    eddy__list_remove(&job->node);
    eddy__id_map_remove(&state->jobs, job->id);
    eddy__hand_free(&job->hand);
    eddy__free(job);
}

static void set_credit(eddy__front_state *state, eddy__front_worker *worker, uint32_t credit) {
    if (worker->is_leaving) credit = 0;
    add(state, EDDY__CREDITS, (int64_t)credit - worker->credit);
    worker->credit = credit;
    if (credit > 0)
        eddy__list_push(&state->idle, &worker->idle);
    else
        eddy__list_remove(&worker->idle);
}

void eddy__front_give(eddy__front_state *state, eddy__front_worker *worker,
                      eddy__front_job *job) {
    eddy__list_remove(&job->node);
    count_queued(state, job, -1);
    job->worker = worker;
    job->tries++;
    job->given = worker->asked;
    worker->held++;
    add(state, EDDY__IN_HAND, 1);
    eddy__list_push(&state->in_hand, &job->node);
    eddy__list_remove(&worker->idle); /* the others are before it now */
    set_credit(state, worker, worker->credit - 1);
}

static void take(eddy__front_state *state, eddy__front_job *job) {
    eddy__list_remove(&job->node);
    job->worker->held--;
    job->worker = NULL;
    add(state, EDDY__IN_HAND, -1);
}

void eddy__front_take(eddy__front_state *state, eddy__front_job *job) {
    eddy__front_worker *worker = job->worker;
    take(state, job);
    set_credit(state, worker, worker->credit + 1);
}

void eddy__front_put_back(eddy__front_state *state, eddy__front_job *job) {
    eddy__list *place = place_of(state, job);
    eddy__list_push(place->next, &job->node);
    count_queued(state, job, 1);
}

/* Requests that wait for one worker each choose anew. Those of one key stay in their order. */
static void choose_anew(eddy__front_state *state) {
    eddy__list all;
    if (state->plan.shard < 0) return;
    eddy__list_init(&all);
    for (eddy__node *node = state->workers.next; node != &state->workers; node = node->next)
        eddy__list_append(&all, &eddy__entry(node, eddy__front_worker, node)->waiting);
    eddy__list_append(&all, &state->queue);
    for (eddy__node *node; (node = eddy__list_shift(&all));)
        eddy__list_push(place_of(state, eddy__entry(node, eddy__front_job, node)), node);
}

eddy__front_worker *eddy__front_worker_of(const eddy__front_state *state, zmq_msg_t *id) {
    for (eddy__node *node = state->workers.next; node != &state->workers; node = node->next) {
        eddy__front_worker *each = eddy__entry(node, eddy__front_worker, node);
        if (is_same(&each->id, id)) return each;
    }
    return NULL;
}

static eddy__front_worker *new_worker(eddy__front_state *state, zmq_msg_t *id) {
    if (eddy__front_count(state, EDDY__WORKERS) >= MOST_WORKERS) return NULL;
    eddy__front_worker *worker = eddy__calloc(1, sizeof *worker);
    if (!worker) return NULL;
    eddy__list_init(&worker->node);
    eddy__list_init(&worker->idle);
    eddy__list_init(&worker->waiting);
    zmq_msg_init(&worker->id);
    zmq_msg_copy(&worker->id, id);
    worker->hash = hash_of(id);
    worker->is_leaving = 1;
    eddy__list_push(&state->workers, &worker->node);
    add(state, EDDY__WORKERS, 1);
    return worker;
}

void eddy__front_ready(eddy__front_state *state, zmq_msg_t *id, uint32_t credit) {
    eddy__front_worker *worker = eddy__front_worker_of(state, id);
    if (!worker) worker = new_worker(state, id);
    if (!worker) return;
    int is_new = worker->is_leaving;
    worker->is_leaving = 0;
    set_credit(state, worker, credit);
    if (is_new) choose_anew(state);
}

void eddy__front_leave(eddy__front_state *state, eddy__front_worker *worker) {
    worker->is_leaving = 1;
    set_credit(state, worker, 0);
    choose_anew(state);
}

void eddy__front_bury(eddy__front_state *state, eddy__front_worker *worker, eddy__list *lost) {
    eddy__list had;
    eddy__list_init(&had);
    eddy__front_leave(state, worker);
    for (eddy__node *node = state->in_hand.next, *next; node != &state->in_hand; node = next) {
        eddy__front_job *job = eddy__entry(node, eddy__front_job, node);
        next = node->next;
        if (job->worker != worker) continue;
        take(state, job);
        eddy__list_push(&had, node);
    }
    /* The oldest is to be the first again. */
    while (!eddy__list_empty(&had)) {
        eddy__front_job *job = eddy__entry(had.prev, eddy__front_job, node);
        int is_lost = job->tries > state->plan.retries;
        eddy__list_remove(&job->node);
        add(state, is_lost ? EDDY__LOST : EDDY__RETRIED, 1);
        if (is_lost)
            eddy__list_push(lost, &job->node);
        else
            eddy__front_put_back(state, job);
    }
    eddy__list_remove(&worker->node);
    zmq_msg_close(&worker->id);
    eddy__free(worker);
    add(state, EDDY__WORKERS, -1);
}

static void free_jobs(eddy__front_state *state, eddy__list *jobs) {
    while (!eddy__list_empty(jobs))
        eddy__front_free_job(state, eddy__entry(jobs->next, eddy__front_job, node));
}

void eddy__front_clear(eddy__front_state *state) {
    free_jobs(state, &state->queue);
    free_jobs(state, &state->in_hand);
    while (!eddy__list_empty(&state->workers)) {
        eddy__front_worker *each = eddy__entry(state->workers.next, eddy__front_worker, node);
        free_jobs(state, &each->waiting);
        eddy__list_remove(&each->idle);
        eddy__list_remove(&each->node);
        zmq_msg_close(&each->id);
        eddy__free(each);
    }
    eddy__id_map_free(&state->jobs);
}
