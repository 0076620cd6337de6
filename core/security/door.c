#include "security/door.h"
#include "base/clock.h"
#include "base/sys.h"
#include "counters/handshakes.h"
#include "security/asker.h"
#include "security/notices.h"
#include "security/policy.h"

#include <stdio.h>
#include <string.h>

enum {
    ENVELOPE = 2, /* routing id and delimiter */
    ROOM = ENVELOPE + EDDY__ZAP_FRAMES,
    MOST_WAITING = 1024,
    ALLOWED = 200,
    LATER = 300,
    REFUSED = 400,
    WRONG = 500,
    FIELD_OVERHEAD = 5, /* a name's and a value's size */
};

static const char EVERY_DOMAIN[] = "*";

/* Who is asked about, until there is an answer or the time is up. */
typedef struct eddy__waiting {
    struct eddy__waiting *next;
    double number, until;
    zmq_msg_t routing_id;
    char id[EDDY__ZAP_LONGEST], domain[EDDY__ZAP_LONGEST], address[EDDY__ZAP_LONGEST];
    char key[EDDY__ZAP_KEY];
    size_t id_size, domain_size, address_size;
} waiting;

int eddy__door_new(eddy__door **door, void *context, void *socket) {
    eddy__door *made = eddy__calloc(1, sizeof *made);
    if (!made) return -ENOMEM;
    int rc = eddy__mailbox_new(&made->mailbox);
    if (rc != 0) return eddy__free(made), rc;
    made->context = context;
    made->socket = socket;
    pthread_mutex_init(&made->lock, NULL);
    *door = made;
    return 0;
}

static void drop_domain(eddy__domain *domain) {
    eddy_policy_free(domain->policy);
    eddy__free(domain);
}

void eddy__door_free(eddy__door *door) {
    while (door->domains) {
        eddy__domain *dropped = door->domains;
        door->domains = dropped->next;
        drop_domain(dropped);
    }
    eddy__visits_clear(&door->visits);
    eddy__mailbox_release(door->mailbox);
    pthread_mutex_destroy(&door->lock);
    eddy__free(door);
}

int eddy__door_set(eddy__door *door, const char *name, eddy_policy *policy) {
    eddy__domain *made = NULL, *dropped;
    if (policy) {
        made = eddy__calloc(1, sizeof *made + strlen(name) + 1);
        if (!made) return -ENOMEM;
        memcpy(made->name, name, strlen(name) + 1);
        made->policy = policy;
        eddy__policy_retain(policy);
    }
    pthread_mutex_lock(&door->lock);
    eddy__domain **place = &door->domains;
    while (*place && strcmp((*place)->name, name) != 0) place = &(*place)->next;
    dropped = *place;
    if (dropped) *place = dropped->next;
    if (made) {
        made->next = door->domains;
        door->domains = made;
    }
    pthread_mutex_unlock(&door->lock);
    if (dropped) drop_domain(dropped);
    return 0;
}

void eddy__door_stats(eddy__door *door, eddy_zap_stats *stats) {
    pthread_mutex_lock(&door->lock);
    *stats = door->stats;
    pthread_mutex_unlock(&door->lock);
}

eddy__visit *eddy__door_leave(eddy__door *door, const char *domain, const char *key,
                              int *is_partial) {
    pthread_mutex_lock(&door->lock);
    eddy__visit *list = eddy__visits_take(&door->visits, domain, eddy__text_of(key));
    *is_partial = door->visits.is_partial;
    pthread_mutex_unlock(&door->lock);
    return list;
}

void eddy__door_count_cut(eddy__door *door, int connections) {
    pthread_mutex_lock(&door->lock);
    door->stats.cut += connections;
    pthread_mutex_unlock(&door->lock);
}

