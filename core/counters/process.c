#include "counters/process.h"
#include "base/sys.h"
#include "counters/page.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS_BETWEEN = 19 }; /* the name, in brackets, and the time of the start */

double eddy__process_started(int pid) {
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = eddy__open(path, O_RDONLY, 0);
    if (fd < 0) return -1;
    int size = eddy__read(fd, text, sizeof text - 1);
    close(fd);
    if (size < 0) return -1;
    text[size] = '\0';
    const char *at = strrchr(text, ')'); /* a name may have any, too */
    if (!at) return -1;
    at++;
    for (int i = 0; at && i < FIELDS_BETWEEN; i++) at = strchr(at + 1, ' ');
    return at ? strtod(at, NULL) : -1;
}

int eddy_page_descriptors(int pid) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    if (!folder) return -errno;
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}
