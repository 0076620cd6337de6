/* The handler that answers libzmq who may come in: one for each context of libzmq's, in a
 * thread of its own that no Lua enters. It begins with the first policy, and ends with the
 * context. */
#ifndef EDDY_SECURITY_ZAP_H
#define EDDY_SECURITY_ZAP_H

#include "eddy.h"

/* Gives a domain of this libzmq context's a policy, in place of the one it had, or takes that
 * away (NULL); handshakes that come now ask the new one. Starts the handler. 0 or -errno:
 * -EADDRINUSE when somebody else answers in this context. */
int eddy__zap_set(void *context, const char *domain, eddy_policy *policy);

/* Whether somebody answers for a domain of the context: its policy, that of all domains, or a
 * handler of a script's. */
int eddy__zap_answers(void *context, const char *domain);

/* Ends the connections of a key, of one domain or (NULL) of all. How many, or -errno. */
int eddy__zap_cut(void *context, const char *domain, const char *key);

/* The handler's counters; all zero while there is none. Whether there is one. */
int eddy__zap_stats(void *context, eddy_zap_stats *stats);

#endif
