#include "api/terminal.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <termios.h>

/* How the terminal was, which a process has one of. */
static struct termios before;
static int is_changed;

int eddy_terminal_size(int fd, int *columns, int *rows) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0) return -errno;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return 0;
}

int eddy_terminal_keys(int fd, int on) {
    struct termios wanted;
    if (!on && !is_changed) return 0;
    if (!is_changed && tcgetattr(fd, &before) != 0) return -errno;
    wanted = before;
    if (on) {
        wanted.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        wanted.c_cc[VMIN] = 1;
        wanted.c_cc[VTIME] = 0;
    }
    if (tcsetattr(fd, TCSADRAIN, &wanted) != 0) return -errno;
    is_changed = on;
    return 0;
}
