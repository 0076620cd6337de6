/* A link to NATS: its owner, its thread and those of libnats, with a server that is killed and
 * comes back, and links that are given up in the middle. Without nats-server it is skipped. */
#include "proof.h"

#include <arpa/inet.h>
#include <jetstream/jetstream.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char address[64], port[16];
static pid_t server;
static int backs; /* how often a connection came back */

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

static void start_server(void) {
    server = fork();
    if (server != 0) return;
    freopen("/dev/null", "w", stderr);
    execlp("nats-server", "nats-server", "-a", "127.0.0.1", "-p", port, (char *)NULL);
    _exit(1);
}

static void kill_server(void) {
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

static eddy_link *new_link(void) {
    eddy_link *link;
    CHECK(eddy_link_new(&link) == 0);
    CHECK(eddy_link_set(link, "url", address, NULL) == 0);
    CHECK(eddy_link_set(link, "reconnect_wait", "20", NULL) == 0);
    CHECK(eddy_link_start(link) == 0);
    return link;
}

/* The next that comes, waiting for it. */
static void next(eddy_link *link, eddy_link_event *event) {
    double until = eddy_time() + PROOF_PATIENCE_MS;
    while (!eddy_link_next(link, event)) {
        struct pollfd item = {.fd = eddy_link_fd(link), .events = POLLIN};
        poll(&item, 1, 100);
        CHECK(eddy_time() < until);
    }
    backs += event->kind == EDDY_LINK_BACK;
}

static void wait_for(eddy_link *link, int kind) {
    eddy_link_event event;
    do {
        next(link, &event);
        CHECK(event.kind != EDDY_LINK_CLOSED || kind == EDDY_LINK_CLOSED);
    } while (event.kind != kind);
}

static void publish(eddy_link *link, int number) {
    char text[16], headers[] = "Name\0value";
    int size = snprintf(text, sizeof text, "%d", number);
    CHECK(eddy_link_publish(link, "proof", "", headers, number % 2 ? sizeof headers : 0, text,
                            (uint32_t)size, EDDY_LINK_ANY) == 0);
}

/* Reads messages until this one. */
static void read_to(eddy_link *link, int last) {
    eddy_link_event event;
    int number = -1;
    while (number != last) {
        next(link, &event);
        if (event.kind != EDDY_LINK_MESSAGE) continue;
        CHECK(event.subscription == 7 && event.subject_size == 5);
        char text[16] = "";
        memcpy(text, event.data, (size_t)event.data_size);
        CHECK(atoi(text) > number);
        number = atoi(text);
        CHECK((event.header_size > 0) == number % 2);
    }
}

int main(int argc, char **argv) {
    int messages = proof_size(argc, argv, 20000), given_up = messages / 200;
    if (system("command -v nats-server >/dev/null 2>&1") != 0) {
        puts("skipped: there is no nats-server");
        return 0;
    }
    choose_port();
    start_server();
    eddy_link *link = new_link();
    wait_for(link, EDDY_LINK_CONNECTED);
    CHECK(eddy_link_subscribe(link, 7, "proof", "", 1 << 20) == 0);
    for (int i = 0; i < messages; i++) {
        publish(link, i);
        if (i % 64 == 0) eddy_link_flush(link);
    }
    eddy_link_flush(link);
    read_to(link, messages - 1);
    kill_server();
    wait_for(link, EDDY_LINK_LOST);
    publish(link, messages);
    eddy_link_flush(link);
    start_server();
    read_to(link, messages); /* which may come before word that the connection is back */
    if (!backs) wait_for(link, EDDY_LINK_BACK);
    eddy_link_stats stats;
    eddy_link_stats_get(link, &stats);
    CHECK(stats.reconnects == 1 && stats.waiting == 0 && stats.out >= messages);
    CHECK(eddy_link_unsubscribe(link, 7, 1) == 0);
    eddy_link_flush(link);
    wait_for(link, EDDY_LINK_DRAINED);
    eddy_link_stop(link, 1000);
    wait_for(link, EDDY_LINK_CLOSED);
    eddy_link_free(link);
    for (int i = 0; i < given_up; i++) {
        link = new_link();
        CHECK(eddy_link_subscribe(link, 7, "proof", "", 10) == 0);
        for (int each = 0; each < 100; each++) publish(link, each);
        eddy_link_flush(link);
        if (i % 3) wait_for(link, EDDY_LINK_CONNECTED);
        if (i % 3 == 2) wait_for(link, EDDY_LINK_MESSAGE);
        eddy_link_free(link);
    }
    kill_server();
    return 0;
}
