/* The public key in a file, as PyZMQ and CZMQ write it (ZeroMQ's RFC 4). */
#ifndef EDDY_SECURITY_CERTIFICATE_H
#define EDDY_SECURITY_CERTIFICATE_H

#include "security/zap_request.h"

extern const char EDDY__NO_CERTIFICATE[];

/* Reads the public key of a file. NULL, or what is wrong; EDDY__NO_CERTIFICATE where it has
 * nothing of one. */
const char *eddy__certificate_read(const char *path, char key[EDDY__ZAP_KEY]);

#endif
