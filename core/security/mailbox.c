#include "security/mailbox.h"
#include "base/sleeper.h"
#include "base/sys.h"

#include <stdint.h>
#include <string.h>

int eddy__mailbox_new(eddy__mailbox **mailbox) {
    eddy__mailbox *made = eddy__calloc(1, sizeof *made);
    if (!made) return -ENOMEM;
    int fd = made->fd = eddy__eventfd();
    if (fd < 0) return eddy__free(made), fd;
    made->references = 1;
    pthread_mutex_init(&made->lock, NULL);
    *mailbox = made;
    return 0;
}

void eddy__mailbox_retain(eddy__mailbox *mailbox) {
    mailbox->references++;
}

void eddy__mailbox_release(eddy__mailbox *mailbox) {
    if (--mailbox->references > 0) return;
    for (eddy__answer *each = mailbox->answers, *next; each; each = next) {
        next = each->next;
        eddy__free(each);
    }
    close(mailbox->fd);
    pthread_mutex_destroy(&mailbox->lock);
    eddy__free(mailbox);
}

int eddy__mailbox_put(eddy__mailbox *mailbox, double number, int status, eddy__text user,
                      eddy__text fields) {
    eddy__answer *made = eddy__calloc(1, sizeof *made + user.size + fields.size);
    if (!made) return -ENOMEM;
    made->number = number;
    made->status = status;
    if (user.size > 0) memcpy(made->bytes, user.data, user.size);
    if (fields.size > 0) memcpy(made->bytes + user.size, fields.data, fields.size);
    made->user = (eddy__text){made->bytes, user.size};
    made->fields = (eddy__text){made->bytes + user.size, fields.size};
    pthread_mutex_lock(&mailbox->lock);
    made->next = mailbox->answers;
    mailbox->answers = made;
    pthread_mutex_unlock(&mailbox->lock);
    eddy__sleeper_notify(mailbox->fd);
    return 0;
}

void eddy__mailbox_end(eddy__mailbox *mailbox) {
    mailbox->is_over = 1;
    eddy__sleeper_notify(mailbox->fd);
}

eddy__answer *eddy__mailbox_take(eddy__mailbox *mailbox) {
    uint64_t count;
    ssize_t got = read(mailbox->fd, &count, sizeof count);
    (void)got;
    pthread_mutex_lock(&mailbox->lock);
    eddy__answer *answers = mailbox->answers;
    mailbox->answers = NULL;
    pthread_mutex_unlock(&mailbox->lock);
    return answers;
}
