#include "stream/outbox.h"
#include "base/sys.h"

#include <math.h>

const eddy__outbox eddy__no_outbox = {
    .queue = {.all = {(eddy__node *)&eddy__no_outbox.queue.all,
                      (eddy__node *)&eddy__no_outbox.queue.all},
              .message_limit = INFINITY,
              .byte_limit = EDDY_SEND_LIMIT},
};

eddy__outbox *eddy__outbox_new(eddy__loop_state *state, struct eddy__stream *stream) {
    eddy__outbox *made = eddy__calloc(1, sizeof *made);
    if (!made) return NULL;
    if (eddy__timer_heap_reserve(&state->timer_heap) != 0) {
        eddy__free(made);
        return NULL;
    }
    made->stream = stream;
    made->retry_delay = EDDY__FIRST_RETRY_MS;
    eddy__sendq_init(&made->queue);
    return made;
}

void eddy__outbox_free(eddy__loop_state *state, eddy__outbox *outbox) {
    if (outbox == &eddy__no_outbox) return;
    eddy__sendq_free(&outbox->queue);
    eddy__completions_free(&outbox->completions);
    eddy__lost_peers_free(&outbox->lost_peers);
    eddy__timer_heap_release(&state->timer_heap);
    eddy__free(outbox);
}
