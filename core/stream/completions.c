#include "stream/completions.h"
#include "base/sys.h"

#include <string.h>

static int reserve(eddy__completions *completions, uint32_t needed) {
    if (needed <= completions->capacity) return 0;
    uint32_t capacity = completions->capacity ? completions->capacity : 4;
    while (capacity < needed) capacity *= 2;
    eddy__completion *entries = eddy__realloc(completions->entries, capacity * sizeof *entries);
    if (!entries) return -ENOMEM;
    completions->entries = entries;
    completions->capacity = capacity;
    return 0;
}

/* Room for one more than there are and are expected. */
static int reserve_another(eddy__completions *completions) {
    return reserve(completions,
                   completions->first + completions->count + completions->expected + 1);
}

static eddy__completion *at(const eddy__completions *completions, uint32_t index) {
    return &completions->entries[completions->first + index];
}

int eddy__completions_expect(eddy__completions *completions) {
    if (reserve_another(completions) != 0) return -ENOMEM;
    completions->expected++;
    return 0;
}

void eddy__completions_note(eddy__completions *completions, int error, int reported,
                            double number) {
    if (reported) completions->expected--;
    if (!reported && (!error || completions->count >= EDDY__FAILURES_TO_TELL)) return;
    eddy__completion *last =
        completions->count > 0 ? at(completions, completions->count - 1) : NULL;
    if (!error && last && !last->error && last->number + last->count == number) {
        last->count++;
        return;
    }
    /* An expected one has its place already. */
    if (reserve_another(completions) != 0 && !reported) return;
    *at(completions, completions->count++) = (eddy__completion){number, error, reported, 1};
}

static int kind_of(const eddy__completion *completion) {
    return completion->error ? EDDY_SEND_FAILED : EDDY_SENT;
}

/* What is left moves to the front only when at least as many were told since: no more work
 * for each of them than one move. */
static void forget(eddy__completions *completions, uint32_t told) {
    completions->count -= told;
    completions->first += told;
    if (completions->first < completions->count) return;
    memmove(completions->entries, at(completions, 0),
            completions->count * sizeof *completions->entries);
    completions->first = 0;
    if (completions->count + completions->expected == 0 &&
        completions->capacity > EDDY__KEPT_COMPLETIONS)
        eddy__completions_free(completions);
}

int eddy__completions_take(eddy__completions *completions, eddy_event *event, uint32_t id) {
    if (completions->count == 0) return 0;
    eddy__completion *oldest = at(completions, 0);
    *event = (eddy_event){.kind = kind_of(oldest), .id = id, .reported = oldest->reported};
    event->value = oldest->error ? oldest->error : 1;
    event->number = oldest->number++;
    if (--oldest->count == 0) forget(completions, 1);
    return 1;
}

int eddy__completions_tell(eddy__completions *completions, eddy__events *batch, uint32_t id) {
    uint32_t told = 0;
    int rc = 0;
    for (; told < completions->count; told++) {
        rc = eddy__events_reserve(batch);
        if (rc != 0) break;
        eddy__completion *completion = at(completions, told);
        int value = completion->error ? completion->error : (int)completion->count;
        eddy_event *event = eddy__events_add(batch, kind_of(completion), id, value);
        event->reported = completion->reported;
        event->number = completion->number;
    }
    if (told > 0) forget(completions, told);
    return rc;
}

void eddy__completions_free(eddy__completions *completions) {
    eddy__free(completions->entries);
    *completions = (eddy__completions){0};
}
