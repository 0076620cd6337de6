#include "security/failures.h"

#include <string.h>

/* FNV-1a. */
static uint64_t hash(eddy__text text) {
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < text.size; i++)
        sum = (sum ^ (unsigned char)text.data[i]) * 1099511628211u;
    return sum;
}

static int begins(eddy__text text, const char *with) {
    return text.size >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

/* The address's slot, from which another one is driven out. */
static size_t slot_of(eddy__failures *failures, eddy__text address, double now) {
    uint64_t sum = hash(address);
    size_t at = sum % EDDY__FAILURES_SLOTS;
    if (failures->slots[at].address != sum) {
        failures->slots[at].address = sum;
        failures->slots[at].count = failures->slots[at].untold = 0;
        failures->slots[at].told = 0;
        failures->slots[at].since = now;
    }
    return at;
}

int eddy__failures_add(eddy__failures *failures, eddy__text address, double now) {
    if (begins(address, "127.") || begins(address, "::1") || begins(address, "localhost"))
        return 0;
    size_t at = slot_of(failures, address, now);
    if (now - failures->slots[at].since > EDDY__FAILURES_MS) {
        failures->slots[at].since = now;
        failures->slots[at].count = 0;
    }
    return ++failures->slots[at].count > EDDY__FAILURES_MOST;
}

int eddy__failures_tell(eddy__failures *failures, eddy__text address, double now) {
    size_t at = slot_of(failures, address, now);
    int count = ++failures->slots[at].untold;
    double told = failures->slots[at].told;
    if (told > 0 && now - told < EDDY__FAILURES_MS) return 0;
    failures->slots[at].untold = 0;
    failures->slots[at].told = now;
    return count;
}
