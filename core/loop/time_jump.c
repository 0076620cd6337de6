#include "loop/time_jump.h"
#include "base/clock.h"

#include <math.h>

enum {
    LATE_MS = 5000,   /* more than this late is time lost; */
    ASLEEP_MS = 1000, /* and suspension for more than this */
};

void eddy__time_jump_watch(eddy__time_jump *time_jump, double now, int on) {
    *time_jump = (eddy__time_jump){
        .is_watched = on, .seen = now, .asleep = on ? eddy__clock_asleep() : 0};
}

void eddy__time_jump_measure(eddy__time_jump *time_jump, double now, double asked) {
    double late = now - time_jump->seen - asked;
    time_jump->seen = now;
    if (late > LATE_MS) time_jump->lost += late;
    if (asked == 0) return;
    double asleep = eddy__clock_asleep();
    if (asleep - time_jump->asleep > ASLEEP_MS) time_jump->lost += asleep - time_jump->asleep;
    time_jump->asleep = fmax(time_jump->asleep, asleep);
}
