/* Lists of networks: "10.0.0.0/8", "fe80::/10". */
#ifndef EDDY_SECURITY_NETWORKS_H
#define EDDY_SECURITY_NETWORKS_H

#include "security/zap_request.h"

typedef struct eddy__network eddy__network;

typedef struct eddy__networks {
    eddy__network *first;
} eddy__networks;

/* 0, -ENOMEM, or -EINVAL for what is none. */
int eddy__networks_add(eddy__networks *networks, int kind, eddy__text text);

/* Whether an address is in one of that kind. */
int eddy__networks_have(const eddy__networks *networks, int kind, eddy__text address);

void eddy__networks_free(eddy__networks *networks);

#endif
