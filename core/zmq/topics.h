/* Topics whose subscriptions libzmq 4.3.4 garbles on the wire: it writes the length of the
 * command in nine bytes and says that it is one, where the topic has up to 255 bytes and the
 * command has more. What the peer reads then is no message, and all that follows is lost.
 * Inside of the process, and with CURVE, nothing is written that way. */
#ifndef EDDY_ZMQ_TOPICS_H
#define EDDY_ZMQ_TOPICS_H

#include <stdint.h>
#include <zmq.h>

/* What a SUB or XSUB socket has of them. */
typedef struct eddy__topics {
    uint8_t is_wired;    /* it is bound or connected where they would be garbled */
    uint8_t has_garbled; /* it has subscribed to one of them */
} eddy__topics;

/* The socket subscribes to a topic of that size. 0, or -EMSGSIZE. */
int eddy__topics_subscribe(eddy__topics *topics, size_t size);

/* An XSUB socket sends this part, which may be a subscription. 0, or -EMSGSIZE. */
int eddy__topics_send(eddy__topics *topics, zmq_msg_t *part);

/* A socket of this type binds or connects at the endpoint. 0, or -EMSGSIZE. */
int eddy__topics_join(eddy__topics *topics, void *zmq, int type, const char *endpoint);

#endif
