#include "zmq/frame.h"
#include "base/sys.h"
#include "zmq/frame_group.h"
#include "zmq/tracker.h"

#include <errno.h>
#include <string.h>

/* The bytes of a frame that was made here, and who tracks them. */
typedef struct eddy__bytes {
    eddy_tracker *tracker; /* NULL: nobody */
    char bytes[];
} eddy__bytes;

/* What the thread's frames weigh, which its collector does not see. */
static _Thread_local double weight;

/* Called by libzmq, in any thread, when nobody uses the bytes any more. */
static void free_bytes(void *data, void *hint) {
    eddy__bytes *bytes = hint;
    (void)data;
    if (bytes->tracker) {
        eddy__tracker_done(bytes->tracker);
        eddy_tracker_free(bytes->tracker);
    }
    eddy__free(bytes);
}

static void show(eddy_frame *frame) {
    zmq_msg_t *msg = eddy__frame_msg(frame);
    frame->_data = zmq_msg_data(msg);
    frame->_size = (double)zmq_msg_size(msg);
    frame->_more = zmq_msg_more(msg);
    frame->_open = 1;
    weight += frame->_size;
}

void eddy__frame_take(eddy_frame *frame, zmq_msg_t *msg) {
    if (frame->_group) {
        msg = eddy__frame_group_fill(frame->_group, frame->_place, msg);
        memcpy(eddy__frame_msg(frame), msg, sizeof *msg); /* which closes it for both */
        show(frame);
        weight -= frame->_size; /* they are the collector's */
        return;
    }
    zmq_msg_init(eddy__frame_msg(frame));
    zmq_msg_move(eddy__frame_msg(frame), msg);
    frame->_tracker = NULL;
    show(frame);
}

int eddy_frame_open(eddy_frame *frame, const char *data, double size, int track) {
    eddy__bytes *bytes = eddy__calloc(1, sizeof *bytes + (size_t)size);
    if (!bytes) return -ENOMEM;
    if (track && !(bytes->tracker = eddy__tracker_new())) {
        eddy__free(bytes);
        return -ENOMEM;
    }
    memcpy(bytes->bytes, data, (size_t)size);
    if (eddy__msg_data(eddy__frame_msg(frame), bytes->bytes, (size_t)size, free_bytes, bytes) !=
        0) {
        eddy_tracker_free(bytes->tracker);
        eddy__free(bytes);
        return -ENOMEM;
    }
    frame->_tracker = track ? eddy__tracker_retain(bytes->tracker) : NULL;
    show(frame);
    return 0;
}

int eddy__frame_share(eddy_frame *frame, zmq_msg_t *msg) {
    zmq_msg_init(eddy__frame_msg(frame));
    if (zmq_msg_copy(eddy__frame_msg(frame), msg) != 0) return -errno;
    frame->_tracker = NULL;
    show(frame);
    return 0;
}

int eddy_frame_copy(eddy_frame *frame, eddy_frame *from) {
    if (!from->_open) return -EBADF;
    zmq_msg_init(eddy__frame_msg(frame));
    zmq_msg_copy(eddy__frame_msg(frame), eddy__frame_msg(from));
    frame->_tracker = from->_tracker ? eddy__tracker_retain(from->_tracker) : NULL;
    show(frame);
    return 0;
}

void eddy_frame_move(eddy_frame *frame, eddy_frame *from) {
    eddy__frame_take(frame, eddy__frame_msg(from));
    eddy_frame_close(from);
}

void eddy_frame_close(eddy_frame *frame) {
    if (!frame->_open) return;
    if (frame->_group) {
        eddy__frame_group_empty(frame->_group, frame->_place);
        memset(frame, 0, sizeof *frame);
        return;
    }
    weight -= frame->_size;
    zmq_msg_close(eddy__frame_msg(frame));
    eddy_tracker_free(frame->_tracker);
    memset(frame, 0, sizeof *frame);
}

const char *eddy_frame_property(eddy_frame *frame, const char *name) {
    return frame->_open ? zmq_msg_gets(eddy__frame_msg(frame), name) : NULL;
}

double eddy_frame_weight(void) {
    return weight;
}

eddy_tracker *eddy_tracker_of(eddy_frame *frame) {
    return frame->_tracker ? eddy__tracker_retain(frame->_tracker) : NULL;
}
