#include "stream/inbox.h"
#include "base/sys.h"
#include "zmq/frame.h"
#include "zmq/loan.h"

#include <limits.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

/* The bytes of a small part lie inside its zmq_msg_t, so a move changes where they are. */
static void show(eddy__inbox *inbox, uint32_t i) {
    inbox->view.parts[i].data = zmq_msg_data(&inbox->msgs[i]);
}

static int grow(eddy__inbox *inbox) {
    uint32_t capacity = inbox->capacity ? inbox->capacity * 2 : FIRST_CAPACITY;
    eddy_part *parts = eddy__realloc(inbox->view.parts, capacity * sizeof *parts);
    if (!parts) return -ENOMEM;
    inbox->view.parts = parts;
    zmq_msg_t *msgs = eddy__calloc(capacity, sizeof *msgs);
    if (!msgs) return -ENOMEM;
    for (uint32_t i = 0; i < capacity; i++) zmq_msg_init(&msgs[i]);
    zmq_msg_t *old = inbox->msgs;
    inbox->msgs = msgs;
    for (uint32_t i = 0; i < inbox->capacity; i++) {
        zmq_msg_move(&msgs[i], &old[i]);
        if (i < inbox->fill) show(inbox, i);
    }
    eddy__free(old);
    inbox->capacity = capacity;
    return 0;
}

eddy__inbox *eddy__inbox_new(void) {
    eddy__inbox *inbox = eddy__calloc(1, sizeof *inbox);
    if (!inbox) return NULL;
    eddy__list_init(&inbox->free);
    if (grow(inbox) == 0) return inbox;
    eddy__inbox_free(inbox);
    return NULL;
}

void eddy__inbox_free(eddy__inbox *inbox) {
    eddy__loan_keep(inbox->view.loan);
    for (uint32_t i = 0; i < inbox->capacity; i++) zmq_msg_close(&inbox->msgs[i]);
    eddy__free(inbox->msgs);
    eddy__free(inbox->view.parts);
    eddy__free(inbox);
}

/* Receives one part into the next place; its size, or -errno. */
static int receive_part(eddy__inbox *inbox, eddy__socket *socket) {
    if (inbox->fill == inbox->capacity && grow(inbox) != 0) return -ENOMEM;
    zmq_msg_t *msg = &inbox->msgs[inbox->fill];
    int size = eddy__msg_recv(msg, socket->zmq);
    if (size < 0) return -errno;
    eddy_part *part = &inbox->view.parts[inbox->fill++];
    part->data = zmq_msg_data(msg);
    part->size = size < INT_MAX ? size : EDDY_TOO_LARGE;
    part->more = zmq_msg_more(msg);
    return size;
}

/* A whole message is there: each part tells how many follow. */
static void count_parts(eddy__inbox *inbox) {
    uint32_t last = inbox->fill - 1;
    for (uint32_t i = inbox->view.tail; i < last; i++)
        inbox->view.parts[i].more = (int32_t)(last - i);
}

int eddy__inbox_receive(eddy__inbox *inbox, eddy__socket *socket, uint32_t budget,
                        double *messages, double *bytes) {
    double limit = *bytes + EDDY_BATCH_BYTES;
    eddy__socket_touch(socket);
    while (budget > 0 && *bytes < limit) {
        int size, more;
        do {
            size = receive_part(inbox, socket);
            if (size < 0) return size == -EAGAIN ? 0 : size;
            *bytes += size;
            limit -= sizeof(zmq_msg_t);
            more = inbox->view.parts[inbox->fill - 1].more;
        } while (more);
        count_parts(inbox);
        inbox->view.tail = inbox->fill;
        *messages += 1;
        budget--;
    }
    return 1;
}

/* A small part's bytes lie inside its zmq_msg_t: there is nothing to free before the next
 * receive writes over it. */
static int is_inside(const eddy__inbox *inbox, uint32_t i) {
    const char *data = inbox->view.parts[i].data, *msg = (const char *)&inbox->msgs[i];
    return data >= msg && data < msg + sizeof inbox->msgs[i];
}

int eddy__inbox_release(eddy__inbox *inbox) {
    uint32_t read = inbox->view.head, left = inbox->fill - read;
    eddy__loan_keep(inbox->view.loan); /* its handler waits, or asks for more */
    inbox->view.busy = 0;              /* of one whose reader an error ended */
    for (uint32_t i = 0; i < read; i++) {
        if (is_inside(inbox, i)) continue;
        zmq_msg_close(&inbox->msgs[i]);
        zmq_msg_init(&inbox->msgs[i]);
    }
    for (uint32_t i = 0; read > 0 && i < left; i++) {
        zmq_msg_move(&inbox->msgs[i], &inbox->msgs[read + i]);
        inbox->view.parts[i] = inbox->view.parts[read + i];
        show(inbox, i);
    }
    inbox->view.tail -= read;
    inbox->view.head = 0;
    inbox->fill = left;
    return left == 0;
}

int eddy_inbox_take(eddy_inbox *view, uint32_t position, eddy_frame *frame) {
    eddy__inbox *inbox = (eddy__inbox *)view; /* its first member */
    if (position >= view->tail) return -EINVAL;
    eddy_frame_close(frame);
    eddy__frame_take(frame, &inbox->msgs[position]);
    return 0;
}

const char *eddy_inbox_property(eddy_inbox *view, uint32_t position, const char *name) {
    eddy__inbox *inbox = (eddy__inbox *)view;
    return position < view->tail ? zmq_msg_gets(&inbox->msgs[position], name) : NULL;
}

int eddy_inbox_lend(eddy_inbox *view, eddy_loan *loan, uint32_t count) {
    eddy__inbox *inbox = (eddy__inbox *)view; /* its first member */
    if (count == 0 || count > view->tail - view->head) return -EINVAL;
    if (view->loan != loan) eddy__loan_keep(view->loan);
    eddy__loan_begin(loan, &view->loan, &inbox->msgs[view->head], &view->parts[view->head],
                     count);
    view->head += count;
    return 0;
}
