#include "base/sys.h"
#include "stream/stream.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
    STEP = 32
}; /* sizes of idle records are multiples of it: few, so that they are reused */

/* An idle record with room for texts of that many bytes, and for what every stream has there.
 */
static eddy_page_idle *new_idle(size_t texts) {
    size_t size = (offsetof(eddy_page_idle, texts) + texts + STEP - 1) / STEP * STEP;
    return (eddy_page_idle *)eddy_page_add((uint32_t)size);
}

void eddy__stream_page_take(eddy__stream *stream) {
    eddy_page_idle *idle = new_idle(sizeof idle->texts);
    if (!idle) return;
    idle->loop = stream->state->page->record.number;
    idle->id = stream->grave.id;
    idle->opened = eddy_time();
    idle->type = stream->socket->type;
    stream->idle = idle;
    eddy_page_show(&idle->record, EDDY_PAGE_IDLE);
}

static void leave_idle(eddy__stream *stream) {
    eddy_page_remove(stream->idle ? &stream->idle->record : NULL);
    stream->idle = NULL;
}

void eddy__stream_page_leave(eddy__stream *stream) {
    eddy__place *place = stream->place;
    leave_idle(stream);
    if (!place) return;
    if (stream->state->handling == &place->handling) stream->state->handling = NULL;
    eddy__stream_show(stream);
    eddy_page_remove(&place->page->record);
    stream->place = NULL;
    eddy__free(place);
}

static const char *name_of(const eddy_page_idle *idle) {
    return idle->texts;
}

static const char *endpoint_of(const eddy_page_idle *idle) {
    return idle->texts + strlen(idle->texts) + 1;
}

static void copy_text(char *to, const char *text) {
    if (text) snprintf(to, EDDY_PAGE_NAME, "%s", text);
}

/* In place of the idle record, which is gone in any case: what there is no room for is counted
 * as left out. */
static eddy__place *begin_to_count(eddy__stream *stream) {
    eddy_page_stream *page = (eddy_page_stream *)eddy_page_add(sizeof *page);
    eddy__place *place = page ? eddy__calloc(1, sizeof *place) : NULL;
    const eddy_page_idle *idle = stream->idle;
    if (place) {
        page->record.number = idle->record.number;
        page->loop = idle->loop;
        page->id = idle->id;
        page->opened = idle->opened;
        page->type = idle->type;
        page->receiving = idle->receiving;
        copy_text(page->name, name_of(idle));
        copy_text(page->endpoint, endpoint_of(idle));
        place->page = page;
        place->stream = stream;
        eddy_page_show(&page->record, EDDY_PAGE_STREAM);
    } else if (page) {
        eddy_page_remove(&page->record);
    }
    leave_idle(stream);
    return stream->place = place;
}

eddy__place *eddy__stream_place(eddy__stream *stream) {
    if (stream->place || !stream->idle) return stream->place;
    return begin_to_count(stream);
}

/* Its texts in a record that has room for them. */
static void label_idle(eddy__stream *stream, const char *name, const char *endpoint) {
    char both[2 * EDDY_PAGE_NAME] = "";
    eddy_page_idle *idle = stream->idle, *made = idle;
    copy_text(both, name ? name : name_of(idle));
    size_t first = strlen(both) + 1;
    copy_text(both + first, endpoint ? endpoint : endpoint_of(idle));
    size_t size = first + strlen(both + first) + 1;
    if (offsetof(eddy_page_idle, texts) + size > idle->record.size) made = new_idle(size);
    if (!made) return;
    memcpy(made->texts, both, size);
    if (made == idle) return;
    made->record.number = idle->record.number;
    memcpy(&made->loop, &idle->loop,
           offsetof(eddy_page_idle, texts) - offsetof(eddy_page_idle, loop));
    eddy_page_show(&made->record, EDDY_PAGE_IDLE);
    leave_idle(stream);
    stream->idle = made;
}

void eddy__stream_show_label(eddy__stream *stream, const char *name, const char *endpoint) {
    if (stream->idle) return label_idle(stream, name, endpoint);
    if (!stream->place) return;
    copy_text(stream->place->page->name, name);
    copy_text(stream->place->page->endpoint, endpoint);
}

void eddy__stream_show_receiving(eddy__stream *stream) {
    if (stream->place) stream->place->page->receiving = stream->receiving;
    if (stream->idle) stream->idle->receiving = stream->receiving;
}

/* Where it counts; NULL as long as there is nothing to be told. */
static eddy__place *place_for(eddy__stream *stream) {
    const eddy__outbox *out = stream->out;
    if (!stream->idle) return stream->place;
    int has_counted = stream->messages_in > 0 || stream->errors > 0 || out->messages_out > 0 ||
                      out->queue.messages > 0 || out->dropped > 0;
    return has_counted ? begin_to_count(stream) : NULL;
}

void eddy__stream_show_sent(eddy__stream *stream) {
    const eddy__place *place = place_for(stream);
    if (!place) return;
    eddy_stream_stats *stats = &place->page->stats;
    stats->messages_out = stream->out->messages_out;
    stats->bytes_out = stream->out->bytes_out;
    stats->errors = stream->errors;
}

void eddy__stream_show(eddy__stream *stream) {
    const eddy__place *place = place_for(stream);
    if (!place) return;
    const eddy__outbox *out = stream->out;
    eddy_stream_stats *stats = &place->page->stats;
    eddy__stream_show_sent(stream);
    stats->messages_in = stream->messages_in;
    stats->bytes_in = stream->bytes_in;
    stats->smallest_out = out->smallest_out;
    stats->queued = out->queue.messages;
    stats->queued_bytes = out->queue.bytes;
    stats->high_water = out->high_water;
    stats->high_water_bytes = out->high_water_bytes;
    stats->dropped = out->dropped;
}
