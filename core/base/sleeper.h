/* One who sleeps on an eventfd, and is woken by what its own thread does meanwhile. */
#ifndef EDDY_BASE_SLEEPER_H
#define EDDY_BASE_SLEEPER_H

typedef struct eddy__sleeper {
    int fd;
    int is_asleep;
} eddy__sleeper;

/* From any thread or signal handler: makes an eventfd readable. */
void eddy__sleeper_notify(int fd);

static inline void eddy__sleeper_wake(eddy__sleeper *sleeper) {
    if (!sleeper->is_asleep) return;
    sleeper->is_asleep = 0;
    eddy__sleeper_notify(sleeper->fd);
}

#endif
