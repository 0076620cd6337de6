#include "counters/times.h"

void eddy_page_note(eddy_page_times *times, double ms) {
    eddy__times_note(times, ms, 1);
}
