/* What a handler's thread asks of a loop's: requests whose answers no table has. */
#ifndef EDDY_SECURITY_ASKER_H
#define EDDY_SECURITY_ASKER_H

#include "eddy.h"
#include "security/mailbox.h"
#include "security/zap_request.h"

enum { EDDY__ASK_MS = 2000 }; /* for an answer */

void eddy__asker_retain(eddy_asker *asker);

/* Asks; the answer, if one comes, is put into the mailbox. 0, -ENOMEM, or -ENOBUFS when too
 * many wait already. */
int eddy__asker_ask(eddy_asker *asker, double number, const eddy__zap_request *request,
                    eddy__mailbox *mailbox);

#endif
