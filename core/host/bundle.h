/* What `eddy bundle` has appended to this executable: Lua code that returns a table, which
 * eddy.base.bundle reads, and then a line that tells its size. */
#ifndef EDDY_HOST_BUNDLE_H
#define EDDY_HOST_BUNDLE_H

#include <stddef.h>

/* Looks for it, before there are threads. */
void eddy__bundle_prepare(void);

/* The code and its size, for as long as the process lasts; NULL: nothing is appended. */
const char *eddy__bundle_code(size_t *size);

#endif
