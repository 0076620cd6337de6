#include "host/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static int is_closed(int fd) {
    return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

/* What is opened gets the lowest number, which is this one. */
static void fill(int fd) {
    int opened = open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
    /* Where there is none: reads and writes fail, as they did. */
    if (opened < 0) open("/", O_PATH);
}

void eddy__inherited_settle(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (is_closed(fd)) fill(fd);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    struct sigaction child;
    if (sigaction(SIGCHLD, NULL, &child) == 0 && child.sa_handler == SIG_IGN)
        signal(SIGCHLD, SIG_DFL);
}
