/* What a thread does with another one's loop and sockets is refused, and changes nothing, until
 * it adopts them. */
#include "proof.h"

#include <counters/page.h>

#define REFUSED(call) CHECK((call) == -EPERM)

static const char ENDPOINT[] = "inproc://affinity";
static eddy_context *context;
static eddy_loop *loop;
static int pull, push, plain, stream, out, watch, watched, timer, waker;

static int open_socket(int type) {
    int socket = eddy_socket_open(context, type);
    CHECK(socket > 0);
    return socket;
}

static void build(void) {
    CHECK(eddy_context_new(1, &context) == 0 && eddy_loop_new(&loop) == 0);
    pull = open_socket(ZMQ_PULL);
    push = open_socket(ZMQ_PUSH);
    plain = open_socket(ZMQ_PAIR);
    watched = open_socket(ZMQ_PAIR);
    CHECK(eddy_socket_bind(context, (uint32_t)pull, ENDPOINT) == 0);
    CHECK(eddy_socket_connect(context, (uint32_t)push, ENDPOINT) == 0);
    stream = eddy_stream_open(loop, context, (uint32_t)pull);
    out = eddy_stream_open(loop, context, (uint32_t)push);
    watch = eddy_watch_socket(loop, context, (uint32_t)watched, EDDY_READ);
    timer = eddy_timer_open(loop, eddy_time() + 1e9, 0);
    waker = eddy_waker_open(loop);
    CHECK(stream > 0 && out > 0 && watch > 0 && timer > 0 && waker > 0);
    CHECK(eddy_stream_receive(loop, (uint32_t)stream, 1) == 0);
}

static void use_loop(void) {
    eddy_loop_stats stats;
    eddy_stream_stats of_stream;
    eddy_event event;
    char peer[EDDY_PEER_BYTES];
    uint32_t id = (uint32_t)stream;
    REFUSED(eddy_loop_turn(loop, 0));
    REFUSED(eddy_loop_fd(loop));
    CHECK(eddy_loop_timeout(loop) == 0);
    REFUSED(eddy_loop_virtual_time(loop, 0));
    REFUSED(eddy_loop_advance(loop, 1));
    REFUSED(eddy_loop_alive(loop));
    REFUSED(eddy_loop_drain(loop, 0));
    REFUSED(eddy_loop_tell_gaps(loop, 1));
    REFUSED(eddy_loop_stats_get(loop, &stats));
    REFUSED(eddy_waker_open(loop));
    REFUSED(eddy_waker_close(loop, (uint32_t)waker));
    REFUSED(eddy_signal_watch(loop, 10));
    REFUSED(eddy_signal_unwatch(loop, 10));
    REFUSED(eddy_timer_open(loop, 0, 0));
    REFUSED(eddy_timer_again(loop, (uint32_t)timer, 0));
    REFUSED(eddy_timer_close(loop, (uint32_t)timer));
    REFUSED(eddy_watch_fd(loop, 0, EDDY_READ));
    REFUSED(eddy_watch_socket(loop, context, (uint32_t)plain, EDDY_READ));
    REFUSED(eddy_watch_change(loop, (uint32_t)watch, 0));
    REFUSED(eddy_watch_close(loop, (uint32_t)watch));
    eddy_spawn plan = {0};
    char byte;
    REFUSED(eddy_child_spawn(loop, &plan));
    REFUSED(eddy_child_kill(loop, 1, 0, 0));
    REFUSED(eddy_children_stop(loop, 0));
    REFUSED(eddy_pipe_want(loop, 1, 0));
    REFUSED(eddy_pipe_read(loop, 1, &byte, 1));
    REFUSED(eddy_pipe_write(loop, 1, "x", 1));
    REFUSED(eddy_pipe_close(loop, 1));
    REFUSED(eddy_stream_open(loop, context, (uint32_t)plain));
    REFUSED(eddy_stream_label(loop, id, "a name", NULL));
    REFUSED(eddy_stream_close(loop, id, 0));
    REFUSED(eddy_stream_receive(loop, id, 0));
    REFUSED(eddy_stream_remind(loop, id, 1));
    REFUSED(eddy_stream_budget(loop, id, 1));
    REFUSED(eddy_stream_priority(loop, id, 1));
    REFUSED(eddy_stream_send(loop, (uint32_t)out, "x", 1, 0));
    REFUSED(eddy_stream_push(loop, (uint32_t)out, 1));
    REFUSED(eddy_stream_await_word(loop, id, 1));
    REFUSED(eddy_stream_word(loop, id, &event));
    REFUSED(eddy_stream_lost_peer(loop, id, peer));
    REFUSED(eddy_stream_drain(loop, id, 0));
    REFUSED(eddy_stream_await_drain(loop, id, 1));
    REFUSED(eddy_stream_finish(loop, id));
    REFUSED(eddy_stream_limit(loop, id, 1, 1, EDDY_DROP_NONE));
    REFUSED(eddy_stream_stats_get(loop, id, &of_stream));
    CHECK(!eddy_stream_pull(loop, id, 1));
    eddy_loop_free(loop);
}

