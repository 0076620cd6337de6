/* The shared library shows what eddy.h declares, and nothing else. */
#pragma GCC visibility push(default)
#include "eddy.h"
#pragma GCC visibility pop
