/* The frames of ZAP (RFC 27), in which libzmq asks who may come in. */
#ifndef EDDY_SECURITY_ZAP_REQUEST_H
#define EDDY_SECURITY_ZAP_REQUEST_H

#include <stddef.h>

enum {
    EDDY__ZAP_FRAMES = 8, /* the most that a request has, from its version on */
    EDDY__ZAP_LONGEST = 255,
    EDDY__ZAP_KEY = 41, /* Z85, and a zero byte */
};

typedef struct eddy__text {
    const char *data;
    size_t size;
} eddy__text;

typedef enum eddy__mechanism {
    EDDY__NULL,
    EDDY__PLAIN,
    EDDY__CURVE,
    EDDY__GSSAPI
} eddy__mechanism;

/* Its texts are those of the frames. */
typedef struct eddy__zap_request {
    eddy__text id, domain, address, identity;
    eddy__mechanism mechanism;
    eddy__text user, password;        /* of PLAIN; GSSAPI's principal */
    char key[EDDY__ZAP_KEY];          /* of CURVE */
    char name[EDDY__ZAP_LONGEST + 1]; /* room for the user's name that a policy finds */
} eddy__zap_request;

/* Reads a request's frames, from its version on. `count` may be more than the array has.
 * Returns NULL, or what is wrong; the id is read as far as there is one. */
const char *eddy__zap_request_read(eddy__zap_request *request, const eddy__text *frames,
                                   int count);

/* Whether both have the same bytes. */
int eddy__text_is(eddy__text a, eddy__text b);

eddy__text eddy__text_of(const char *text);

#endif
