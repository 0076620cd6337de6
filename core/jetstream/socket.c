/* The connection's socket, on which the link's thread waits, reads and writes by itself, as
 * libnats' event loops do: with threads of libnats' for that, each message would wake two of
 * them. Over TLS libnats waits inside of a read or a write, and keeps its own threads.
 *
 * What is read in one go is a burst. libnats hands its messages to a thread of its own, which
 * waits here for the burst's end, so that it is woken once for all of them. */
#include "jetstream/link.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* libnats calls these from the link's thread, or from one that reconnects or looks whether the
 * server lives. */
static natsStatus attach(void **data, void *closure, natsConnection *connection,
                         natsSock socket) {
    eddy_link *link = *data = closure;
    link->is_writing = link->is_ending = 0;
    link->socket = (int)socket;
    eddy__socket_wake(link);
    return NATS_OK;
}

/* The connection ends. */
static natsStatus on_read(void *closure, bool is_on) {
    eddy_link *link = closure;
    if (is_on) return NATS_OK;
    link->socket = -1;
    eddy__socket_wake(link);
    return NATS_OK;
}

static natsStatus on_write(void *closure, bool is_on) {
    eddy_link *link = closure;
    link->is_writing = is_on;
    if (is_on && !pthread_equal(pthread_self(), link->thread)) eddy__socket_wake(link);
    return NATS_OK;
}

/* The link may be gone by now. */
static natsStatus detach(void *closure) {
    (void)closure;
    return NATS_OK;
}

natsStatus eddy__socket_prepare(eddy_link *link) {
    if (link->is_tls) return NATS_OK;
    natsStatus status =
        natsOptions_SetEventLoop(link->options, link, attach, on_read, on_write, detach);
    return status == NATS_OK ? natsOptions_SetSendAsap(link->options, true) : status;
}

void eddy__socket_wake(eddy_link *link) {
    if (atomic_exchange(&link->is_woken, 1)) return;
    uint64_t one = 1;
    ssize_t written = write(link->wake_fd, &one, sizeof one);
    (void)written; /* an eventfd that is not at its limit takes it */
}

void eddy__socket_read(eddy_link *link) {
    pthread_mutex_lock(&link->burst_lock);
    link->is_reading = 1;
    pthread_mutex_unlock(&link->burst_lock);
    natsConnection_ProcessReadEvent(link->connection);
    pthread_mutex_lock(&link->burst_lock);
    link->is_reading = 0;
    link->bursts++;
    pthread_cond_broadcast(&link->burst_end);
    pthread_mutex_unlock(&link->burst_lock);
}

void eddy__socket_wait_for_burst(eddy_link *link) {
    pthread_mutex_lock(&link->burst_lock);
    unsigned before = link->bursts;
    while (link->is_reading && link->bursts == before)
        pthread_cond_wait(&link->burst_end, &link->burst_lock);
    pthread_mutex_unlock(&link->burst_lock);
}

/* The end of what comes is told, and not read: the connection ends with that. */
void eddy__socket_wait(eddy_link *link, double ms) {
    int socket = link->socket;
    short events = link->is_writing ? POLLIN | POLLRDHUP | POLLOUT : POLLIN | POLLRDHUP;
    struct pollfd items[] = {{.fd = link->wake_fd, .events = POLLIN},
                             {.fd = socket, .events = events}};
    if (poll(items, 2, ms < 0 ? -1 : (int)(ms + 0.999)) <= 0) return;
    if (items[0].revents) {
        uint64_t count;
        ssize_t size = read(link->wake_fd, &count, sizeof count);
        (void)size;
        link->is_woken = 0;
    }
    if (socket < 0 || link->socket != socket) return;
    char byte;
    if (items[1].revents & ~(POLLIN | POLLOUT))
        link->is_ending = recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
    if (items[1].revents & ~POLLOUT && !link->is_ending) eddy__socket_read(link);
}

void eddy__socket_write(eddy_link *link) {
    if (link->is_writing) natsConnection_ProcessWriteEvent(link->connection);
}
