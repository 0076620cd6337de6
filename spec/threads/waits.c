/* Waits of a thread that are ended by another one, at any point of them. */
#include "proof.h"

#include <errno.h>

enum { THREADS = 4 };

static eddy_waits *waits[THREADS];
static eddy_context *context;

static void *wait_for_nothing(void *own) {
    eddy_waits_enter(own);
    int pull = eddy_socket_open(context, ZMQ_PULL);
    CHECK(pull > 0);
    for (int i = 0; i < 2; i++) {
        CHECK(eddy_socket_poll(context, (uint32_t)pull, EDDY_READ, -1) == -EINTR);
        CHECK(eddy_waits_interrupted() == EDDY_STOPPING);
        eddy_waits_guard(0); /* a loop ends: they can be ended still */
    }
    CHECK(eddy_socket_poll(context, (uint32_t)pull, EDDY_READ, 0) == 0);
    CHECK(eddy_socket_close(context, (uint32_t)pull, 0) == 0);
    eddy_waits_enter(NULL);
    return NULL;
}

int main(int argc, char **argv) {
    int times = proof_size(argc, argv, 200);
    CHECK(eddy_context_new(-1, &context) == 0);
    eddy_waits_interrupt(15); /* the process's are not theirs */
    for (int n = 0; n < times; n++) {
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            CHECK(eddy_waits_new(&waits[i]) == 0);
            CHECK(pthread_create(&threads[i], NULL, wait_for_nothing, waits[i]) == 0);
        }
        for (int i = 0; i < THREADS; i++) eddy_waits_stop(waits[i]);
        for (int i = 0; i < THREADS; i++) {
            CHECK(pthread_join(threads[i], NULL) == 0);
            eddy_waits_free(waits[i]);
        }
    }
    eddy_context_free(context);
    CHECK(eddy_shutdown(eddy_time() + PROOF_PATIENCE_MS) == 0);
    return 0;
}
