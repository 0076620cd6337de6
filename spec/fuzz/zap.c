/* Fuzzes what libzmq's questions are read with: the input's first byte is how many frames
 * follow, each after a byte for its size. */
#include "security/policy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 12 };

static eddy_policy *make_policy(void) {
    eddy_policy *policy;
    if (eddy_policy_new(&policy) != 0) abort();
    eddy_policy_allow(policy, EDDY_ALLOWED_PASSWORD, "joe", 3, "pw", 2, NULL, 0);
    eddy_policy_allow(policy, EDDY_DENIED_ADDRESS, "10.0.0.0/9", 10, NULL, 0, NULL, 0);
    eddy_policy_allow(policy, EDDY_DENIED_ADDRESS, "fe80::/13", 9, NULL, 0, NULL, 0);
    eddy_policy_allow(policy, EDDY_ALLOWED_USER, "7", 1, NULL, 0, NULL, 0);
    return policy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static eddy_policy *policy;
    eddy__text frames[MOST];
    char *copies[MOST];
    eddy__zap_request request;
    if (!policy) policy = make_policy();
    size_t at = 1;
    int count = 0, said = size > 0 ? data[0] % MOST : 0;
    while (count < said && at < size) {
        size_t length = data[at++];
        if (length > size - at) length = size - at;
        copies[count] = malloc(length + 1); /* so that a byte too many is seen */
        memcpy(copies[count], data + at, length);
        frames[count] = (eddy__text){copies[count], length};
        at += length;
        count++;
    }
    if (!eddy__zap_request_read(&request, frames, count)) {
        eddy__verdict verdict = eddy__policy_decide(policy, &request);
        if (verdict.status != 200 && verdict.status != 400) abort();
        if (verdict.status == 200 && request.mechanism == EDDY__CURVE) abort();
    }
    eddy_policy_allow(policy, -1, (const char *)data, 0, NULL, 0, NULL, 0);
    for (int i = 0; i < count; i++) free(copies[i]);
    return 0;
}
