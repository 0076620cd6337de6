#include "host/bundle.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

static const char LINE[] = "\neddy bundle ";
enum { DIGITS = 16, LINE_BYTES = sizeof LINE - 1 + DIGITS + 1 };

static char *code;
static size_t code_size;

static void read_code(int fd, off_t end, size_t size) {
    int is_whole = size <= (size_t)end && (code = malloc(size)) != NULL;
    for (size_t got = 0; is_whole && got < size;) {
        ssize_t count = pread(fd, code + got, size - got, end - (off_t)(size - got));
        is_whole = count > 0;
        if (is_whole) got += (size_t)count;
    }
    if (!is_whole) {
        fprintf(stderr, "eddy: the bundle in this executable cannot be read: make it again\n");
        exit(EXIT_FAILURE);
    }
    code_size = size;
}

void eddy__bundle_prepare(void) {
    char line[LINE_BYTES + 1] = "";
    struct stat file;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    /* Where there is no /proc: as it was called, which may be another file by now. */
    if (fd < 0) fd = open((const char *)getauxval(AT_EXECFN), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &file) == 0 && file.st_size > LINE_BYTES &&
        pread(fd, line, LINE_BYTES, file.st_size - LINE_BYTES) == LINE_BYTES &&
        memcmp(line, LINE, sizeof LINE - 1) == 0)
        read_code(fd, file.st_size - LINE_BYTES, strtoul(line + sizeof LINE - 1, NULL, 16));
    close(fd);
}

const char *eddy__bundle_code(size_t *size) {
    *size = code_size;
    return code;
}