/* The domain's policy, or that of all others; NULL: there is none. The lock is held. */
static eddy_policy *find_policy(eddy__door *door, eddy__text domain) {
    eddy_policy *policy = NULL;
    for (eddy__domain *each = door->domains; each; each = each->next) {
        eddy__text name = eddy__text_of(each->name);
        if (eddy__text_is(name, domain)) return each->policy;
        if (eddy__text_is(name, eddy__text_of(EVERY_DOMAIN))) policy = each->policy;
    }
    return policy;
}

/* A reference to it. */
static eddy_policy *policy_of(eddy__door *door, eddy__text domain) {
    pthread_mutex_lock(&door->lock);
    eddy_policy *policy = find_policy(door, domain);
    if (policy) eddy__policy_retain(policy);
    pthread_mutex_unlock(&door->lock);
    return policy;
}

/* A key is about to be let in. Whether it still may: who revoked it meanwhile does not know of
 * its connection; from now on it is known. */
static int let_in(eddy__door *door, eddy__text domain, const char *key, eddy__text address) {
    pthread_mutex_lock(&door->lock);
    const eddy_policy *policy = find_policy(door, domain);
    int may = !policy || !eddy__policy_denies(policy, key);
    if (may) eddy__visits_add(&door->visits, domain, eddy__text_of(key), address);
    pthread_mutex_unlock(&door->lock);
    return may;
}

int eddy__door_has(eddy__door *door, const char *domain) {
    eddy_policy *policy = policy_of(door, eddy__text_of(domain));
    eddy_policy_free(policy);
    return policy != NULL;
}

static double *counter_of(eddy_zap_stats *stats, int status) {
    return status == WRONG     ? &stats->malformed
           : status == REFUSED ? &stats->refused
           : status == LATER   ? &stats->later
                               : &stats->allowed;
}

static void count(eddy__door *door, int status) {
    eddy_zap_stats one = {0};
    pthread_mutex_lock(&door->lock);
    ++*counter_of(&door->stats, status);
    pthread_mutex_unlock(&door->lock);
    ++*counter_of(&one, status);
    eddy__page_handshake(&one);
}

static int send_part(eddy__door *door, eddy__text text, int flags) {
    zmq_msg_t part;
    if (eddy__msg_init(&part, text.size) != 0) return -1;
    if (text.size > 0) memcpy(zmq_msg_data(&part), text.data, text.size);
    int rc = eddy__msg_send(&part, door->socket, flags);
    if (rc < 0) zmq_msg_close(&part);
    return rc;
}

static char *put_field(char *at, const char *name, eddy__text value) {
    size_t size = strlen(name);
    *at++ = (char)size;
    memcpy(at, name, size);
    at += size;
    for (int shift = 24; shift >= 0; shift -= 8) *at++ = (char)(value.size >> shift);
    if (value.size > 0) memcpy(at, value.data, value.size);
    return at + value.size;
}

/* What every message of the peer's will tell: what the policy says of it, and its key. Both
 * names are told always, or the peer could tell of itself what goes by them. */
static void send_fields(eddy__door *door, eddy__text fields, const char *key) {
    static const char key_name[] = "X-Key", fields_name[] = "X-Fields";
    eddy__text none = {"", 0};
    size_t own = FIELD_OVERHEAD + strlen(key_name) + strlen(key);
    if (fields.size == 0) own += FIELD_OVERHEAD + strlen(fields_name);
    zmq_msg_t part;
    if (eddy__msg_init(&part, own + fields.size) != 0) {
        send_part(door, none, 0);
        return;
    }
    char *at = put_field(zmq_msg_data(&part), key_name, eddy__text_of(key));
    if (fields.size > 0)
        memcpy(at, fields.data, fields.size);
    else
        put_field(at, fields_name, none);
    if (eddy__msg_send(&part, door->socket, 0) < 0) zmq_msg_close(&part);
}

