/* Threads with Lua states: started, stopped while they run, wait or have ended, awaited, and
 * let go, from several threads at once. */
#include "host/thread.h"
#include "host/thread_calls.h"
#include "proof.h"

#include <lauxlib.h>
#include <poll.h>
#include <unistd.h>

enum { STARTERS = 3, KINDS = 4, BUSY = 1 };

/* TSan keeps signals back until the thread calls libc. */
#ifdef __SANITIZE_THREAD__
#define ENDLESS "calls"
#else
#define ENDLESS "spins"
#endif

static int times;

static void services(lua_State *lua) {
    eddy__thread_calls(lua);
}

static eddy__thread *start(const char *job) {
    eddy__thread *thread;
    CHECK(eddy__thread_start("it", job, strlen(job), services, &thread) == 0);
    return thread;
}

static void await(eddy__thread *thread) {
    struct pollfd end = {eddy__thread_descriptor(thread), POLLIN, 0};
    CHECK(end.fd >= 0 && poll(&end, 1, PROOF_PATIENCE_MS) == 1);
    close(end.fd);
    CHECK(eddy__thread_ended(thread));
}

static void *play(void *unused) {
    static const char *const JOBS[KINDS] = {"nothing", ENDLESS, "starts", "fails"};
    for (int i = 0; i < times; i++) {
        const char *job = JOBS[i % KINDS];
        eddy__thread *thread = start(job);
        if (i % KINDS == BUSY || i % 3 == 0) eddy__thread_stop(thread, i % 5);
        if (i % 7 != 0 || i % KINDS == BUSY) {
            size_t size;
            int failed;
            await(thread);
            const char *result = eddy__thread_result(thread, &size, &failed);
            CHECK(size == strlen(job) && memcmp(result, job, size) == 0);
            CHECK(failed == (job[0] == 'f'));
        }
        eddy__thread_release(thread);
    }
    return unused;
}

int main(int argc, char **argv) {
    char name[1];
    pthread_t starters[STARTERS];
    times = proof_size(argc, argv, 40);
    setenv("LUA_PATH", MODULES, 1);
    for (int i = 0; i < STARTERS; i++)
        CHECK(pthread_create(&starters[i], NULL, play, NULL) == 0);
    for (int i = 0; i < STARTERS; i++) pthread_join(starters[i], NULL);
    eddy__threads_stop(0, eddy_time());
    CHECK(eddy__threads_wait(eddy_time() + PROOF_PATIENCE_MS, name, sizeof name) == 0);
    eddy__thread *late;
    CHECK(eddy__thread_start("late", "", 0, services, &late) == ECANCELED);
    CHECK(eddy_shutdown(eddy_time() + PROOF_PATIENCE_MS) == 0);
    return 0;
}
