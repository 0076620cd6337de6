#include "stream/lost_peers.h"
#include "base/sys.h"

#include <errno.h>
#include <string.h>

static int reserve(eddy__lost_peers *peers, size_t more) {
    if (peers->begin == peers->end) peers->begin = peers->end = 0;
    if (peers->end + more <= peers->capacity) return 0;
    size_t capacity = 2 * (peers->end + more);
    unsigned char *bytes = eddy__realloc(peers->bytes, capacity);
    if (!bytes) return -ENOMEM;
    peers->bytes = bytes;
    peers->capacity = capacity;
    return 0;
}

void eddy__lost_peers_add(eddy__lost_peers *peers, zmq_msg_t *first) {
    size_t size = zmq_msg_size(first);
    if (size > EDDY_PEER_BYTES) size = 0; /* no peer is called so */
    if (reserve(peers, size + 1) != 0) peers->is_lost = 1;
    if (peers->is_lost) return;
    peers->bytes[peers->end] = (unsigned char)size;
    memcpy(peers->bytes + peers->end + 1, zmq_msg_data(first), size);
    peers->end += size + 1;
}

int eddy__lost_peers_take(eddy__lost_peers *peers, char *peer) {
    if (peers->is_lost || peers->begin == peers->end) return 0;
    int size = peers->bytes[peers->begin];
    memcpy(peer, peers->bytes + peers->begin + 1, (size_t)size);
    peers->begin += (size_t)size + 1;
    return size;
}

void eddy__lost_peers_free(eddy__lost_peers *peers) {
    eddy__free(peers->bytes);
    *peers = (eddy__lost_peers){0};
}
