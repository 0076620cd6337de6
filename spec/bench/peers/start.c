/* Runs a command and tells the time from its start to its first line.
 * usage: start COMMAND [ARG...] */
#include "bench.h"
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int ends[2];
    char byte;
    if (argc < 2) return fprintf(stderr, "usage: start COMMAND [ARG...]\n"), 2;
    must(pipe(ends) == 0, "pipe");
    double before = clock_ns(CLOCK_MONOTONIC);
    pid_t child = vfork();
    if (child == 0) {
        dup2(ends[1], 1);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    close(ends[1]);
    must(read(ends[0], &byte, 1) == 1, "read");
    double time = clock_ns(CLOCK_MONOTONIC) - before;
    waitpid(child, NULL, 0);
    printf("ms=%.2f\n", time / 1e6);
    return 0;
}
