/* Ends connections that peers made to sockets of this process. */
#ifndef EDDY_SECURITY_CUT_H
#define EDDY_SECURITY_CUT_H

#include "security/visits.h"

/* Ends those that come from the addresses of a list, or all of them. How many, or -errno. */
int eddy__cut(const eddy__visit *from, int is_everybody);

#endif
