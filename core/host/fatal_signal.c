#include "host/fatal_signal.h"
#include "counters/page.h"

#include <signal.h>
#include <unistd.h>

enum { SIGNALLED = 128 };

_Noreturn void eddy__fatal_signal(int number) {
    sigset_t one;
    eddy_page_end(SIGNALLED + number);
    sigemptyset(&one);
    sigaddset(&one, number);
    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    _exit(SIGNALLED + number);
}
