/* Signals are for the threads that handle them. A thread begins with those blocked that are
 * blocked in the one that starts it: while we, or libzmq, start threads, that is all of them.
 */
#ifndef EDDY_BASE_SIGNAL_MASK_H
#define EDDY_BASE_SIGNAL_MASK_H

#include <pthread.h>
#include <signal.h>

/* Blocks all signals in the calling thread. Returns which ones were blocked before. */
static inline sigset_t eddy__signal_mask_all(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    return before;
}

static inline void eddy__signal_mask_restore(sigset_t before) {
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* As pthread_create. */
static inline int eddy__signal_mask_thread(pthread_t *thread, void *(*run)(void *),
                                           void *with) {
    sigset_t before = eddy__signal_mask_all();
    int error = pthread_create(thread, NULL, run, with);
    eddy__signal_mask_restore(before);
    return error;
}

#endif
