#include "eddy.h"

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
