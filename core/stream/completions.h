/* Send completions (accepted by libzmq, or failed), in send order, until they are reported to
 * Lua. */
#ifndef EDDY_STREAM_COMPLETIONS_H
#define EDDY_STREAM_COMPLETIONS_H

#include "loop/events.h"

typedef struct eddy__completion {
    double number;  /* the message's, or the first one's */
    int error;      /* 0: accepted by libzmq */
    int reported;   /* the sender waits for these */
    uint32_t count; /* more than one only when accepted */
} eddy__completion;

typedef struct eddy__completions {
    eddy__completion *entries;
    uint32_t first, count, capacity; /* `count` of them, from `first` on */
    uint32_t expected;               /* reported messages on their way */
} eddy__completions;

/* Announces a message whose completion is to be reported. 0, or -ENOMEM. */
int eddy__completions_expect(eddy__completions *completions);

/* Takes an announcement back: the sender knows already. */
static inline void eddy__completions_forget(eddy__completions *completions) {
    completions->expected--;
}

enum {
    EDDY__KEPT_COMPLETIONS = 1000, /* room that is kept when all is told */
    EDDY__FAILURES_TO_TELL = 1000,
};

/* Adds the completion of a message. A success counts only if it is to be reported; a failure
 * that nobody waits for is left out when there is no memory for it, or so many are to be told.
 */
void eddy__completions_note(eddy__completions *completions, int error, int reported,
                            double number);

/* Moves all of them to the batch as events of that stream; what has no room stays. */
int eddy__completions_tell(eddy__completions *completions, eddy__events *batch, uint32_t id);

/* Takes the oldest one, of one message, as such an event. 1, or 0 when there is none. */
int eddy__completions_take(eddy__completions *completions, eddy_event *event, uint32_t id);

void eddy__completions_free(eddy__completions *completions);

#endif
