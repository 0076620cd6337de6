/* What became of a stream's messages, in the order in which they left, until Lua is told. */
#ifndef EDDY_OUTCOMES_H
#define EDDY_OUTCOMES_H

#include "loop/events.h"

typedef struct eddy__outcome {
    double number;  /* the message's, or the first one's */
    int error;      /* 0: accepted by libzmq */
    int reported;   /* the sender waits for word of these */
    uint32_t count; /* more than one only when accepted */
} eddy__outcome;

typedef struct eddy__outcomes {
    eddy__outcome *entries;
    uint32_t count, capacity;
    uint32_t expected; /* reported messages on their way */
} eddy__outcomes;

/* Announces a message of which word is expected. 0, or -ENOMEM. */
int eddy__outcomes_expect(eddy__outcomes *outcomes);

/* Takes an announcement back: the sender knows already. */
static inline void eddy__outcomes_forget(eddy__outcomes *outcomes) {
    outcomes->expected--;
}

/* Notes what became of a message. A success is of interest only if reported; a
 * failure nobody waits for is left out when there is no memory for it. */
void eddy__outcomes_note(eddy__outcomes *outcomes, int error, int reported, double number);

/* Moves all of them to the batch as events of that stream; what has no room stays. */
int eddy__outcomes_tell(eddy__outcomes *outcomes, eddy__batch *batch, uint32_t id);

/* Takes the oldest one, of one message, as such an event. 1, or 0 when there is none. */
int eddy__outcomes_take(eddy__outcomes *outcomes, eddy_event *event, uint32_t id);

void eddy__outcomes_free(eddy__outcomes *outcomes);

#endif
