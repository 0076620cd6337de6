/* A link to NATS: its owner, its thread and those of libnats, with a server that is killed and
 * comes back, and links that are given up in the middle. Without nats-server it is skipped. */
#include "nats.h"

#include <jetstream/jetstream.h>
#include <poll.h>

static int backs; /* how often a connection came back */

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
    need_server();
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
