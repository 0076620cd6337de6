/* A link, its options and its end. */
#include "jetstream/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MOST_WAITING = 1 << 20, MOST_BYTES = 64 << 20 };

static void free_link(eddy_link *link) {
    eddy__arrivals_free(link);
    eddy__departures_free(link);
    while (link->subscriptions) {
        eddy__subscription *next = link->subscriptions->next;
        free(link->subscriptions);
        link->subscriptions = next;
    }
    for (int i = 0; i < link->url_count; i++) free(link->urls[i]);
    free(link->urls);
    natsOptions_Destroy(link->options);
    free(link->inbox);
    if (link->fd >= 0) close(link->fd);
    if (link->wake_fd >= 0) close(link->wake_fd);
    pthread_mutex_destroy(&link->in_lock);
    pthread_mutex_destroy(&link->out_lock);
    pthread_mutex_destroy(&link->burst_lock);
    pthread_cond_destroy(&link->burst_end);
    free(link);
}

void eddy__link_retain(eddy_link *link) {
    link->references++;
}

void eddy__link_release(eddy_link *link) {
    if (--link->references == 0) free_link(link);
}

int eddy_link_new(eddy_link **link) {
    eddy_link *made = calloc(1, sizeof *made);
    if (!made) return -ENOMEM;
    made->references = 1;
    made->reconnect_wait = 250;
    made->last = &made->first;
    made->out_last = &made->out_first;
    made->staged_last = &made->staged_first;
    made->most = MOST_WAITING;
    made->most_bytes = MOST_BYTES;
    pthread_mutex_init(&made->in_lock, NULL);
    pthread_mutex_init(&made->out_lock, NULL);
    pthread_mutex_init(&made->burst_lock, NULL);
    pthread_cond_init(&made->burst_end, NULL);
    made->socket = -1;
    made->deadline = -1;
    made->last_words = calloc(1, sizeof *made->last_words + EDDY__LAST_WORDS);
    made->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    made->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = made->fd < 0 || made->wake_fd < 0 ? errno : 0;
    if (!error && (!made->last_words || natsOptions_Create(&made->options) != NATS_OK ||
                   natsInbox_Create(&made->inbox) != NATS_OK))
        error = ENOMEM;
    if (error) {
        free_link(made);
        return -error;
    }
    *link = made;
    return 0;
}

void eddy__link_describe(natsStatus status, char *text, size_t room) {
    natsStatus of_text = NATS_OK;
    const char *more = nats_GetLastError(&of_text);
    text[0] = '\0';
    strncat(text, natsStatus_GetText(status), room - 1);
    if (!more || of_text != status) return;
    const char *place = *more == '(' ? strstr(more, "): ") : NULL; /* in libnats' sources */
    if (place) more = place + 3;
    if (!*more || strcmp(more, text) == 0) return;
    strncat(text, ": ", room - 1 - strlen(text));
    strncat(text, more, room - 1 - strlen(text));
}

natsStatus eddy__link_add_url(eddy_link *link, const char *url) {
    char **urls = realloc(link->urls, sizeof *urls * ((size_t)link->url_count + 1));
    if (!urls) return NATS_NO_MEMORY;
    link->urls = urls;
    urls[link->url_count] = strdup(url);
    if (!urls[link->url_count]) return NATS_NO_MEMORY;
    link->url_count++;
    return natsOptions_SetServers(link->options, (const char **)urls, link->url_count);
}

static natsStatus set(eddy_link *link, const char *option, const char *value,
                      const char *more) {
    natsOptions *to = link->options;
    if (strncmp(option, "tls", 3) == 0) link->is_tls = 1;
#define IS(name) (strcmp(option, name) == 0)
    if (IS("url")) return eddy__link_add_url(link, value);
    if (IS("name")) return natsOptions_SetName(to, value);
    if (IS("user")) return natsOptions_SetUserInfo(to, value, more);
    if (IS("token")) return natsOptions_SetToken(to, value);
    if (IS("creds")) return natsOptions_SetUserCredentialsFromFiles(to, value, more);
    if (IS("nkey")) return natsOptions_SetNKeyFromSeed(to, value, more);
    if (IS("tls")) return natsOptions_SetSecure(to, true);
    if (IS("tls_ca")) return natsOptions_LoadCATrustedCertificates(to, value);
    if (IS("tls_cert")) return natsOptions_LoadCertificatesChain(to, value, more);
    if (IS("tls_ciphers")) return natsOptions_SetCiphers(to, value);
    if (IS("tls_host")) return natsOptions_SetExpectedHostname(to, value);
    if (IS("tls_insecure")) return natsOptions_SkipServerVerification(to, true);
    if (IS("timeout")) return natsOptions_SetTimeout(to, atoll(value));
    if (IS("ping_interval")) return natsOptions_SetPingInterval(to, atoll(value));
    if (IS("reconnect_wait")) {
        link->reconnect_wait = atof(value);
        return NATS_OK;
    }
#undef IS
    return NATS_NOT_FOUND;
}

int eddy_link_set(eddy_link *link, const char *option, const char *value, const char *more) {
    natsStatus status = set(link, option, value, more);
    if (status == NATS_OK) return 0;
    if (status == NATS_NOT_FOUND) return -ENOENT;
    eddy__link_describe(status, link->problem, sizeof link->problem);
    return -EINVAL;
}

const char *eddy_link_problem(eddy_link *link) {
    return link->problem;
}

const char *eddy_link_inbox(eddy_link *link) {
    return link->inbox;
}

double eddy_link_max_payload(eddy_link *link) {
    return link->max_payload;
}

void eddy_link_stats_get(eddy_link *link, eddy_link_stats *stats) {
    pthread_mutex_lock(&link->in_lock);
    stats->in = link->in;
    stats->in_bytes = link->in_bytes;
    stats->dropped = link->dropped;
    pthread_mutex_unlock(&link->in_lock);
    stats->out = (double)link->out;
    stats->out_bytes = (double)link->out_bytes;
    stats->waiting = (double)(link->queued - link->done);
    stats->waiting_bytes = (double)(link->queued_bytes - link->done_bytes);
    stats->unread = link->unread;
    stats->reconnects = link->reconnects;
}

void eddy_link_free(eddy_link *link) {
    if (!link) return;
    eddy__departures_end(link);
    eddy__link_release(link);
}
