#include "host/request_signal.h"
#include "host/interrupt.h"
#include "host/watchdog.h"

#include <errno.h>
#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

static int taken;
static struct sigaction before;

static void handle(int number) {
    int error = errno;
    char name[1];
    if (eddy__watchdog_request(number, name, sizeof name)) {
        errno = error;
        return;
    }
    if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) before.sa_handler(number);
    errno = error;
}

static void give_back(void) {
    struct sigaction now;
    if (taken && sigaction(taken, NULL, &now) == 0 && now.sa_handler == handle)
        sigaction(taken, &before, NULL);
    taken = 0;
}

int eddy__request_signal_take(lua_State *lua) {
    static int is_prepared;
    int number = (int)lua_tointeger(lua, 1);
    struct sigaction action;
    if (!is_prepared) pthread_atfork(NULL, NULL, give_back);
    is_prepared = 1;
    give_back();
    if (number == 0) return 0;
    eddy__interrupt_take();
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    if (sigaction(number, &action, &before) != 0)
        return luaL_error(lua, "set_watchdog: signal %d cannot be taken", number);
    taken = number;
    return 0;
}
