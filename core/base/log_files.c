#include "eddy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int eddy_is_journal(int fd) {
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;
    if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2) return 0;
    return fstat(fd, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

int eddy_file_is_at(int fd, const char *path) {
    struct stat one, other;
    if (fstat(fd, &one) != 0 || stat(path, &other) != 0) return -errno;
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}
