#include "security/certificate.h"
#include "base/sys.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum { LONGEST_LINE = 1024, KEY_BYTES = 32 };

static const char SPACE[] = " \t\r\n";
const char EDDY__NO_CERTIFICATE[] = "there is no public-key in it";

/* Copies a key's text. 0, or -1 for what is none. */
static int copy_key(const char *text, char key[EDDY__ZAP_KEY]) {
    uint8_t bytes[KEY_BYTES];
    size_t size = strcspn(text, "\"' \t\r\n");
    if (size != EDDY__ZAP_KEY - 1) return -1;
    memcpy(key, text, size);
    key[size] = '\0';
    return zmq_z85_decode(bytes, key) ? 0 : -1;
}

/* The text behind "public-key =", without the quote before it; NULL for another line. */
static const char *value_of(const char *line) {
    static const char name[] = "public-key";
    line += strspn(line, SPACE);
    if (strncmp(line, name, sizeof name - 1) != 0) return NULL;
    line += sizeof name - 1;
    line += strspn(line, SPACE);
    if (*line != '=') return NULL;
    line++;
    line += strspn(line, SPACE);
    return line + (*line == '"' || *line == '\'');
}

/* Sections are not indented, and have no value. */
static int begins_section(const char *line) {
    return !strchr(SPACE, *line) && *line != '#' && !strchr(line, '=');
}

const char *eddy__certificate_read(const char *path, char key[EDDY__ZAP_KEY]) {
    /* It may be a pipe that nobody writes to. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    char line[LONGEST_LINE];
    const char *problem = EDDY__NO_CERTIFICATE, *value;
    if (!file) {
        if (fd >= 0) close(fd);
        return "it cannot be read";
    }
    int is_metadata = 0; /* which may have any name */
    while (fgets(line, sizeof line, file)) {
        if (begins_section(line)) is_metadata = strncmp(line, "metadata", 8) == 0;
        if (is_metadata || !(value = value_of(line))) continue;
        problem =
            copy_key(value, key) == 0 ? NULL : "its public-key is no key of 40 characters";
        break;
    }
    if (ferror(file)) problem = EDDY__NO_CERTIFICATE; /* a folder, too */
    fclose(file);
    return problem;
}
