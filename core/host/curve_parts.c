/* In place of libsodium's, for libzmq: they tell of the parts that come over CURVE. */
#include "host/libzmq_calls.h"
#include "host/message_limits.h"

#include <dlfcn.h>

typedef int before_call(unsigned char *, const unsigned char *, const unsigned char *);
typedef int open_call(unsigned char *, const unsigned char *, unsigned long long,
                      const unsigned char *, const unsigned char *);

enum { MORE = 1, OVERHEAD = 17 /* of a part: a tag, and its flags */ };

static before_call *sodium_before;
static open_call *sodium_open;

__attribute__((visibility("default"))) int crypto_box_beforenm(unsigned char *key,
                                                               const unsigned char *public_key,
                                                               const unsigned char *secret) {
    if (!sodium_before) sodium_before = (before_call *)dlsym(RTLD_NEXT, "crypto_box_beforenm");
    if (eddy__libzmq_calls_has(__builtin_return_address(0))) eddy__message_limits_key(key);
    return sodium_before(key, public_key, secret);
}

__attribute__((visibility("default"))) int
crypto_box_open_easy_afternm(unsigned char *opened, const unsigned char *box,
                             unsigned long long size, const unsigned char *nonce,
                             const unsigned char *key) {
    if (!sodium_open)
        sodium_open = (open_call *)dlsym(RTLD_NEXT, "crypto_box_open_easy_afternm");
    int rc = sodium_open(opened, box, size, nonce, key);
    if (rc != 0 || size < OVERHEAD || !eddy__libzmq_calls_has(__builtin_return_address(0)))
        return rc;
    return eddy__message_limits_decrypted(key, opened[0] & MORE, size - OVERHEAD) ? -1 : 0;
}
