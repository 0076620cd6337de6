/* A loop that turns inside a plain epoll program, which has descriptors of its own, uses the
 * loop's sockets when they tell, and sleeps as long as the loop's timeout says. */
#include "proof.h"

#include <math.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { TICK_MS = 3, PLAIN = 1, EDDY = 2 };

static const char WORK[] = "inproc://work", ANSWERS[] = "inproc://answers";

static eddy_context *context;
static eddy_loop *loop;
static int epoll, messages;
static uint32_t in, out, answers;
static int worked, answered, ticks, plain, answers_owed;

static void *send_all(void *with) {
    int pipe = *(int *)with;
    int push = eddy_socket_open(context, ZMQ_PUSH);
    CHECK(push > 0 && eddy_socket_connect(context, (uint32_t)push, WORK) == 0);
    for (int i = 0; i < messages; i++) {
        CHECK(eddy_socket_send(context, (uint32_t)push, (const char *)&i, sizeof i, 0) >= 0);
        if (i % 3 == 0) CHECK(write(pipe, "x", 1) == 1);
        if (i % 50 == 0) poll(NULL, 0, 1);
    }
    eddy_socket_close(context, (uint32_t)push, 1000);
    return NULL;
}

static uint32_t open_stream(int type, const char *endpoint, int binds) {
    int socket = eddy_socket_open(context, type);
    CHECK(socket > 0);
    int rc = binds ? eddy_socket_bind(context, (uint32_t)socket, endpoint)
                   : eddy_socket_connect(context, (uint32_t)socket, endpoint);
    CHECK(rc == 0);
    int stream = eddy_stream_open(loop, context, (uint32_t)socket);
    CHECK(stream > 0);
    return (uint32_t)stream;
}

static void watch(int fd, uint32_t what) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

static int read_all(eddy_inbox *inbox) {
    int count = 0;
    for (; inbox->head < inbox->tail; inbox->head++)
        count += inbox->parts[inbox->head].more == 0;
    return count;
}

static void dispatch(int count) {
    const eddy_event *events = eddy_loop_events(loop);
    for (int i = 0; i < count; i++) {
        if (events[i].kind == EDDY_TIMER) {
            ticks++;
            CHECK(eddy_timer_again(loop, events[i].id, 0) == 0);
        } else if (events[i].kind == EDDY_RECEIVED) {
            int got = read_all(events[i].inbox);
            *(events[i].id == in ? &worked : &answered) += got;
        }
    }
}

/* What of the program's own uses the loop's sockets: what they tell may be used up by it. */
static void serve_plain(int pipe) {
    char bytes[64];
    int count = (int)read(pipe, bytes, sizeof bytes);
    CHECK(count > 0);
    plain += count;
    for (int i = 0; i < count; i++) {
        CHECK(eddy_stream_send(loop, out, "answer", 6, 0) >= 0);
        answers_owed++;
    }
}

static void run(int pipe) {
    while (worked < messages || answered < answers_owed || ticks < 3 ||
           plain < (messages + 2) / 3) {
        struct epoll_event events[8];
        double ms = eddy_loop_timeout(loop), before = eddy_time();
        CHECK(ms < PROOF_PATIENCE_MS);
        int count = epoll_wait(epoll, events, 8, ms < 0 ? PROOF_PATIENCE_MS : (int)ceil(ms));
        CHECK(count >= 0 && eddy_time() - before < PROOF_PATIENCE_MS);
        for (int i = 0; i < count; i++)
            if (events[i].data.u32 == PLAIN) serve_plain(pipe);
        count = eddy_loop_turn(loop, 0);
        CHECK(count >= 0);
        dispatch(count);
    }
}

int main(int argc, char **argv) {
    int pipes[2];
    pthread_t sender;
    messages = proof_size(argc, argv, 3000);
    CHECK(pipe(pipes) == 0 && eddy_context_new(-1, &context) == 0 && eddy_loop_new(&loop) == 0);
    in = open_stream(ZMQ_PULL, WORK, 1);
    answers = open_stream(ZMQ_PULL, ANSWERS, 1);
    out = open_stream(ZMQ_PUSH, ANSWERS, 0);
    CHECK(eddy_stream_receive(loop, in, EDDY_RECEIVE) == 0);
    CHECK(eddy_stream_receive(loop, answers, EDDY_RECEIVE) == 0);
    CHECK(eddy_timer_open(loop, eddy_time() + TICK_MS, TICK_MS) > 0);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK(epoll >= 0 && eddy_loop_fd(loop) >= 0 && eddy_loop_fd(loop) == eddy_loop_fd(loop));
    watch(eddy_loop_fd(loop), EDDY);
    watch(pipes[0], PLAIN);
    CHECK(pthread_create(&sender, NULL, send_all, &pipes[1]) == 0);
    run(pipes[0]);
    pthread_join(sender, NULL);
    eddy_loop_stats stats;
    CHECK(eddy_loop_stats_get(loop, &stats) == 0 && stats.missed_wakeups == 0);
    printf("%d messages, %d of the program's own, %d ticks\n", worked, plain, ticks);
    eddy_loop_free(loop);
    eddy_context_free(context);
    close(epoll);
    close(pipes[0]);
    close(pipes[1]);
    return 0;
}
