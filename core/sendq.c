#include "sendq.h"
#include "eddy.h"
#include "message.h"
#include "sys.h"

#include <math.h>

void eddy__sendq_init(eddy__sendq *queue) {
    *queue = (eddy__sendq){.message_limit = INFINITY, .byte_limit = EDDY_SEND_LIMIT};
    queue->last = &queue->first;
}

void eddy__sendq_free(eddy__sendq *queue) {
    while (queue->first) eddy__sendq_drop(eddy__sendq_shift(queue));
}

static int within(const eddy__sendq *queue, double messages, double bytes, double parts) {
    double memory = fmax(queue->byte_limit, EDDY_SEND_LIMIT);
    return messages <= queue->message_limit && bytes <= queue->byte_limit &&
           parts * (double)sizeof(zmq_msg_t) <= memory;
}

int eddy__sendq_fits(const eddy__sendq *queue, double bytes, uint32_t count) {
    return within(queue, queue->messages + 1, queue->bytes + bytes, queue->parts + count);
}

int eddy__sendq_could_fit(const eddy__sendq *queue, double bytes, uint32_t count) {
    return within(queue, 0, bytes, count);
}

int eddy__sendq_push(eddy__sendq *queue, zmq_msg_t *msgs, uint32_t count, double bytes,
                     int report) {
    eddy__queued *queued = eddy__calloc(1, sizeof *queued + count * sizeof *msgs);
    if (!queued) return -ENOMEM;
    queued->bytes = bytes;
    queued->count = count;
    queued->report = report;
    for (uint32_t i = 0; i < count; i++) {
        zmq_msg_init(&queued->msgs[i]);
        zmq_msg_move(&queued->msgs[i], &msgs[i]);
        zmq_msg_close(&msgs[i]);
    }
    *queue->last = queued;
    queue->last = &queued->next;
    queue->messages += 1;
    queue->awaited += report == EDDY_REPORT;
    queue->bytes += bytes;
    queue->parts += count;
    return 0;
}

void eddy__sendq_await(eddy__sendq *queue) {
    for (eddy__queued *queued = queue->first; queued; queued = queued->next) {
        if (queued->report != EDDY_REPORT_IDLY) continue;
        queued->report = EDDY_REPORT;
        queue->awaited++;
    }
}

eddy__queued *eddy__sendq_shift(eddy__sendq *queue) {
    eddy__queued *queued = queue->first;
    if (!queued) return NULL;
    queue->first = queued->next;
    if (!queue->first) queue->last = &queue->first;
    queue->messages -= 1;
    queue->awaited -= queued->report == EDDY_REPORT;
    queue->bytes -= queued->bytes;
    queue->parts -= queued->count;
    return queued;
}

void eddy__sendq_drop(eddy__queued *queued) {
    eddy__message_close(queued->msgs, queued->count);
    eddy__free(queued);
}
