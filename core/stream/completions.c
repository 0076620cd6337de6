#include "stream/completions.h"
#include "base/sys.h"

#include <string.h>

static int reserve(eddy__outcomes *outcomes, uint32_t needed) {
    if (needed <= outcomes->capacity) return 0;
    uint32_t capacity = outcomes->capacity ? outcomes->capacity : 4;
    while (capacity < needed) capacity *= 2;
    eddy__outcome *entries = eddy__realloc(outcomes->entries, capacity * sizeof *entries);
    if (!entries) return -ENOMEM;
    outcomes->entries = entries;
    outcomes->capacity = capacity;
    return 0;
}

int eddy__outcomes_expect(eddy__outcomes *outcomes) {
    if (reserve(outcomes, outcomes->count + outcomes->expected + 1) != 0) return -ENOMEM;
    outcomes->expected++;
    return 0;
}

void eddy__outcomes_note(eddy__outcomes *outcomes, int error, int reported, double number) {
    if (reported) outcomes->expected--;
    if (!error && !reported) return;
    eddy__outcome *last = outcomes->count > 0 ? &outcomes->entries[outcomes->count - 1] : NULL;
    if (!error && last && !last->error && last->number + last->count == number) {
        last->count++;
        return;
    }
    /* An expected one has its place already. */
    if (reserve(outcomes, outcomes->count + outcomes->expected + 1) != 0 && !reported) return;
    outcomes->entries[outcomes->count++] = (eddy__outcome){number, error, reported, 1};
}

static int kind_of(const eddy__outcome *outcome) {
    return outcome->error ? EDDY_SEND_FAILED : EDDY_SENT;
}

static void forget(eddy__outcomes *outcomes, uint32_t told) {
    outcomes->count -= told;
    memmove(outcomes->entries, outcomes->entries + told,
            outcomes->count * sizeof *outcomes->entries);
}

int eddy__outcomes_take(eddy__outcomes *outcomes, eddy_event *event, uint32_t id) {
    if (outcomes->count == 0) return 0;
    eddy__outcome *oldest = outcomes->entries;
    *event = (eddy_event){.kind = kind_of(oldest), .id = id, .reported = oldest->reported};
    event->value = oldest->error ? oldest->error : 1;
    event->number = oldest->number++;
    if (--oldest->count == 0) forget(outcomes, 1);
    return 1;
}

int eddy__outcomes_tell(eddy__outcomes *outcomes, eddy__batch *batch, uint32_t id) {
    uint32_t told = 0;
    int rc = 0;
    for (; told < outcomes->count; told++) {
        rc = eddy__batch_reserve(batch);
        if (rc != 0) break;
        eddy__outcome *outcome = &outcomes->entries[told];
        int value = outcome->error ? outcome->error : (int)outcome->count;
        eddy_event *event = eddy__batch_add(batch, kind_of(outcome), id, value);
        event->reported = outcome->reported;
        event->number = outcome->number;
    }
    if (told > 0) forget(outcomes, told);
    return rc;
}

void eddy__outcomes_free(eddy__outcomes *outcomes) {
    eddy__free(outcomes->entries);
    *outcomes = (eddy__outcomes){0};
}
