#include "process/child.h"
#include "base/clock.h"
#include "base/deadline.h"
#include "base/sys_process.h"
#include "process/orphans.h"
#include "process/pipe.h"
#include "process/spawn.h"

#include <signal.h>

enum {
    ENDS = EDDY__SPAWN_ENDS,
    NONE = -1,
    KILLED_MS = 1000, /* for the kernel to end what was killed, which is mostly at once */
};

static void free_child(eddy__loop_state *state, eddy__grave *grave) {
    (void)state;
    eddy__free(grave);
}

/* Like a timer that fired, it is gone with its event. */
static void tell(eddy__due *due) {
    eddy__child *child = eddy__entry(due, eddy__child, due);
    if (eddy__events_reserve(&child->state->batch) != 0) {
        eddy__list_push(&child->state->due, &child->due.node);
        return;
    }
    eddy__events_add(&child->state->batch, EDDY_EXITED, child->grave.id, child->code)->number =
        child->signal;
    eddy__child_close(child);
}

static void unwatch(eddy__child *child) {
    if (child->source.fd < 0) return;
    int fd = child->source.fd;
    eddy__poller_remove(&child->state->poller, &child->source);
    close(fd);
    child->source.fd = NONE;
    child->state->alive--;
}

static int has_ended(const eddy__child *child) {
    return child->pid == 0;
}

/* Learns how it ended. Whether it has. */
static int reap(eddy__child *child) {
    int status = 0;
    pid_t pid = eddy__waitpid(child->pid, &status);
    if (pid == 0) return 0;
    /* Somebody else asked, or nobody may (SIGCHLD is ignored): it has ended, and that is all.
     */
    int is_known = pid == child->pid;
    child->code = is_known && WIFEXITED(status) ? WEXITSTATUS(status) : NONE;
    child->signal = is_known && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    child->pid = 0;
    unwatch(child);
    return 1;
}

static void serve(eddy__source *source) {
    eddy__child *child = eddy__entry(source, eddy__child, source);
    source->ready = 0;
    if (reap(child)) eddy__list_push(&child->state->due, &child->due.node);
}

static void close_all(int fds[ENDS]) {
    for (int i = 0; i < ENDS; i++)
        if (fds[i] >= 0) close(fds[i]);
}

/* Both ends of what a stream of the child's is to be: `its` and `ours`, or NONE. */
static int open_stream(const eddy_spawn *plan, int i, int *its, int *ours) {
    int of_channel = plan->channel > 0 ? EDDY_PIPE : EDDY_INHERIT;
    int wanted = i >= EDDY_CHANNEL ? of_channel : plan->streams[i];
    int it_reads = i == STDIN_FILENO || i == EDDY_CHANNEL;
    int fds[2], error = 0;
    if (wanted == EDDY_NULL) {
        *its = eddy__open("/dev/null", it_reads ? O_RDONLY : O_WRONLY, 0);
        error = *its < 0;
    } else if (wanted == EDDY_PIPE) {
        error = eddy__pipe2(fds);
        if (!error) {
            *its = fds[it_reads ? 0 : 1];
            *ours = fds[it_reads ? 1 : 0];
        }
    } else if (wanted >= 0) {
        *its = eddy__dup(wanted);
        error = *its < 0;
    }
    return error ? -errno : 0;
}

static int open_streams(eddy_spawn *plan, int its[ENDS], int ours[ENDS]) {
    plan->failed = EDDY_SPAWN_DESCRIPTOR;
    for (int i = 0; i < ENDS; i++) {
        int rc = open_stream(plan, i, &its[i], &ours[i]);
        if (rc != 0) return rc;
    }
    if (plan->streams[STDERR_FILENO] != EDDY_JOINED) return 0;
    int output = its[STDOUT_FILENO] == NONE ? STDOUT_FILENO : its[STDOUT_FILENO];
    its[STDERR_FILENO] = eddy__dup(output);
    return its[STDERR_FILENO] < 0 ? -errno : 0;
}

static int watch(eddy__child *child) {
    eddy__poller *poller = &child->state->poller;
    int fd = eddy__pidfd_open(child->pid);
    if (fd < 0) return -errno;
    int rc = eddy__poller_add(poller, &child->source, NULL, fd);
    if (rc == 0) {
        rc = eddy__poller_want(poller, &child->source, EDDY_READ);
        if (rc != 0) eddy__poller_remove(poller, &child->source);
    }
    if (rc == 0) {
        child->state->alive++;
    } else {
        close(fd);
        child->source.fd = NONE;
    }
    return rc;
}

