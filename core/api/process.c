/* The public functions of children and their pipes. */
#include "base/sys.h"
#include "loop/loop.h"
#include "process/child.h"
#include "process/pipe.h"

#include <sched.h>

static eddy__pipe *find_pipe(eddy_loop *loop, uint32_t id) {
    if (eddy__loop_refusal(loop)) return NULL;
    eddy__pipe *pipe = eddy__id_map_find(&loop->state.ids, id, EDDY__PIPE);
    return pipe && !pipe->closing ? pipe : NULL;
}

static int is_valid(const eddy_spawn *plan) {
    if (!plan->program || !plan->arguments || plan->channel < 0) return 0;
    if (plan->descriptor_count < 0 || plan->descriptor_count > EDDY_SPAWN_DESCRIPTORS) return 0;
    for (int i = 0; i < plan->descriptor_count * 2; i++)
        if (plan->descriptors[i] < 0) return 0;
    for (int i = 0; i < 3; i++)
        if (plan->streams[i] < (i == STDERR_FILENO ? EDDY_JOINED : EDDY_PIPE)) return 0;
    return 1;
}

int eddy_child_spawn(eddy_loop *loop, eddy_spawn *plan) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    plan->failed = EDDY_SPAWN_START;
    return is_valid(plan) ? eddy__child_spawn(&loop->state, plan) : -EINVAL;
}

int eddy_child_kill(eddy_loop *loop, uint32_t id, int signal, int group) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    eddy__child *child = eddy__id_map_find(&loop->state.ids, id, EDDY__CHILD);
    return child ? eddy__child_kill(child, signal, group) : -ESRCH;
}

static void ask(void *child, void *data) {
    (void)data;
    eddy__child_ask(child);
}

typedef struct waiting {
    double deadline;
    int left;
} waiting;

static void wait_for(void *object, void *data) {
    eddy__child *child = object;
    waiting *waiting = data;
    if (child->flags & EDDY_CHILD_DETACHED) return;
    waiting->left += !eddy__child_wait(child, waiting->deadline);
}

int eddy_children_stop(eddy_loop *loop, double timeout) {
    int refused = eddy__loop_refusal(loop);
    if (refused) return refused;
    waiting waiting = {.deadline = eddy_time() + timeout};
    eddy__loop_each(loop, EDDY__CHILD, ask, NULL);
    eddy__loop_each(loop, EDDY__CHILD, wait_for, &waiting);
    return waiting.left;
}

int eddy_pipe_want(eddy_loop *loop, uint32_t id, int events) {
    eddy__pipe *pipe = find_pipe(loop, id);
    return pipe ? eddy__pipe_want(pipe, events) : eddy__loop_stale(loop);
}

int eddy_pipe_read(eddy_loop *loop, uint32_t id, char *bytes, uint32_t size) {
    eddy__pipe *pipe = find_pipe(loop, id);
    return pipe ? eddy__pipe_read(pipe, bytes, size) : eddy__loop_stale(loop);
}

int eddy_pipe_write(eddy_loop *loop, uint32_t id, const char *bytes, uint32_t size) {
    eddy__pipe *pipe = find_pipe(loop, id);
    return pipe ? eddy__pipe_write(pipe, bytes, size) : eddy__loop_stale(loop);
}

int eddy_pipe_close(eddy_loop *loop, uint32_t id) {
    eddy__pipe *pipe = find_pipe(loop, id);
    if (!pipe) return eddy__loop_stale(loop);
    eddy__pipe_close(pipe);
    return 0;
}

int eddy_descriptor_read(int fd, char *bytes, uint32_t size) {
    int result = eddy__read(fd, bytes, size);
    return result < 0 ? -errno : result;
}

int eddy_descriptor_write(int fd, const char *bytes, uint32_t size) {
    int result = eddy__write(fd, bytes, size);
    return result < 0 ? -errno : result;
}

int eddy_executable(char *path, uint32_t room) {
    ssize_t length = readlink("/proc/self/exe", path, room - 1);
    if (length < 0) return -errno;
    path[length] = '\0';
    return (int)length;
}

int eddy_processors(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

const char *const *eddy_environment(void) {
    return (const char *const *)environ;
}
