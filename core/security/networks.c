#include "security/networks.h"
#include "base/sys.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

enum { IPV4_BITS = 32, IPV6_BITS = 128 };

struct eddy__network {
    eddy__network *next;
    int kind, bits;
    int family;
    uint8_t address[16];
};

/* An address's family, or 0. */
static int parse(const char *text, uint8_t *address) {
    if (inet_pton(AF_INET, text, address) == 1) return AF_INET;
    return inet_pton(AF_INET6, text, address) == 1 ? AF_INET6 : 0;
}

static int copy(char *to, size_t room, eddy__text text) {
    if (text.size >= room || memchr(text.data, '\0', text.size)) return 0;
    memcpy(to, text.data, text.size);
    to[text.size] = '\0';
    return 1;
}

int eddy__networks_add(eddy__networks *networks, int kind, eddy__text text) {
    char whole[EDDY__ZAP_LONGEST + 1], *end;
    if (!copy(whole, sizeof whole, text)) return -EINVAL;
    char *slash = strchr(whole, '/');
    if (!slash) return -EINVAL;
    *slash = '\0';
    eddy__network *made = eddy__calloc(1, sizeof *made);
    if (!made) return -ENOMEM;
    long bits = strtol(slash + 1, &end, 10);
    made->family = parse(whole, made->address);
    long most = made->family == AF_INET ? IPV4_BITS : IPV6_BITS;
    if (!made->family || slash[1] < '0' || slash[1] > '9' || *end || bits > most) {
        eddy__free(made);
        return -EINVAL;
    }
    made->kind = kind;
    made->bits = (int)bits;
    made->next = networks->first;
    networks->first = made;
    return 0;
}

static int is_in(const eddy__network *network, const uint8_t *address) {
    int bytes = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->address, address, (size_t)bytes) != 0) return 0;
    return rest == 0 || ((network->address[bytes] ^ address[bytes]) >> (8 - rest)) == 0;
}

int eddy__networks_have(const eddy__networks *networks, int kind, eddy__text text) {
    char whole[EDDY__ZAP_LONGEST + 1];
    uint8_t address[16];
    if (!networks->first || !copy(whole, sizeof whole, text)) return 0;
    whole[strcspn(whole, "%")] = '\0'; /* an interface's */
    int family = parse(whole, address);
    for (eddy__network *each = networks->first; each; each = each->next)
        if (each->kind == kind && each->family == family && is_in(each, address)) return 1;
    return 0;
}

void eddy__networks_free(eddy__networks *networks) {
    for (eddy__network *each = networks->first, *next; each; each = next) {
        next = each->next;
        eddy__free(each);
    }
    networks->first = NULL;
}