static void use_socket(int socket) {
    uint32_t id = (uint32_t)socket;
    int value = 0;
    eddy_frame frame = {0};
    eddy_poll_item item = {.context = context, .socket = id, .events = EDDY_READ};
    REFUSED(eddy_socket_bind(context, id, "inproc://other"));
    REFUSED(eddy_socket_unbind(context, id, ENDPOINT));
    REFUSED(eddy_socket_connect(context, id, ENDPOINT));
    REFUSED(eddy_socket_disconnect(context, id, ENDPOINT));
    REFUSED(eddy_socket_monitor(context, id, "inproc://monitor", 0xffff));
    REFUSED(eddy_socket_set(context, id, ZMQ_LINGER, &value, sizeof value));
    REFUSED(eddy_socket_get(context, id, ZMQ_LINGER, &value, sizeof value));
    REFUSED(eddy_socket_send(context, id, "x", 1, ZMQ_DONTWAIT));
    REFUSED(eddy_socket_recv_frame(context, id, ZMQ_DONTWAIT, &frame));
    REFUSED(eddy_socket_is_single(context, id));
    REFUSED(eddy_socket_hold(context, id, 1));
    REFUSED(eddy_socket_share(context, id, 0));
    REFUSED(eddy_socket_has_sent(context, id));
    REFUSED(eddy_socket_limit(context, id, 1, 1));
    REFUSED(eddy_socket_poll(context, id, EDDY_READ, 0));
    REFUSED(eddy_poll(&item, 1, 0));
    REFUSED(eddy_socket_close(context, id, 0));
}

static void *intrude(void *unused) {
    use_loop();
    use_socket(plain);
    use_socket(pull);
    CHECK(eddy_context_close_sockets(context, 0) == 0);
    CHECK(eddy_context_sockets(context) == 4);
    /* What any thread may do. */
    int own = open_socket(ZMQ_PAIR);
    CHECK(eddy_socket_bind(context, (uint32_t)own, "inproc://own") == 0);
    CHECK(eddy_socket_close(context, (uint32_t)own, 0) == 0);
    CHECK(eddy_loop_wake(loop, (uint32_t)waker, 7) == 0);
    return unused;
}

static void got(int number, void *sum) {
    *(int *)sum += number;
}

/* A message goes through both streams; nothing else happens, but for a wake-up. */
static void use(int number, int wakeups) {
    int sum = 0;
    CHECK(proof_send(loop, out, number, 1) == 0);
    while (sum == 0 || wakeups > 0) {
        int events = proof_turn(loop);
        for (int i = 0; i < events; i++) {
            const eddy_event *event = &eddy_loop_events(loop)[i];
            CHECK(event->kind == EDDY_RECEIVED || event->kind == EDDY_WOKEN);
            if (event->kind == EDDY_RECEIVED)
                proof_read(event->inbox, 1, got, &sum);
            else
                wakeups -= event->number == 7;
        }
    }
    CHECK(sum == number && wakeups == 0);
}

static void *take_over(void *unused) {
    CHECK(eddy_loop_adopt(loop) == 0);
    use(2, 0);
    int value = 0;
    CHECK(eddy_socket_set(context, (uint32_t)watched, ZMQ_LINGER, &value, sizeof value) == 0);
    REFUSED(eddy_socket_close(context, (uint32_t)plain, 0));
    return unused;
}

static void in_thread(void *(*run)(void *)) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(void) {
    build();
    in_thread(intrude);
    use(1, 1);
    in_thread(take_over);
    REFUSED(eddy_loop_turn(loop, 0));
    REFUSED(eddy_loop_fd(loop));
    CHECK(eddy_loop_timeout(loop) == 0);
    REFUSED(eddy_socket_close(context, (uint32_t)pull, 0));
    CHECK(eddy_loop_adopt(loop) == 0);
    use(3, 0);
    CHECK(eddy_watch_close(loop, (uint32_t)watch) == 0);
    eddy_loop_free(loop);
    CHECK(eddy_context_close_sockets(context, 0) == 2);
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
    return 0;
}
