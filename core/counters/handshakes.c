#include "counters/handshakes.h"
#include "counters/page.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void eddy__page_handshake(const eddy_zap_stats *more) {
    eddy_page *page = eddy_page_get();
    if (!page) return;
    pthread_mutex_lock(&lock);
    page->allowed += more->allowed;
    page->refused += more->refused;
    page->later += more->later;
    page->malformed += more->malformed;
    pthread_mutex_unlock(&lock);
}
