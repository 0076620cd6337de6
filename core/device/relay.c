#include "device/relay.h"
#include "base/sys.h"
#include "base/waits.h"
#include "zmq/message.h"

#include <limits.h>
#include <string.h>

enum {
    FIRST_ROOM = 4,
    KEPT_ROOM = 1024, /* parts: a message of any number may come, but that much is not kept */
};

int eddy__relay_init(eddy__relay *relay) {
    memset(relay, 0, sizeof *relay);
    return eddy__control_init(&relay->control);
}

int eddy__relay_fail(eddy__relay *relay, int end, int error) {
    relay->failed = end;
    return error;
}

int eddy__relay_look(eddy__relay *relay) {
    for (int i = 0; i < EDDY_ENDS; i++) {
        eddy__socket *end = relay->ends[i];
        if (!end) continue;
        if (i == EDDY_OUT && end == relay->ends[EDDY_IN]) {
            relay->events[i] = relay->events[EDDY_IN];
            continue;
        }
        eddy__socket_touch(end);
        relay->events[i] = eddy__socket_events(end);
        if (relay->events[i] < 0) return eddy__relay_fail(relay, i, relay->events[i]);
    }
    return 0;
}

int eddy__relay_wait(eddy__relay *relay, double ms) {
    struct pollfd fds[EDDY_ENDS + 2];
    nfds_t count = 0;
    for (int i = 0; i < EDDY_ENDS; i++)
        if (relay->ends[i]) fds[count++] = (struct pollfd){relay->ends[i]->fd, POLLIN, 0};
    fds[count++] = (struct pollfd){relay->control.wake, POLLIN, 0};
    int rc = eddy__waits_poll(fds, count, ms);
    if (rc == -EINTR && eddy_waits_interrupted() == EDDY_POKED) return -EINPROGRESS;
    if (rc == -EINTR) eddy__control_end(&relay->control, rc);
    if (rc != 0) return rc == -EINTR ? 0 : rc;
    uint64_t news;
    if (fds[count - 1].revents && read(relay->control.wake, &news, sizeof news) < 0)
        return errno == EAGAIN ? 0 : -errno;
    return 0;
}

static int grow(eddy__hand *hand) {
    uint32_t room = hand->room ? hand->room * 2 : FIRST_ROOM;
    zmq_msg_t *parts = eddy__calloc(room, sizeof *parts);
    if (!parts) return -ENOMEM;
    for (uint32_t i = 0; i < room; i++) zmq_msg_init(&parts[i]);
    for (uint32_t i = 0; i < hand->room; i++) zmq_msg_move(&parts[i], &hand->parts[i]);
    eddy__free(hand->parts);
    hand->parts = parts;
    hand->room = room;
    return 0;
}

int eddy__hand_receive(eddy__hand *hand, eddy__socket *from) {
    int more;
    do {
        if (hand->count == hand->room && grow(hand) != 0) return -ENOMEM;
        zmq_msg_t *part = &hand->parts[hand->count];
        int rc = eddy__socket_recv(from, part, ZMQ_DONTWAIT);
        if (rc < 0) return eddy__message_may_pass(rc) ? 0 : rc;
        more = zmq_msg_more(part);
        hand->bytes += rc < INT_MAX ? rc : (double)zmq_msg_size(part);
        hand->count++;
    } while (more);
    hand->is_whole = 1;
    return 1;
}

/* What a send leaves of a message is closed; a receive wants it open. */
void eddy__hand_empty(eddy__hand *hand) {
    for (uint32_t i = 0; i < hand->count; i++) zmq_msg_init(&hand->parts[i]);
    hand->count = 0;
    hand->bytes = 0;
    hand->is_whole = 0;
    if (hand->room <= KEPT_ROOM) return;
    eddy__free(hand->parts);
    hand->parts = NULL;
    hand->room = 0;
}

void eddy__hand_free(eddy__hand *hand) {
    eddy__message_close(hand->parts, hand->room);
    eddy__free(hand->parts);
}
