#include "loop/time_jump.h"
#include "base/clock.h"

#include <math.h>

enum {
    LATE_MS = 5000,   /* more than this late is a gap; */
    ASLEEP_MS = 1000, /* and suspension for more than this */
};

void eddy__gap_watch(eddy__gap *gap, double now, int on) {
    *gap = (eddy__gap){.is_watched = on, .seen = now, .asleep = on ? eddy__clock_asleep() : 0};
}

void eddy__gap_measure(eddy__gap *gap, double now, double asked) {
    double late = now - gap->seen - asked;
    gap->seen = now;
    if (late > LATE_MS) gap->lost += late;
    if (asked == 0) return;
    double asleep = eddy__clock_asleep();
    if (asleep - gap->asleep > ASLEEP_MS) gap->lost += asleep - gap->asleep;
    gap->asleep = fmax(gap->asleep, asleep);
}
