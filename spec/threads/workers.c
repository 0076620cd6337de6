/* Threads of a worker that ask its supervisor, and tell it something, all at once: each has the
 * answer to its own question, and no two lines are mixed. */
#include "proof.h"

#include <string.h>
#include <unistd.h>

enum { THREADS = 4, CHANNEL = 100, LONGEST = 64 };

static int rounds;

static void *ask(void *argument) {
    int number = (int)(intptr_t)argument;
    char question[LONGEST], expected[LONGEST], answer[LONGEST];
    for (int round = 0; round < rounds; round++) {
        snprintf(question, sizeof question, "ask %d %d", number, round);
        snprintf(expected, sizeof expected, "answer %d %d", number, round);
        CHECK(eddy_worker_ask(question, answer, sizeof answer) == 0);
        CHECK(strcmp(answer, expected) == 0);
        snprintf(question, sizeof question, "tell %d %d", number, round);
        CHECK(eddy_worker_tell(question) == 0);
        CHECK(eddy_worker_index() == 2 && eddy_worker_count() == 3);
    }
    return NULL;
}

int main(int argc, char **argv) {
    rounds = proof_size(argc, argv, 2000);
    int down[2], up[2], told = 0;
    char line[LONGEST], answer[LONGEST];
    pthread_t threads[THREADS];
    CHECK(pipe(down) == 0 && pipe(up) == 0);
    CHECK(dup2(down[0], CHANNEL) >= 0 && dup2(up[1], CHANNEL + 1) >= 0);
    CHECK(eddy_worker_begin(2, 3, CHANNEL) == 0);
    for (intptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, ask, (void *)i) == 0);

    FILE *lines = fdopen(up[0], "r");
    CHECK(lines);
    while (told < THREADS * rounds) {
        int number, round;
        CHECK(fgets(line, sizeof line, lines));
        if (sscanf(line, "tell %d %d\n", &number, &round) == 2) {
            told++;
            continue;
        }
        CHECK(sscanf(line, "ask %d %d\n", &number, &round) == 2);
        int length = snprintf(answer, sizeof answer, "answer %d %d\n", number, round);
        CHECK(write(down[1], answer, (size_t)length) == length);
    }
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);

    /* One that has no room for its answer, and one that nobody answers. */
    CHECK(write(down[1], answer, strlen(answer)) > 0);
    CHECK(eddy_worker_ask("ask", line, 4) == -ENOBUFS);
    close(down[1]);
    while (eddy_worker_ask("ask", line, sizeof line) == 0) {
    }
    CHECK(eddy_worker_ask("ask", line, sizeof line) == -EPIPE);
    fclose(lines);
    puts("no line was mixed with another");
    return 0;
}
