#include "host/service.h"
#include "eddy.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    FIRST = 3,    /* of the descriptors */
    PATIENCE = 1, /* s, for one who does not read */
};

static struct {
    struct sockaddr_un address;
    socklen_t size; /* 0: nobody listens */
    double watchdog_ms;
    int unusable;
} service;

static void find_listener(const char *path) {
    size_t length = path ? strlen(path) : 0;
    if (length < 2 || length > sizeof service.address.sun_path) return;
    service.address.sun_family = AF_UNIX;
    memcpy(service.address.sun_path, path, length);
    if (*path == '@') service.address.sun_path[0] = '\0';
    service.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static int is_mine(const char *pid) {
    return pid && strtol(pid, NULL, 10) == getpid();
}

static void take_descriptors(const char *count) {
    long last = count ? FIRST + strtol(count, NULL, 10) : 0;
    for (int fd = FIRST; fd < last && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0; fd++)
        if (eddy_passed_add(fd) != 0) service.unusable++;
}

void eddy__service_prepare(void) {
    static const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                        "LISTEN_FDS",    "LISTEN_PID",    "LISTEN_FDNAMES"};
    const char *watchdog = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    find_listener(getenv("NOTIFY_SOCKET"));
    if (watchdog && (!pid || is_mine(pid))) service.watchdog_ms = strtod(watchdog, NULL) / 1000;
    if (is_mine(getenv("LISTEN_PID"))) take_descriptors(getenv("LISTEN_FDS"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
}

static int fail(lua_State *lua, int error) {
    lua_pushnil(lua);
    lua_pushstring(lua, strerror(error));
    return 2;
}

static int notify(lua_State *lua) {
    size_t size;
    const char *text = luaL_checklstring(lua, 1, &size);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(lua, errno);
    struct timeval patience = {.tv_sec = PATIENCE};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ssize_t sent =
        sendto(fd, text, size, MSG_NOSIGNAL, (struct sockaddr *)&service.address, service.size);
    int error = errno;
    close(fd);
    if (sent < 0) return fail(lua, error);
    lua_pushboolean(lua, 1);
    return 1;
}

static int ask(lua_State *lua) {
    lua_pushboolean(lua, service.size > 0);
    lua_pushnumber(lua, service.watchdog_ms);
    lua_pushinteger(lua, service.unusable);
    return 3;
}

void eddy__service_calls(lua_State *lua) {
    lua_pushcfunction(lua, notify);
    lua_setfield(lua, -2, "notify");
    lua_pushcfunction(lua, ask);
    lua_setfield(lua, -2, "service");
}
