#include "host/fatal_signal.h"

#include <signal.h>
#include <unistd.h>

enum { SIGNALLED = 128 };

_Noreturn void eddy__fatal_signal(int number) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    _exit(SIGNALLED + number);
}
