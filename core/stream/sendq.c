#include "stream/sendq.h"
#include "base/sys.h"
#include "eddy.h"
#include "zmq/message.h"

#include <math.h>

void eddy__sendq_init(eddy__sendq *queue) {
    *queue = (eddy__sendq){.message_limit = INFINITY, .byte_limit = EDDY_SEND_LIMIT};
    eddy__list_init(&queue->all);
    eddy__peer_queues_init(&queue->peer_queues);
}

void eddy__sendq_free(eddy__sendq *queue) {
    for (eddy__queued *oldest; (oldest = eddy__sendq_oldest(queue));) {
        eddy__sendq_take(queue, oldest);
        eddy__sendq_drop(oldest);
    }
}

static int within(const eddy__sendq *queue, double messages, double bytes, double parts) {
    double limit = queue->byte_limit,
           memory = limit > EDDY_SEND_LIMIT ? limit : EDDY_SEND_LIMIT;
    return messages <= queue->message_limit && bytes <= limit &&
           parts * (double)sizeof(zmq_msg_t) <= memory;
}

int eddy__sendq_fits(const eddy__sendq *queue, double bytes, uint32_t count) {
    return within(queue, queue->messages + 1, queue->bytes + bytes, queue->parts + count);
}

int eddy__sendq_could_fit(const eddy__sendq *queue, double bytes, uint32_t count) {
    return within(queue, 0, bytes, count);
}

int eddy__sendq_is_half_empty(const eddy__sendq *queue) {
    return within(queue, queue->messages * 2, queue->bytes * 2, queue->parts * 2);
}

int eddy__sendq_holds(const eddy__sendq *queue, zmq_msg_t *first) {
    if (!queue->by_peer || queue->peer_queues.count == 0) return queue->peer_queues.count > 0;
    return eddy__peer_queues_find(&queue->peer_queues, zmq_msg_data(first),
                                  zmq_msg_size(first)) != NULL;
}

static eddy__peer_queue *lane_for(eddy__sendq *queue, zmq_msg_t *first) {
    if (!queue->by_peer) return eddy__peer_queues_open(&queue->peer_queues, NULL, 0);
    return eddy__peer_queues_open(&queue->peer_queues, zmq_msg_data(first),
                                  zmq_msg_size(first));
}

int eddy__sendq_push(eddy__sendq *queue, zmq_msg_t *msgs, uint32_t count, double bytes,
                     int report, double number) {
    eddy__queued *queued = eddy__calloc(1, sizeof *queued + count * sizeof *msgs);
    if (!queued) return -ENOMEM;
    queued->peer_queue = lane_for(queue, msgs);
    if (!queued->peer_queue) {
        eddy__free(queued);
        return -ENOMEM;
    }
    queued->bytes = bytes;
    queued->number = number;
    queued->count = count;
    queued->report = report;
    for (uint32_t i = 0; i < count; i++) {
        zmq_msg_init(&queued->msgs[i]);
        zmq_msg_move(&queued->msgs[i], &msgs[i]);
        zmq_msg_close(&msgs[i]);
    }
    eddy__list_init(&queued->age);
    eddy__list_init(&queued->place);
    eddy__list_push(&queue->all, &queued->age);
    eddy__list_push(&queued->peer_queue->waiting, &queued->place);
    queue->messages += 1;
    queue->awaited += report == EDDY_REPORT;
    queue->idle += report == EDDY_REPORT_IDLY;
    queue->bytes += bytes;
    queue->parts += count;
    return 0;
}

eddy__queued *eddy__sendq_oldest(const eddy__sendq *queue) {
    if (eddy__list_empty(&queue->all)) return NULL;
    return eddy__entry(queue->all.next, eddy__queued, age);
}

eddy__queued *eddy__sendq_first(const eddy__peer_queue *peer_queue) {
    if (eddy__list_empty(&peer_queue->waiting)) return NULL;
    return eddy__entry(peer_queue->waiting.next, eddy__queued, place);
}

eddy__queued *eddy__sendq_take(eddy__sendq *queue, eddy__queued *queued) {
    eddy__list_remove(&queued->age);
    eddy__list_remove(&queued->place);
    queue->messages -= 1;
    queue->awaited -= queued->report == EDDY_REPORT;
    queue->idle -= queued->report == EDDY_REPORT_IDLY;
    queue->bytes -= queued->bytes;
    queue->parts -= queued->count;
    eddy__queued *next = eddy__sendq_first(queued->peer_queue);
    if (!next) eddy__peer_queues_close(&queue->peer_queues, queued->peer_queue);
    return next;
}

void eddy__sendq_drop(eddy__queued *queued) {
    eddy__message_close(queued->msgs, queued->count);
    eddy__free(queued);
}
