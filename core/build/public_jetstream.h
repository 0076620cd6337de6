/* The library of links to NATS shows what jetstream.h declares, and nothing else. */
#pragma GCC visibility push(default)
#include "jetstream/jetstream.h"
#pragma GCC visibility pop
