#include "security/zap_request.h"

#include <string.h>
#include <zmq.h>

enum { VERSION, ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, KEY_BYTES = 32 };

static const struct {
    const char *name;
    int credentials;
} mechanisms[] = {[EDDY__NULL] = {"NULL", 0},
                  [EDDY__PLAIN] = {"PLAIN", 2},
                  [EDDY__CURVE] = {"CURVE", 1},
                  [EDDY__GSSAPI] = {"GSSAPI", 1}};

eddy__text eddy__text_of(const char *text) {
    return (eddy__text){text, strlen(text)};
}

int eddy__text_is(eddy__text a, eddy__text b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* An IPv4 peer of an IPv6 socket is known by its IPv4 address, too. */
static eddy__text address_of(eddy__text text) {
    static const char mapped[] = "::ffff:";
    size_t size = sizeof mapped - 1;
    if (text.size <= size || memcmp(text.data, mapped, size) != 0) return text;
    eddy__text rest = {text.data + size, text.size - size};
    return memchr(rest.data, '.', rest.size) ? rest : text;
}

static const char *read_credentials(eddy__zap_request *request, const eddy__text *frames,
                                    int count) {
    if (count != mechanisms[request->mechanism].credentials) return "Invalid credentials";
    if (request->mechanism == EDDY__CURVE) {
        if (frames[0].size != KEY_BYTES) return "Invalid credentials";
        zmq_z85_encode(request->key, (const void *)frames[0].data, KEY_BYTES);
        return NULL;
    }
    for (int i = 0; i < count; i++)
        if (frames[i].size > EDDY__ZAP_LONGEST) return "Invalid credentials";
    if (count > 0) request->user = frames[0];
    if (count > 1) request->password = frames[1];
    return NULL;
}

const char *eddy__zap_request_read(eddy__zap_request *request, const eddy__text *frames,
                                   int count) {
    memset(request, 0, sizeof *request);
    if (count > ID && frames[ID].size <= EDDY__ZAP_LONGEST) request->id = frames[ID];
    if (count <= MECHANISM) return "Not enough frames";
    if (count > EDDY__ZAP_FRAMES) return "Too many frames";
    if (!eddy__text_is(frames[VERSION], eddy__text_of("1.0"))) return "Invalid version";
    for (int i = ID; i <= MECHANISM; i++)
        if (frames[i].size > EDDY__ZAP_LONGEST) return "Too long a frame";
    request->domain = frames[DOMAIN];
    request->address = address_of(frames[ADDRESS]);
    request->identity = frames[IDENTITY];
    for (int i = EDDY__NULL; i <= EDDY__GSSAPI; i++) {
        if (!eddy__text_is(frames[MECHANISM], eddy__text_of(mechanisms[i].name))) continue;
        request->mechanism = (eddy__mechanism)i;
        return read_credentials(request, frames + CREDENTIALS, count - CREDENTIALS);
    }
    return "Security mechanism not supported";
}
