#include "counters/times.h"
#include "stream/stream.h"

#include <math.h>

#define SLOW_MS 0.005 /* a look at the clock takes some hundredths of that */

enum {
    COLD = 1000, /* calls before any is looked at by itself: the first are slow, as LuaJIT has
                    not compiled them, and what it compiles is the way that they took */
    UNUSUAL = 4, /* so many times as long as usual */
};

static uint32_t left_in(const eddy__stream *stream) {
    return stream->inbox ? stream->inbox->view.tail - stream->inbox->view.head : 0;
}

/* How many messages were handled since the last of them was counted. Of an inbox that is not
 * yet empty the parts that were read tell the share. */
static double handled(const eddy__stream *stream) {
    double count = stream->messages_in - stream->place->count;
    uint32_t left = left_in(stream);
    if (left == 0) return count;
    uint32_t head = stream->inbox->view.head;
    double read = head > stream->place->head ? head - stream->place->head : 0;
    return ceil(count * read / (read + left));
}

/* Messages whose handlers took so long together. Where it is much longer than usual, one of
 * them is taken to have been slow: the next ones are looked at one by one. */
static void note(eddy__stream *stream, double count, double ms) {
    eddy__place *place = stream->place;
    double each = ms / count, usual = place->usual;
    int is_unusual = count > 1 && usual > 0 && each > SLOW_MS && each > usual * UNUSUAL;
    eddy_page_times *times = &place->page->handling;
    if (is_unusual) {
        eddy__times_note(times, usual, count - 1);
        eddy__times_note(times, ms - usual * (count - 1), 1);
    } else {
        eddy__times_note(times, each, count);
    }
    place->usual = usual > 0 ? usual + (each - usual) / UNUSUAL : each;
    place->is_slow =
        place->count >= COLD && (each > SLOW_MS || (place->is_slow && each > SLOW_MS / 2));
}

static void end(eddy__handling *handling, double now) {
    eddy__stream *stream = eddy__stream_timing_of(handling);
    eddy__place *place = stream->place;
    double count = handled(stream);
    stream->state->handling = NULL;
    stream->state->page->since = now;
    place->count += count;
    if (count > 0) note(stream, count, now - place->began);
}

eddy__stream *eddy__stream_timing_of(eddy__handling *handling) {
    return ((eddy__place *)handling)->stream; /* its first member */
}

double eddy__stream_timing_begin(eddy__stream *stream) {
    eddy__loop_state *state = stream->state;
    double now = eddy_time();
    if (state->handling) state->handling->end(state->handling, now);
    eddy__place *place = stream->inbox ? eddy__stream_place(stream) : NULL;
    if (!place) return now;
    eddy_inbox *inbox = &stream->inbox->view;
    inbox->is_timed = place->is_slow;
    place->head = inbox->head;
    place->began = state->page->since = now;
    place->handling.end = end;
    state->handling = &place->handling;
    return now;
}

void eddy__stream_timing_lap(eddy__stream *stream) {
    eddy__place *place = stream->place;
    double now = eddy_time();
    note(stream, 1, now - place->began);
    place->count += 1;
    place->began = stream->state->page->since = now;
    if (stream->inbox) place->head = stream->inbox->view.head;
}
