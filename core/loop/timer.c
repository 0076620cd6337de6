#include "loop/timer.h"
#include "base/sys.h"

static void free_alarm(eddy__turn *turn, eddy__grave *grave) {
    eddy__timers_release(&turn->timers);
    eddy__free(grave);
}

int eddy__alarm_open(eddy__turn *turn, double due, double period) {
    eddy__alarm *alarm = eddy__calloc(1, sizeof *alarm);
    if (!alarm) return -ENOMEM;
    int id = eddy__timers_reserve(&turn->timers);
    if (id == 0) {
        id = eddy__slots_add(&turn->slots, alarm, EDDY__TIMER);
        if (id < 0) eddy__timers_release(&turn->timers);
    }
    if (id < 0) {
        eddy__free(alarm);
        return id;
    }
    alarm->turn = turn;
    alarm->grave.id = (uint32_t)id;
    alarm->grave.free = free_alarm;
    alarm->timer.owner = EDDY__TIMER;
    alarm->period = period;
    eddy__list_init(&alarm->grave.node);
    eddy__timers_arm(&turn->timers, &alarm->timer, due);
    turn->alive++;
    return id;
}

void eddy__alarm_again(eddy__alarm *alarm, double jitter) {
    if (alarm->closing || alarm->period <= 0 || alarm->timer.position != 0) return;
    double due = eddy__timers_grid(alarm->timer.due, alarm->period + jitter, alarm->turn->now);
    eddy__timers_arm(&alarm->turn->timers, &alarm->timer, due);
}

void eddy__alarm_close(eddy__alarm *alarm) {
    if (alarm->closing) return;
    alarm->closing = 1;
    alarm->turn->alive--;
    eddy__timers_disarm(&alarm->turn->timers, &alarm->timer);
    eddy__turn_bury(alarm->turn, &alarm->grave);
}

void eddy__alarm_tell(eddy__alarm *alarm) {
    eddy__batch_add(&alarm->turn->batch, EDDY_TIMER, alarm->grave.id, 0);
    /* Its id stays good until the batch that names it is over. */
    if (alarm->period <= 0) eddy__alarm_close(alarm);
}
