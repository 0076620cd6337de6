/* The peers of messages that failed because they are gone, in order, until Lua has asked. */
#ifndef EDDY_STREAM_LOST_PEERS_H
#define EDDY_STREAM_LOST_PEERS_H

#include "eddy.h"

#include <stddef.h>
#include <zmq.h>

typedef struct eddy__lost_peers {
    unsigned char *bytes; /* of each routing id its size, then itself */
    size_t begin, end, capacity;
    int is_lost; /* one was left out, so that nobody knows whose the others are */
} eddy__lost_peers;

/* Adds the peer that a message's first part names. */
void eddy__lost_peers_add(eddy__lost_peers *peers, zmq_msg_t *first);

/* Takes the oldest one, into room for EDDY_PEER_BYTES: its size, or 0 when it is not known. */
int eddy__lost_peers_take(eddy__lost_peers *peers, char *peer);

void eddy__lost_peers_free(eddy__lost_peers *peers);

#endif
