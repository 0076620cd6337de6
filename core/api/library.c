/* What the library knows about itself, libzmq and errors. */
#include "eddy.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "eddy_facts.h" /* made by the build: the version, and zmq.h's constants */

static const eddy_constant CONSTANTS[] = {EDDY_ZMQ_CONSTANTS};

const char *eddy_version(void) {
    return EDDY_VERSION;
}

const char *eddy_zmq_version(void) {
    static _Thread_local char version[32];
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    snprintf(version, sizeof version, "%d.%d.%d", major, minor, patch);
    return version;
}

int eddy_constants(const eddy_constant **array) {
    *array = CONSTANTS;
    return (int)(sizeof CONSTANTS / sizeof *CONSTANTS);
}

int eddy_has(const char *capability) {
    return zmq_has(capability);
}

const char *eddy_error_name(int error) {
    switch (error) { /* libzmq's own, which the system has no names for, or another one */
    case EFSM: return "EFSM";
    case ENOCOMPATPROTO: return "ENOCOMPATPROTO";
    case ETERM: return "ETERM";
    case EMTHREAD: return "EMTHREAD";
    case ENOTSUP: return "ENOTSUP";
    default: return strerrorname_np(error);
    }
}

const char *eddy_error_text(int error) {
    /* What eddy says of loops and contexts after a fork. */
    if (error == ESTALE) return "Belongs to the process that this one was forked from";
    return zmq_strerror(error);
}
