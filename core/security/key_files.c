#include "base/sys.h"
#include "eddy.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static uint32_t exposure(const struct stat *status) {
    uint32_t exposed = 0;
    if (status->st_mode & S_IRWXG) exposed |= EDDY_KEY_GROUP;
    if (status->st_mode & S_IRWXO) exposed |= EDDY_KEY_OTHERS;
    if (status->st_uid != geteuid() && status->st_uid != 0) exposed |= EDDY_KEY_STRANGER;
    return exposed;
}

/* Returns the size; one byte more than there is room for tells a file that is too large. */
static int read_all(int fd, char *text, uint32_t room) {
    uint32_t size = 0;
    char beyond;
    for (;;) {
        int full = size == room;
        int got = full ? eddy__read(fd, &beyond, 1) : eddy__read(fd, text + size, room - size);
        if (got < 0) return -errno;
        if (got == 0) return (int)size;
        if (full) return -EFBIG;
        size += (uint32_t)got;
    }
}

int eddy_key_file_read(const char *path, char *text, uint32_t room, uint32_t *exposed) {
    /* A pipe of that name must not keep us waiting. */
    int fd = eddy__open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0) return -errno;
    struct stat status;
    int result = fstat(fd, &status) == 0 ? 0 : -errno;
    if (result == 0 && !S_ISREG(status.st_mode))
        result = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    if (result == 0) {
        *exposed = exposure(&status);
        result = read_all(fd, text, room);
    }
    close(fd);
    return result;
}

static int write_all(int fd, const char *text, uint32_t size) {
    while (size > 0) {
        int done = eddy__write(fd, text, size);
        if (done < 0) return -errno;
        text += done;
        size -= (uint32_t)done;
    }
    return 0;
}

/* The name is on the disk only when the folder is. */
static int sync_folder_of(const char *path) {
    char folder[PATH_MAX] = ".";
    const char *name = strrchr(path, '/');
    if (name) snprintf(folder, sizeof folder, "%.*s", (int)(name - path) + 1, path);
    int fd = eddy__open_directory(folder);
    if (fd < 0) return -errno;
    int result = eddy__fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    /* Not every file system knows how to. */
    return result == -EINVAL ? 0 : result;
}

int eddy_key_file_create(const char *path, const char *text, uint32_t size, uint32_t mode) {
    int fd = eddy__open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, S_IRUSR | S_IWUSR);
    if (fd < 0) return -errno;
    int result = write_all(fd, text, size);
    /* Not before: nobody else reads half of it. */
    if (result == 0 && (fchmod(fd, mode) != 0 || eddy__fsync(fd) != 0)) result = -errno;
    close(fd);
    if (result == 0) result = sync_folder_of(path);
    if (result < 0) unlink(path);
    return result;
}

static int is_plain_file(int folder, const struct dirent *entry) {
    struct stat status;
    if (entry->d_type == DT_REG) return 1;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) return 0;
    return fstatat(folder, entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode);
}

int eddy_key_folder(const char *path, char *names, uint32_t room) {
    int fd = eddy__open_directory(path);
    if (fd < 0) return -errno;
    DIR *folder = fdopendir(fd);
    if (!folder) return close(fd), -ENOMEM;
    size_t total = 0;
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(folder))) {
        size_t size = strlen(entry->d_name) + 1;
        if (!is_plain_file(fd, entry)) continue;
        if (total + size <= room) memcpy(names + total, entry->d_name, size);
        total += size;
    }
    int result = errno ? -errno : total > INT_MAX ? -EFBIG : (int)total;
    closedir(folder);
    return result;
}
