/* Handshakes, on the process's page. */
#ifndef EDDY_COUNTERS_HANDSHAKES_H
#define EDDY_COUNTERS_HANDSHAKES_H

#include "eddy.h"

/* Adds to what is counted there. From any thread. */
void eddy__page_handshake(const eddy_zap_stats *more);

#endif
