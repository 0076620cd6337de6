/* A nats-server of a test's own. */
#ifndef NATS_H
#define NATS_H

#include "proof.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char address[64], port[16];
static pid_t server;

static void choose_port(void) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&any, size) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&any, &size) == 0);
    close(fd);
    snprintf(port, sizeof port, "%d", ntohs(any.sin_port));
    snprintf(address, sizeof address, "nats://127.0.0.1:%s", port);
}

static int takes_connections(void) {
    struct sockaddr_in there = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int is_there = connect(fd, (struct sockaddr *)&there, sizeof there) == 0;
    close(fd);
    return is_there;
}

/* Returns when it is there. */
static void start_server(void) {
    double until = eddy_time() + PROOF_PATIENCE_MS;
    server = fork();
    if (server != 0) {
        while (!takes_connections()) CHECK(eddy_time() < until);
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a check fails */
    freopen("/dev/null", "w", stderr);
    execlp("nats-server", "nats-server", "-a", "127.0.0.1", "-p", port, (char *)NULL);
    _exit(1);
}

static void kill_server(void) {
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

/* Ends the program when there is none. */
static void need_server(void) {
    if (system("command -v nats-server >/dev/null 2>&1") == 0) return;
    puts("skipped: there is no nats-server");
    exit(0);
}

#endif