/* A peer that is gone is none; a reply that fails half-way ends its handshake at its time. */
static void reply(eddy__door *door, eddy__text routing_id, eddy__text id, eddy__verdict verdict,
                  const char *key) {
    char status[16];
    snprintf(status, sizeof status, "%d", verdict.status);
    int is_allowed = verdict.status == ALLOWED;
    eddy__text none = {"", 0}, parts[] = {routing_id,
                                          none,
                                          {"1.0", 3},
                                          id,
                                          eddy__text_of(status),
                                          eddy__text_of(verdict.reason),
                                          is_allowed ? verdict.user : none};
    count(door, verdict.status);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (send_part(door, parts[i], ZMQ_SNDMORE) < 0) return;
    send_fields(door, is_allowed ? verdict.fields : none, is_allowed ? key : "");
}

static eddy__text text_of(zmq_msg_t *msg) {
    return (eddy__text){zmq_msg_data(msg), zmq_msg_size(msg)};
}

/* Asks, and keeps what its reply needs. 0, or negative: nobody can be asked now. */
static int ask(eddy__door *door, eddy_asker *asker, zmq_msg_t *routing_id,
               const eddy__zap_request *request) {
    if (door->waiting_count == MOST_WAITING) return -ENOBUFS;
    waiting *made = eddy__calloc(1, sizeof *made), **place = &door->waiting;
    if (!made) return -ENOMEM;
    made->number = ++door->numbers;
    made->until = eddy_time() + EDDY__ASK_MS;
    int rc = eddy__asker_ask(asker, made->number, request, door->mailbox);
    if (rc != 0) return eddy__free(made), rc;
    zmq_msg_init(&made->routing_id);
    zmq_msg_move(&made->routing_id, routing_id);
    made->id_size = request->id.size;
    memcpy(made->id, request->id.data, request->id.size);
    made->domain_size = request->domain.size;
    memcpy(made->domain, request->domain.data, request->domain.size);
    made->address_size = request->address.size;
    memcpy(made->address, request->address.data, request->address.size);
    memcpy(made->key, request->key, sizeof made->key);
    while (*place) place = &(*place)->next;
    *place = made;
    door->waiting_count++;
    return 0;
}

/* A line a minute and address. The address is libzmq's, of numbers and names of ours. */
static void tell_refusal(eddy__door *door, eddy__text address, const char *reason) {
    int count = eddy__failures_tell(&door->failures, address, eddy_time());
    int size = (int)address.size;
    if (count == 1)
        eddy__notice("a peer at %.*s was refused: %s", size, address.data, reason);
    else if (count > 1)
        eddy__notice("a peer at %.*s was refused: %s; with others there, %d times", size,
                     address.data, reason, count);
}

static eddy__verdict decide(eddy__door *door, zmq_msg_t *routing_id, eddy__zap_request *request,
                            eddy_policy *policy) {
    eddy__verdict busy = {.status = LATER, .reason = "Ask again later"};
    eddy__verdict verdict = {
        ALLOWED, "OK", request->user, {"", 0}}; /* as where there is no handler */
    if (policy)
        verdict = eddy__policy_decide(policy, request);
    else if (request->domain.size > 0)
        verdict = (eddy__verdict){.status = REFUSED, .reason = "Unknown domain"};
    if (verdict.status == 0 && ask(door, eddy__policy_asker(policy), routing_id, request) != 0)
        verdict = busy;
    if (verdict.status == ALLOWED && request->mechanism == EDDY__CURVE &&
        !let_in(door, request->domain, request->key, request->address))
        verdict = (eddy__verdict){.status = REFUSED, .reason = EDDY__REVOKED};
    /* Of a domain that is no more its socket is no more. */
    if (verdict.status == REFUSED && policy)
        tell_refusal(door, request->address, verdict.reason);
    int is_often = verdict.status == REFUSED &&
                   eddy__failures_add(&door->failures, request->address, eddy_time());
    return is_often ? busy : verdict;
}

