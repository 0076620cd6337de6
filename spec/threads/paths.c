/* Threads that bind to the same path of ipc at the same moment, where a dead socket is: one of
 * them has it, and can be reached. */
#include "proof.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BINDERS = 2 };

static int rounds;
static char folder[] = "/tmp/eddy-paths-XXXXXX";
static pthread_barrier_t before, after;
static int results[BINDERS];

static struct sockaddr_un address(int round) {
    struct sockaddr_un made = {.sun_family = AF_UNIX};
    snprintf(made.sun_path, sizeof made.sun_path, "%s/%d", folder, round);
    return made;
}

static int kernel_socket(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    return fd;
}

static void leave_dead(int round) {
    struct sockaddr_un path = address(round);
    int fd = kernel_socket();
    CHECK(bind(fd, (struct sockaddr *)&path, sizeof path) == 0);
    close(fd);
}

/* libzmq leaves the path where it is. */
static void reach_and_remove(int round) {
    struct sockaddr_un path = address(round);
    int fd = kernel_socket();
    CHECK(connect(fd, (struct sockaddr *)&path, sizeof path) == 0);
    close(fd);
    CHECK(unlink(path.sun_path) == 0);
}

static void *run(void *argument) {
    int number = (int)(intptr_t)argument;
    eddy_context *context;
    char endpoint[128];
    CHECK(eddy_context_new(1, &context) == 0);
    for (int round = 0; round < rounds; round++) {
        int socket = eddy_socket_open(context, ZMQ_PULL);
        CHECK(socket > 0);
        snprintf(endpoint, sizeof endpoint, "ipc://%s/%d", folder, round);
        pthread_barrier_wait(&before);
        results[number] = eddy_socket_bind(context, (uint32_t)socket, endpoint);
        pthread_barrier_wait(&after);
        pthread_barrier_wait(&after); /* it was looked at */
        CHECK(eddy_socket_close(context, (uint32_t)socket, 0) == 0);
    }
    CHECK(eddy_context_term(context) == 0);
    eddy_context_free(context);
    return NULL;
}

int main(int argc, char **argv) {
    rounds = proof_size(argc, argv, 300);
    pthread_t threads[BINDERS];
    CHECK(mkdtemp(folder));
    pthread_barrier_init(&before, NULL, BINDERS + 1);
    pthread_barrier_init(&after, NULL, BINDERS + 1);
    for (intptr_t i = 0; i < BINDERS; i++)
        CHECK(pthread_create(&threads[i], NULL, run, (void *)i) == 0);
    for (int round = 0; round < rounds; round++) {
        leave_dead(round);
        pthread_barrier_wait(&before);
        pthread_barrier_wait(&after);
        CHECK(results[0] == 0 || results[1] == 0);
        CHECK(results[0] == -EADDRINUSE || results[1] == -EADDRINUSE);
        reach_and_remove(round);
        pthread_barrier_wait(&after);
    }
    for (int i = 0; i < BINDERS; i++) pthread_join(threads[i], NULL);
    CHECK(rmdir(folder) == 0);
    return 0;
}
