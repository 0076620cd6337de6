#include "device/control.h"
#include "base/sleeper.h"
#include "base/sys.h"
#include "zmq/message.h"

#include <stdio.h>
#include <string.h>

int eddy__control_init(eddy__control *control) {
    memset(control, 0, sizeof *control);
    control->wake = eddy__eventfd();
    return control->wake < 0 ? control->wake : 0;
}

void eddy__control_free(eddy__control *control) {
    if (control->wake >= 0) close(control->wake);
}

void eddy__control_end(eddy__control *control, int how) {
    int none = 0;
    __atomic_compare_exchange_n(&control->ending, &none, how, 0, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    eddy__sleeper_notify(control->wake);
}

int eddy__control_ending(const eddy__control *control) {
    return __atomic_load_n(&control->ending, __ATOMIC_SEQ_CST);
}

void eddy__control_pause(eddy__control *control, int on) {
    __atomic_store_n(&control->paused, on, __ATOMIC_SEQ_CST);
    eddy__sleeper_notify(control->wake);
}

int eddy__control_paused(const eddy__control *control) {
    return __atomic_load_n(&control->paused, __ATOMIC_SEQ_CST);
}

void eddy__control_add(uint64_t *count, uint64_t by) {
    __atomic_store_n(count, *count + by, __ATOMIC_RELAXED);
}

double eddy__control_read(const uint64_t *count) {
    return (double)__atomic_load_n(count, __ATOMIC_RELAXED);
}

enum { MOST_FRAMES = 16, LONGEST_ANSWER = 128 };

/* A command as it came: the last frame has it, those before it are a ROUTER's envelope. */
typedef struct {
    zmq_msg_t frames[MOST_FRAMES];
    uint32_t count;
    int is_odd; /* it has more frames than a command can have */
} command;

/* Receives a command without waiting: 1, 0 when there is none, or -errno. */
static int receive(eddy__socket *socket, command *cmd) {
    int more;
    cmd->count = 0;
    cmd->is_odd = 0;
    do {
        zmq_msg_t *frame = &cmd->frames[cmd->count];
        zmq_msg_init(frame);
        int rc = eddy__socket_recv(socket, frame, ZMQ_DONTWAIT);
        if (rc < 0) {
            zmq_msg_close(frame);
            eddy__message_close(cmd->frames, cmd->count);
            return eddy__message_may_pass(rc) ? 0 : rc;
        }
        more = zmq_msg_more(frame);
        if (more && cmd->count == MOST_FRAMES - 2) {
            cmd->is_odd = 1;
            zmq_msg_close(frame);
        } else {
            cmd->count++;
        }
    } while (more);
    if (socket->type != ZMQ_ROUTER && cmd->count > 1) cmd->is_odd = 1;
    return 1;
}

static int says(command *cmd, const char *word) {
    zmq_msg_t *last = &cmd->frames[cmd->count - 1];
    return !cmd->is_odd && zmq_msg_size(last) == strlen(word) &&
           memcmp(zmq_msg_data(last), word, strlen(word)) == 0;
}

/* Sends these parts in place of the command, after its envelope. A peer that does not take
 * its answer goes without: nothing may hold the proxy up. */
static int answer(eddy__socket *socket, command *cmd, const eddy_part *parts, uint32_t count) {
    zmq_msg_t msgs[MOST_FRAMES + EDDY__COUNTS];
    uint32_t envelope = socket->type == ZMQ_ROUTER ? cmd->count - 1 : 0;
    for (uint32_t i = 0; i < envelope; i++) {
        zmq_msg_init(&msgs[i]);
        zmq_msg_move(&msgs[i], &cmd->frames[i]);
    }
    int rc = eddy__message_copy(msgs + envelope, parts, count);
    if (rc != 0) {
        eddy__message_close(msgs, envelope);
        return rc;
    }
    rc = eddy__message_send(socket, msgs, envelope + count);
    if (rc != 0) eddy__message_close(msgs, envelope + count);
    return rc == -ETERM || rc == -ENOTSOCK ? rc : 0;
}

static int answer_text(eddy__socket *socket, command *cmd, const char *text) {
    eddy_part part = {text, (int32_t)strlen(text), 0};
    return answer(socket, cmd, &part, 1);
}

static int complain(eddy__socket *socket, command *cmd) {
    char text[LONGEST_ANSWER];
    zmq_msg_t *last = &cmd->frames[cmd->count - 1];
    int size = zmq_msg_size(last) < 32 ? (int)zmq_msg_size(last) : 32;
    snprintf(text, sizeof text,
             "ERROR unknown command '%.*s'; known: PAUSE RESUME TERMINATE STATISTICS", size,
             (const char *)zmq_msg_data(last));
    return answer_text(socket, cmd, text);
}

static int tell_statistics(eddy__control *control, eddy__socket *socket, command *cmd) {
    eddy_part parts[EDDY__COUNTS];
    for (int i = 0; i < EDDY__COUNTS; i++)
        parts[i] = (eddy_part){(const char *)&control->counts[i], sizeof(uint64_t), 0};
    return answer(socket, cmd, parts, EDDY__COUNTS);
}

static int obey(eddy__control *control, eddy__socket *socket, command *cmd) {
    if (says(cmd, "STATISTICS")) return tell_statistics(control, socket, cmd);
    if (says(cmd, "PAUSE"))
        eddy__control_pause(control, 1);
    else if (says(cmd, "RESUME"))
        eddy__control_pause(control, 0);
    else if (says(cmd, "TERMINATE"))
        eddy__control_end(control, EDDY_TERMINATED);
    else
        return complain(socket, cmd);
    int is_awaited = socket->type == ZMQ_REP || socket->type == ZMQ_ROUTER;
    return is_awaited ? answer_text(socket, cmd, "") : 0;
}

int eddy__control_obey(eddy__control *control, eddy__socket *socket) {
    command cmd;
    int rc;
    while (!eddy__control_ending(control) && (rc = receive(socket, &cmd)) != 0) {
        if (rc < 0) return rc;
        rc = obey(control, socket, &cmd);
        eddy__message_close(cmd.frames, cmd.count);
        if (rc < 0) return rc;
    }
    return 0;
}