static void handle(eddy__door *door, zmq_msg_t *parts, int count_of_parts) {
    eddy__text frames[ROOM] = {{"", 0}};
    eddy__zap_request request;
    int kept = count_of_parts < ROOM ? count_of_parts : ROOM;
    for (int i = 0; i < kept; i++) frames[i] = text_of(&parts[i]);
    int has_delimiter = count_of_parts >= ENVELOPE && frames[1].size == 0;
    const char *wrong = has_delimiter ? eddy__zap_request_read(&request, frames + ENVELOPE,
                                                               count_of_parts - ENVELOPE)
                                      : "No delimiter";
    if (!has_delimiter) request = (eddy__zap_request){.id = {"", 0}};
    if (wrong) {
        eddy__verdict verdict = {.status = WRONG, .reason = wrong};
        reply(door, frames[0], request.id, verdict, "");
        return;
    }
    eddy_policy *policy = policy_of(door, request.domain);
    eddy__verdict verdict = decide(door, &parts[0], &request, policy);
    if (verdict.status != 0) reply(door, frames[0], request.id, verdict, request.key);
    eddy_policy_free(policy);
}

/* Receives one request and answers it. 0, or negative when there is none. */
static int serve(eddy__door *door) {
    zmq_msg_t parts[ROOM], more;
    int received = 0, has_more = 1;
    while (has_more) {
        zmq_msg_t *part = received < ROOM ? &parts[received] : &more;
        zmq_msg_init(part);
        if (eddy__msg_recv(part, door->socket) < 0) break;
        has_more = zmq_msg_more(part);
        if (received++ >= ROOM) zmq_msg_close(part);
    }
    if (received > 0) handle(door, parts, received);
    int kept = received < ROOM ? received : ROOM;
    for (int i = 0; i < kept; i++) zmq_msg_close(&parts[i]);
    return received > 0 ? 0 : -1;
}

/* Replies to who waits, and forgets it. */
static void settle(eddy__door *door, waiting **place, eddy__verdict verdict) {
    waiting *done = *place;
    eddy__text address = {done->address, done->address_size};
    *place = done->next;
    eddy__text domain = {done->domain, done->domain_size};
    if (verdict.status == ALLOWED && !let_in(door, domain, done->key, address))
        verdict = (eddy__verdict){.status = REFUSED, .reason = EDDY__REVOKED};
    if (verdict.status == REFUSED) {
        tell_refusal(door, address, verdict.reason);
        if (eddy__failures_add(&door->failures, address, eddy_time())) verdict.status = LATER;
    }
    door->waiting_count--;
    reply(door, text_of(&done->routing_id), (eddy__text){done->id, done->id_size}, verdict,
          done->key);
    zmq_msg_close(&done->routing_id);
    eddy__free(done);
}

static void answer(eddy__door *door) {
    eddy__answer *each = eddy__mailbox_take(door->mailbox), *next;
    for (; each; each = next) {
        waiting **place = &door->waiting;
        eddy__verdict verdict = {each->status, each->status == ALLOWED ? "OK" : "Refused",
                                 each->user, each->fields};
        next = each->next;
        while (*place && (*place)->number != each->number) place = &(*place)->next;
        if (*place) settle(door, place, verdict);
        eddy__free(each);
    }
}

/* Those whose time is up, who are in its order, come again later. Returns ms until the next is.
 */
static long expire(eddy__door *door) {
    double now = eddy_time();
    while (door->waiting && door->waiting->until <= now)
        settle(door, &door->waiting,
               (eddy__verdict){.status = LATER, .reason = "No answer in time"});
    return door->waiting ? (long)(door->waiting->until - now) + 1 : -1;
}

void *eddy__door_run(void *argument) {
    eddy__door *door = argument;
    while (!door->mailbox->is_over) {
        zmq_pollitem_t items[] = {{door->socket, 0, ZMQ_POLLIN, 0},
                                  {NULL, door->mailbox->fd, ZMQ_POLLIN, 0}};
        if (zmq_poll(items, 2, expire(door)) < 0 && errno != EINTR) break;
        answer(door);
        if (items[0].revents) serve(door);
    }
    while (door->waiting)
        settle(door, &door->waiting, (eddy__verdict){.status = LATER, .reason = "The end"});
    zmq_close(door->socket);
    return NULL;
}