/* Its end, and the end of its group, as far as that can be had. */
static void put_down(eddy__child *child) {
    eddy__child_kill(child, SIGKILL, 1);
    if (!eddy__child_wait(child, eddy_time() + KILLED_MS)) eddy__orphans_add(child->pid);
}

static int open_pipes(eddy__loop_state *state, eddy_spawn *plan, int ours[ENDS]) {
    for (int i = 0; i < ENDS; i++) {
        int id = ours[i] == NONE ? 0 : eddy__pipe_open(state, ours[i]);
        if (id < 0) return id;
        if (id > 0) ours[i] = NONE; /* it is the pipe's */
        plan->pipes[i] = (uint32_t)id;
    }
    return 0;
}

static void close_pipes(eddy__loop_state *state, eddy_spawn *plan) {
    for (int i = 0; i < ENDS; i++) {
        eddy__pipe *pipe = eddy__id_map_find(&state->ids, plan->pipes[i], EDDY__PIPE);
        if (pipe) eddy__pipe_close(pipe);
        plan->pipes[i] = 0;
    }
}

static int start(eddy__child *child, eddy_spawn *plan) {
    int its[ENDS] = {NONE, NONE, NONE, NONE, NONE}, ours[ENDS] = {NONE, NONE, NONE, NONE, NONE};
    int rc = open_streams(plan, its, ours);
    if (rc == 0) rc = open_pipes(child->state, plan, ours);
    if (rc == 0) {
        plan->pid = child->pid = rc = eddy__spawn(plan, its);
        child->flags = plan->flags;
    }
    close_all(its);
    close_all(ours);
    if (rc > 0) {
        plan->failed = EDDY_SPAWN_START;
        rc = watch(child);
        if (rc != 0) put_down(child);
        if (rc != 0) eddy__list_remove(&child->due.node); /* nobody is to hear of it */
    }
    if (rc < 0) close_pipes(child->state, plan);
    return rc;
}

int eddy__child_spawn(eddy__loop_state *state, eddy_spawn *plan) {
    eddy__orphans_reap();
    eddy__child *child = eddy__calloc(1, sizeof *child);
    if (!child) return -ENOMEM;
    child->state = state;
    child->source.fd = NONE;
    child->source.serve = serve;
    child->source.is_own = 1;
    child->grave.free = free_child;
    child->due.tell = tell;
    eddy__list_init(&child->grave.node);
    eddy__list_init(&child->due.node);
    int id = eddy__id_map_add(&state->ids, child, EDDY__CHILD);
    int rc = id < 0 ? id : start(child, plan);
    if (rc < 0) {
        if (id > 0) eddy__id_map_remove(&state->ids, (uint32_t)id);
        eddy__free(child);
        return rc;
    }
    child->grave.id = (uint32_t)id;
    return id;
}

int eddy__child_kill(eddy__child *child, int signal, int whole_group) {
    if (has_ended(child)) return -ESRCH;
    int leads = child->flags & (EDDY_CHILD_GROUP | EDDY_CHILD_DETACHED);
    if (signal == SIGTERM) child->is_asked = 1;
    return kill(whole_group && leads ? -child->pid : child->pid, signal) == 0 ? 0 : -errno;
}

void eddy__child_ask(eddy__child *child) {
    if (child->is_asked || child->flags & EDDY_CHILD_DETACHED) return;
    eddy__child_kill(child, SIGTERM, 1);
}

int eddy__child_wait(eddy__child *child, double deadline) {
    while (!has_ended(child) && !reap(child)) {
        double left = deadline - eddy_time();
        if (!(left > 0)) return 0;
        struct pollfd item = {child->source.fd, POLLIN, 0};
        struct timespec limit = eddy__deadline(left);
        if (item.fd < 0 || eddy__ppoll(&item, 1, &limit) < 0) eddy__sleep(1);
    }
    eddy__list_push(&child->state->due, &child->due.node);
    return 1;
}

void eddy__child_close(eddy__child *child) {
    if (child->closing) return;
    child->closing = 1;
    if (!has_ended(child)) {
        if (child->flags & EDDY_CHILD_DETACHED)
            eddy__orphans_add(child->pid);
        else
            put_down(child);
    }
    unwatch(child);
    eddy__list_remove(&child->due.node);
    eddy__state_bury(child->state, &child->grave);
}
