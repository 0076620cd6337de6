/* A folder of certificates, whose keys may come in. It is looked at again when something in it
 * has changed, which the kernel tells; what cannot be read leaves what was known. Any thread.
 */
#ifndef EDDY_SECURITY_FOLDER_H
#define EDDY_SECURITY_FOLDER_H

#include "security/zap_request.h"

typedef struct eddy__folder eddy__folder;

/* Reads a folder. 0 or -errno. */
int eddy__folder_open(eddy__folder **folder, const char *path);

void eddy__folder_free(eddy__folder *folder);

/* Whether a key is in it now; `user` gets the name of its file, without the ending. */
int eddy__folder_find(eddy__folder *folder, const char *key, char user[EDDY__ZAP_LONGEST + 1]);

#endif
