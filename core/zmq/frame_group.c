#include "zmq/frame_group.h"
#include "base/sys.h"

struct eddy_frame_group {
    uint32_t joined;
    uint32_t filled;
    double resets;
    zmq_msg_t msgs[EDDY_GROUP_FRAMES]; /* the first `joined` are open */
};

eddy_frame_group *eddy_frame_group_new(void) {
    return eddy__calloc(1, sizeof(eddy_frame_group));
}

int eddy_frame_group_join(eddy_frame_group *group, eddy_frame *frame) {
    if (group->joined == EDDY_GROUP_FRAMES) return 0;
    zmq_msg_init(&group->msgs[group->joined]);
    frame->_group = group;
    frame->_place = group->joined++;
    return (int)group->joined;
}

zmq_msg_t *eddy__frame_group_fill(eddy_frame_group *group, uint32_t place, zmq_msg_t *msg) {
    zmq_msg_move(&group->msgs[place], msg);
    group->filled++;
    return &group->msgs[place];
}

void eddy__frame_group_empty(eddy_frame_group *group, uint32_t place) {
    zmq_msg_close(&group->msgs[place]);
    zmq_msg_init(&group->msgs[place]);
}

double eddy_frame_group_resets(const eddy_frame_group *group) {
    return group->resets;
}

static void close_all(eddy_frame_group *group) {
    for (uint32_t i = 0; i < group->joined; i++) zmq_msg_close(&group->msgs[i]);
}

int eddy_frame_group_reset(eddy_frame_group *group, double resets) {
    if (group->resets != resets || group->filled != group->joined) return 0;
    close_all(group);
    group->joined = group->filled = 0;
    group->resets += 1;
    return 1;
}

void eddy_frame_group_free(eddy_frame_group *group) {
    close_all(group);
    eddy__free(group);
}
