/* Fuzzes the door: bytes are calls, with ids that may be stale and values that make no sense,
 * while calls beneath fail. ASan looks for misuse, the sweep for missed wake-ups. */
#include "base/faults.h"
#include "eddy.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { IDS = 16, MOST_SOCKETS = 8 };

typedef struct input {
    const uint8_t *bytes;
    size_t left;
} input;

static int next(input *input) {
    if (input->left == 0) return 0;
    input->left--;
    return *input->bytes++;
}

static eddy_context *context;
static eddy_loop *loop;
static uint32_t ids[IDS]; /* of anything, so that each call is given others' ids, too */
static int pipes[2];

static uint32_t any(input *input) {
    return ids[next(input) % IDS];
}

static void keep(input *input, int id) {
    if (id > 0) ids[next(input) % IDS] = (uint32_t)id;
}

static void open_pair(input *input) {
    static const int TYPES[][2] = {{ZMQ_PUSH, ZMQ_PULL},
                                   {ZMQ_PAIR, ZMQ_PAIR},
                                   {ZMQ_REQ, ZMQ_REP},
                                   {ZMQ_DEALER, ZMQ_ROUTER}};
    if (eddy_context_sockets(context) + 2 > MOST_SOCKETS) return;
    static int names;
    char endpoint[32];
    const int *types = TYPES[next(input) % 4];
    int hwm = next(input) % 4;
    snprintf(endpoint, sizeof endpoint, "inproc://%d", names++);
    int a = eddy_socket_open(context, types[0]), b = eddy_socket_open(context, types[1]);
    if (a > 0) eddy_socket_set(context, (uint32_t)a, ZMQ_SNDHWM, &hwm, sizeof hwm);
    if (b > 0) eddy_socket_set(context, (uint32_t)b, ZMQ_RCVHWM, &hwm, sizeof hwm);
    if (a > 0 && b > 0 && eddy_socket_bind(context, (uint32_t)a, endpoint) == 0)
        eddy_socket_connect(context, (uint32_t)b, endpoint);
    keep(input, a);
    keep(input, b);
}

static void send_parts(input *input) {
    static char bytes[300];
    eddy_part parts[8] = {0};
    uint32_t count = (uint32_t)next(input) % 8;
    for (uint32_t i = 0; i < count; i++) parts[i] = (eddy_part){bytes, next(input), 0};
    eddy_stream_send_parts(loop, any(input), parts, count, next(input) % 2);
}

static void read_inbox(eddy_inbox *inbox, input *input) {
    while (inbox && inbox->head < inbox->tail && next(input) % 8) {
        volatile int sum = 0;
        for (int more = 1; more; inbox->head++) {
            const eddy_part *part = &inbox->parts[inbox->head];
            for (int i = 0; i < part->size; i++) sum += part->data[i];
            more = part->more;
        }
    }
}

static void turn(input *input) {
    int events = eddy_loop_turn(loop, next(input) % 2 ? 0 : 0.001);
    for (int i = 0; i < events; i++) {
        const eddy_event *event = &eddy_loop_events(loop)[i];
        if (event->kind == EDDY_RECEIVED) read_inbox(event->inbox, input);
        if (event->kind == EDDY_TIMER) eddy_timer_again(loop, event->id, 0);
        if (next(input) % 4 == 0) eddy_stream_close(loop, event->id, 0);
    }
}

static void fail(input *input) {
    static const int ERRORS[] = {ENOMEM, EINTR, EAGAIN, ETERM, EMFILE};
    int call = next(input) % EDDY__FAULT_TOUCH;
    /* libzmq never leaves a message sent in part; and a sweep takes events that cannot be read
     * for a wake-up that was missed. */
    if (call == EDDY__FAULT_MSG_SEND || call == EDDY__FAULT_ZMQ_GET) return;
    eddy__fault_plan(call, next(input) % 8, 1, ERRORS[next(input) % 5]);
}

static void act(input *input) {
    eddy_frame frame = {0};
    eddy_stream_stats stats;
    switch (next(input) % 24) {
    case 0: open_pair(input); break;
    case 1:
    case 2: keep(input, eddy_stream_open(loop, context, any(input))); break;
    case 3: eddy_stream_receive(loop, any(input), next(input) % 3); break;
    case 4:
    case 5: send_parts(input); break;
    case 6:
    case 7: turn(input); break;
    case 8: eddy_stream_close(loop, any(input), 0); break;
    case 9: eddy_socket_close(context, any(input), 0); break;
    case 10: keep(input, eddy_timer_open(loop, next(input), next(input) % 5)); break;
    case 11: eddy_timer_close(loop, any(input)); break;
    case 12: keep(input, eddy_watch_fd(loop, pipes[next(input) % 2], next(input) % 4)); break;
    case 13: keep(input, eddy_watch_socket(loop, context, any(input), next(input) % 4)); break;
    case 14: eddy_watch_change(loop, any(input), next(input) % 4); break;
    case 15: eddy_watch_close(loop, any(input)); break;
    case 16: keep(input, eddy_waker_open(loop)); break;
    case 17: eddy_loop_wake(loop, any(input), next(input)); break;
    case 18: eddy_stream_limit(loop, any(input), next(input) % 8, -1, next(input) % 4); break;
    case 19: read_inbox(eddy_stream_pull(loop, any(input), next(input)), input); break;
    case 20:
        eddy_stream_push(loop, any(input), next(input));
        eddy_stream_remind(loop, any(input), next(input) - 8);
        eddy_stream_await_drain(loop, any(input), next(input) % 2);
        eddy_stream_await_word(loop, any(input), next(input) % 2);
        break;
    case 21:
        if (eddy_socket_recv_frame(context, any(input), ZMQ_DONTWAIT, &frame) == 0) {
            volatile char last = frame._size > 0 ? frame._data[(size_t)frame._size - 1] : 0;
            (void)last;
            eddy_frame_close(&frame);
        }
        break;
    case 22: fail(input); break;
    case 23:
        eddy_stream_stats_get(loop, any(input), &stats);
        eddy_loop_tell_gaps(loop, next(input) % 2);
        eddy_loop_adopt(loop);
        eddy_loop_advance(loop, next(input));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input input = {data, size};
    eddy_loop_stats stats;
    if (!context && (eddy_context_new(0, &context) != 0 || pipe(pipes) != 0)) abort();
    for (int call = 0; call < EDDY__FAULT_CALLS; call++) eddy__fault_plan(call, 0, 0, 0);
    memset(ids, 0, sizeof ids);
    if (eddy_loop_new(&loop) != 0) abort();
    eddy_loop_virtual_time(loop, 0);
    eddy__fault_plan(EDDY__FAULT_SWEEP, 0, 1 << 30, 1);
    while (input.left > 0) act(&input);
    for (int call = 0; call < EDDY__FAULT_TOUCH; call++) eddy__fault_plan(call, 0, 0, 0);
    for (int i = 0; i < 3; i++)
        if (eddy_loop_turn(loop, 0) < 0) abort();
    eddy_loop_stats_get(loop, &stats);
    if (stats.missed_wakeups != 0) abort();
    eddy_loop_free(loop);
    eddy_context_close_sockets(context, 0);
    return 0;
}
