/* The shared library shows what the public headers declare, and nothing else. */
#pragma GCC visibility push(default)
#include "api/terminal.h"
#include "counters/page.h"
#include "eddy.h"
#pragma GCC visibility pop
