/* Who may come in through the sockets of a ZAP domain. A policy is filled by one thread, then
 * only read, by the handler's, until its last reference is given back. */
#ifndef EDDY_SECURITY_POLICY_H
#define EDDY_SECURITY_POLICY_H

#include "eddy.h"
#include "security/zap_request.h"

#include <stdint.h>

/* Why such a key is. */
#define EDDY__REVOKED "Revoked key"

/* What becomes of a request. The texts are the policy's or the request's. */
typedef struct eddy__verdict {
    int status; /* 200, 300, 400 or 500; 0: the asker is to be asked */
    const char *reason;
    eddy__text user, fields;
} eddy__verdict;

eddy__verdict eddy__policy_decide(const eddy_policy *policy, eddy__zap_request *request);

/* Whether a key is kept out, whatever else lets it in. */
int eddy__policy_denies(const eddy_policy *policy, const char *key);

void eddy__policy_retain(eddy_policy *policy);

/* Whom to ask; NULL: nobody. */
eddy_asker *eddy__policy_asker(const eddy_policy *policy);

#endif
