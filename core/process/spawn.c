#include "process/spawn.h"
#include "base/sys_process.h"

#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { FIRST = STDERR_FILENO + 1, ENDS = EDDY__SPAWN_ENDS, NONE = -1 };

static const char PATH[] = "PATH=", USUAL_PATH[] = "/usr/local/bin:/usr/bin:/bin";

/* The host raises the limit for itself; programs that use select would meet it. */
static struct rlimit files;

__attribute__((constructor)) static void keep_limit(void) {
    getrlimit(RLIMIT_NOFILE, &files);
}

/* What the child and its parent have in common: until it is another program, it runs in our
 * memory while our thread waits. */
typedef struct start {
    eddy_spawn *plan;
    const int *ends;
    const char *search;                      /* the folders where programs are */
    const char *const *environment;          /* its own, or ours */
    int kept[ENDS + EDDY_SPAWN_DESCRIPTORS]; /* its descriptors while they change places */
    volatile int error; /* the compiler cannot see that `become` comes back, in a way */
    pid_t parent;
    char path[PATH_MAX];
} start;

static _Noreturn void give_up(start *start, int what, int error) {
    start->plan->failed = what;
    start->error = error;
    _exit(1);
}

/* No handler of ours may run in it. What the parent's parent had it ignore is not passed on but
 * SIGHUP, which nohup is for. */
static void reset_signals(void) {
    struct sigaction action;
    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, NULL, &action) != 0 || action.sa_handler == SIG_DFL) continue;
        if (number == SIGHUP && action.sa_handler == SIG_IGN) continue;
        signal(number, SIG_DFL);
    }
}

static void leave_group(start *start) {
    if (start->plan->flags & EDDY_CHILD_DETACHED)
        setsid();
    else if (start->plan->flags & EDDY_CHILD_GROUP)
        setpgid(0, 0);
}

static void die_with_parent(start *start) {
    if (start->plan->parent_death == 0) return;
    prctl(PR_SET_PDEATHSIG, start->plan->parent_death);
    if (getppid() != start->parent) raise(SIGKILL); /* it did already */
}

static void close_others(start *start) {
    if (close_range(FIRST, UINT_MAX, CLOSE_RANGE_CLOEXEC) == 0) return;
    /* Where it is not allowed: one by one. */
    for (int fd = FIRST; fd < (int)files.rlim_max && fd < INT_MAX; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* The n-th of its descriptors: what it is there, and here. */
static int there(const start *start, int n) {
    if (n < FIRST) return n;
    if (n < ENDS) return start->plan->channel + n - EDDY_CHANNEL;
    return start->plan->descriptors[(n - ENDS) * 2];
}

static int here(const start *start, int n) {
    if (n >= ENDS) return start->plan->descriptors[(n - ENDS) * 2 + 1];
    return n < FIRST && start->ends[n] == NONE ? n : start->ends[n];
}

/* First all of them away from where any is to be, so that none is overwritten. */
static void place_descriptors(start *start) {
    int count = ENDS + start->plan->descriptor_count, above = FIRST;
    for (int n = 0; n < count; n++)
        if (there(start, n) >= above) above = there(start, n) + 1;
    for (int n = 0; n < count; n++) {
        int fd = here(start, n);
        if (fd == NONE) continue;
        start->kept[n] = fcntl(fd, F_DUPFD_CLOEXEC, above);
        if (start->kept[n] < 0 && (errno != EBADF || n >= FIRST || fd != n))
            give_up(start, EDDY_SPAWN_DESCRIPTOR, errno);
    }
    for (int n = 0; n < count; n++) {
        if (here(start, n) == NONE || start->kept[n] < 0) continue;
        if (dup2(start->kept[n], there(start, n)) < 0)
            give_up(start, EDDY_SPAWN_DESCRIPTOR, errno);
    }
}

static void execute(const start *start, const char *path) {
    execve(path, (char *const *)start->plan->arguments, (char *const *)start->environment);
}

/* Tries it in each of the folders of PATH. The errno of what was found last, if anything was.
 */
static int look_for(start *start, const char *name) {
    int error = ENOENT;
    for (const char *at = start->search, *end; at; at = *end ? end + 1 : NULL) {
        end = strchrnul(at, ':');
        size_t length = (size_t)(end - at);
        if (length + strlen(name) + 2 > sizeof start->path) continue;
        memcpy(start->path, at, length);
        if (length > 0) start->path[length++] = '/';
        strcpy(start->path + length, name);
        execute(start, start->path);
        if (errno == ENOENT || errno == ENOTDIR) continue;
        error = errno;
        if (error != EACCES) break;
    }
    return error;
}

static _Noreturn void become(start *start) {
    const char *program = start->plan->program;
    sigset_t none;
    sigemptyset(&none);
    reset_signals();
    leave_group(start);
    die_with_parent(start);
    close_others(start);
    place_descriptors(start);
    if (start->plan->directory && chdir(start->plan->directory) != 0)
        give_up(start, EDDY_SPAWN_DIRECTORY, errno);
    setrlimit(RLIMIT_NOFILE, &files);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!strchr(program, '/')) give_up(start, EDDY_SPAWN_PROGRAM, look_for(start, program));
    execute(start, program);
    give_up(start, EDDY_SPAWN_PROGRAM, errno);
}

/* Where the child is to look for programs: in its own PATH. */
static const char *search_of(const char *const *environment) {
    for (; *environment; environment++)
        if (strncmp(*environment, PATH, sizeof PATH - 1) == 0)
            return *environment + sizeof PATH - 1;
    return USUAL_PATH;
}

pid_t eddy__spawn(eddy_spawn *plan, const int ends[EDDY__SPAWN_ENDS]) {
    const char *const *environment =
        plan->environment ? plan->environment : (const char *const *)environ;
    start start = {.plan = plan,
                   .ends = ends,
                   .search = search_of(environment),
                   .environment = environment,
                   .parent = getpid()};
    plan->failed = EDDY_SPAWN_START;
    sigset_t before = eddy__signal_mask_all();
    pid_t pid = eddy__vfork();
    if (pid == 0) become(&start);
    int error = pid < 0 ? errno : start.error;
    eddy__signal_mask_restore(before);
    if (error == 0) return pid;
    if (pid > 0) waitpid(pid, NULL, 0);
    return -error;
}
