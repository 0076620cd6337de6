/* A link to NATS for which each call that can fail does, once: it comes to an end, and says so.
 */
#include "nats.h"

#include <errno.h>
#include <jetstream/jetstream.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

static atomic_int calls, failing; /* since the scenario's begin; which of them fails */

static int fails(void) {
    return atomic_fetch_add(&calls, 1) + 1 == failing;
}

/* In place of libc's, for the link's own code. Sanitizers ask for some by these names. */
#define WRAP(result, name, parameters, arguments, failed)                                      \
    result __real_##name parameters;                                                           \
    __attribute__((visibility("default"))) result __wrap_##name parameters;                    \
    result __wrap_##name parameters {                                                          \
        return fails() ? failed : __real_##name arguments;                                     \
    }
WRAP(void *, malloc, (size_t size), (size), NULL)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL)
WRAP(void *, realloc, (void *memory, size_t size), (memory, size), NULL)
WRAP(char *, strdup, (const char *text), (text), NULL)
WRAP(int, eventfd, (unsigned count, int flags), (count, flags), (errno = EMFILE, -1))
WRAP(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *),
      void *argument),
     (thread, attributes, run, argument), EAGAIN)

/* Takes what comes until this kind does, or for as long as that may take. */
static int wait_for(eddy_link *link, int kind, double ms) {
    eddy_link_event event;
    double until = eddy_time() + ms;
    while (eddy_time() < until) {
        if (!eddy_link_next(link, &event)) {
            struct pollfd item = {.fd = eddy_link_fd(link), .events = POLLIN};
            poll(&item, 1, 10);
        } else if (event.kind == kind) {
            return 1;
        } else {
            CHECK(event.kind != EDDY_LINK_CLOSED);
        }
    }
    return 0;
}

/* Again, once it had failed for want of memory. */
#define TWICE(call) ((call) == 0 || (call) == 0)

static void scenario(void) {
    eddy_link *link = NULL;
    int error = eddy_link_new(&link);
    if (error) {
        CHECK(error == -ENOMEM || error == -EMFILE);
        return;
    }
    CHECK(TWICE(eddy_link_set(link, "url", address, NULL)));
    CHECK(TWICE(eddy_link_start(link)));
    CHECK(wait_for(link, EDDY_LINK_CONNECTED, 300) || failing); /* word of it may be lost */
    CHECK(TWICE(eddy_link_subscribe(link, 7, "proof", "", 100)));
    for (int i = 0; i < 3; i++)
        CHECK(TWICE(
            eddy_link_publish(link, "proof", "", "Name\0value", 11, "x", 1, EDDY_LINK_ANY)));
    eddy_link_flush(link);
    CHECK(wait_for(link, EDDY_LINK_MESSAGE, 300) || failing);
    eddy_link_stop(link, 1000);
    CHECK(wait_for(link, EDDY_LINK_CLOSED, PROOF_PATIENCE_MS));
    eddy_link_free(link);
}

int main(void) {
    need_server();
    choose_port();
    start_server();
    int most = 0;
    for (int which = 0; which <= most; which++) {
        calls = 0;
        failing = which;
        scenario();
        if (which == 0) most = calls;
    }
    CHECK(most > 10);
    kill_server();
    return 0;
}
