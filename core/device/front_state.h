/* What a front knows: its workers, the requests, and which of them waits for whom. */
#ifndef EDDY_DEVICE_FRONT_STATE_H
#define EDDY_DEVICE_FRONT_STATE_H

#include "base/id_map.h"
#include "base/list.h"
#include "device/relay.h"

/* What there is; the front's thread alone writes it. */
enum {
    EDDY__WORKERS,
    EDDY__CREDITS,
    EDDY__QUEUED,
    EDDY__IN_HAND,
    EDDY__RETRIED,
    EDDY__LOST,
    EDDY__FRONT_COUNTS,
};

typedef struct eddy__front_worker {
    eddy__node node;    /* among all */
    eddy__node idle;    /* among those that are ready */
    eddy__list waiting; /* requests that only this one may have, as their part chose it */
    zmq_msg_t id;
    uint64_t hash;
    uint32_t credit, held; /* requests it takes, and has */
    double asked;          /* when it was last sent anything */
    int is_leaving;
} eddy__front_worker;

typedef struct {
    eddy__node node; /* in the queue, in a worker's `waiting`, or in `in_hand` */
    uint32_t id;
    eddy__hand hand;
    uint32_t envelope; /* how many parts of it are the client's */
    uint32_t tries;
    double given;               /* when its worker got it */
    eddy__front_worker *worker; /* who has it */
    uint64_t key;               /* of the part that chooses the worker */
} eddy__front_job;

typedef struct {
    eddy_front_plan plan;
    eddy__list workers, idle;
    eddy__list queue;   /* requests for whoever is ready first */
    eddy__list in_hand; /* those that a worker has, in the order in which they were given */
    eddy__id_map jobs;
    double queued_bytes;
    uint64_t counts[EDDY__FRONT_COUNTS];
} eddy__front_state;

void eddy__front_init(eddy__front_state *state, const eddy_front_plan *plan);

/* Frees the workers and the requests. */
void eddy__front_clear(eddy__front_state *state);

uint64_t eddy__front_count(const eddy__front_state *state, int which);

/* Whether the front takes another request. */
int eddy__front_has_room(const eddy__front_state *state);

/* The request, whose hand is filled, waits from now on. 0 or -errno. */
int eddy__front_accept(eddy__front_state *state, eddy__front_job *job);

/* The request of that id, if the worker of that id has it; NULL when it does not. */
eddy__front_job *eddy__front_find(const eddy__front_state *state, uint32_t id,
                                  zmq_msg_t *worker);

/* The worker has the request from now on. */
void eddy__front_give(eddy__front_state *state, eddy__front_worker *worker,
                      eddy__front_job *job);

/* The worker has it no more, and is ready for another one. */
void eddy__front_take(eddy__front_state *state, eddy__front_job *job);

/* The request, which nobody has, is the next. */
void eddy__front_put_back(eddy__front_state *state, eddy__front_job *job);

void eddy__front_free_job(eddy__front_state *state, eddy__front_job *job);

eddy__front_worker *eddy__front_worker_of(const eddy__front_state *state, zmq_msg_t *id);

/* The worker takes so many requests; it is made when it is new, as far as there is room. */
void eddy__front_ready(eddy__front_state *state, zmq_msg_t *id, uint32_t credit);

/* The worker takes no more. */
void eddy__front_leave(eddy__front_state *state, eddy__front_worker *worker);

/* The worker is gone. What it had waits again, but for requests that too many workers had:
 * those are put into `lost`. */
void eddy__front_bury(eddy__front_state *state, eddy__front_worker *worker, eddy__list *lost);

#endif
