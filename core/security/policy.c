#include "security/policy.h"
#include "base/sys.h"
#include "security/asker.h"
#include "security/folder.h"
#include "security/networks.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_BUCKETS = 16 };

/* What is allowed, by its kind and text. */
typedef struct entry {
    struct entry *next;
    int kind; /* enum eddy_allowed */
    eddy__text what, value, fields;
    char bytes[];
} entry;

struct eddy_policy {
    atomic_int references;
    int any_key, is_named; /* users of the folder are known by their files */
    eddy_asker *asker;
    eddy__networks networks;
    eddy__folder *folder;
    uint32_t counts[EDDY_ALLOWED_KINDS];
    uint32_t count, buckets;
    entry **table;
};

int eddy_policy_new(eddy_policy **policy) {
    eddy_policy *made = eddy__calloc(1, sizeof *made);
    if (made) made->table = eddy__calloc(FIRST_BUCKETS, sizeof *made->table);
    if (!made || !made->table) {
        eddy__free(made);
        return -ENOMEM;
    }
    made->buckets = FIRST_BUCKETS;
    made->references = 1;
    *policy = made;
    return 0;
}

void eddy__policy_retain(eddy_policy *policy) {
    policy->references++;
}

void eddy_policy_free(eddy_policy *policy) {
    if (!policy || --policy->references > 0) return;
    for (uint32_t i = 0; i < policy->buckets; i++) {
        for (entry *each = policy->table[i], *next; each; each = next) {
            next = each->next;
            explicit_bzero(each->bytes, each->what.size + each->value.size);
            eddy__free(each);
        }
    }
    eddy__networks_free(&policy->networks);
    eddy__folder_free(policy->folder);
    if (policy->asker) eddy_asker_free(policy->asker);
    eddy__free(policy->table);
    eddy__free(policy);
}

/* FNV-1a. */
static uint32_t hash(int kind, eddy__text text) {
    uint32_t sum = 2166136261u ^ (uint32_t)kind;
    for (size_t i = 0; i < text.size; i++)
        sum = (sum ^ (unsigned char)text.data[i]) * 16777619u;
    return sum;
}

static entry *find(const eddy_policy *policy, int kind, eddy__text what) {
    entry *each = policy->table[hash(kind, what) & (policy->buckets - 1)];
    while (each && (each->kind != kind || !eddy__text_is(each->what, what))) each = each->next;
    return each;
}

static int grow(eddy_policy *policy) {
    uint32_t buckets = policy->buckets * 2;
    entry **table = eddy__calloc(buckets, sizeof *table);
    if (!table) return -ENOMEM;
    for (uint32_t i = 0; i < policy->buckets; i++) {
        for (entry *each = policy->table[i], *next; each; each = next) {
            entry **place = &table[hash(each->kind, each->what) & (buckets - 1)];
            next = each->next;
            each->next = *place;
            *place = each;
        }
    }
    eddy__free(policy->table);
    policy->table = table;
    policy->buckets = buckets;
    return 0;
}

static char *put(char *to, eddy__text *text, const char *data, size_t size) {
    if (size > 0) memcpy(to, data, size);
    *text = (eddy__text){to, size};
    return to + size;
}

int eddy_policy_allow(eddy_policy *policy, int kind, const char *what, uint32_t what_size,
                      const char *value, uint32_t value_size, const char *fields,
                      uint32_t fields_size) {
    if (kind < 0 || kind >= EDDY_ALLOWED_KINDS) return -EINVAL;
    if (what_size > EDDY__ZAP_LONGEST || value_size > EDDY__ZAP_LONGEST) return -EINVAL;
    if ((kind == EDDY_ALLOWED_KEY || kind == EDDY_DENIED_KEY) && what_size != EDDY__ZAP_KEY - 1)
        return -EINVAL;
    int is_address = kind == EDDY_ALLOWED_ADDRESS || kind == EDDY_DENIED_ADDRESS;
    if (is_address && memchr(what, '/', what_size)) {
        int rc = eddy__networks_add(&policy->networks, kind, (eddy__text){what, what_size});
        if (rc == 0) policy->counts[kind]++;
        return rc;
    }
    if (policy->count >= policy->buckets && grow(policy) != 0) return -ENOMEM;
    entry *made = eddy__calloc(1, sizeof *made + what_size + value_size + fields_size);
    if (!made) return -ENOMEM;
    made->kind = kind;
    char *at = put(made->bytes, &made->what, what, what_size);
    at = put(at, &made->value, value, value_size);
    put(at, &made->fields, fields, fields_size);
    entry **place = &policy->table[hash(kind, made->what) & (policy->buckets - 1)];
    made->next = *place;
    *place = made;
    policy->count++;
    policy->counts[kind]++;
    return 0;
}

void eddy_policy_any_key(eddy_policy *policy, int on) {
    policy->any_key = on;
}

void eddy_policy_ask(eddy_policy *policy, eddy_asker *asker) {
    eddy__asker_retain(asker);
    if (policy->asker) eddy_asker_free(policy->asker);
    policy->asker = asker;
}

int eddy_policy_folder(eddy_policy *policy, const char *path, int named) {
    eddy__folder *folder;
    int rc = eddy__folder_open(&folder, path);
    if (rc != 0) return rc;
    eddy__folder_free(policy->folder);
    policy->folder = folder;
    policy->is_named = named;
    return 0;
}

eddy_asker *eddy__policy_asker(const eddy_policy *policy) {
    return policy->asker;
}

static eddy__verdict allowed(eddy__text user, eddy__text fields) {
    return (eddy__verdict){200, "OK", user, fields};
}

static eddy__verdict refused(const char *reason) {
    return (eddy__verdict){.status = 400, .reason = reason};
}

static int is_listed(const eddy_policy *policy, int kind, eddy__text address) {
    return policy->counts[kind] > 0 && (find(policy, kind, address) ||
                                        eddy__networks_have(&policy->networks, kind, address));
}

/* NULL: it may come on. */
static const char *check_address(const eddy_policy *policy, eddy__text address) {
    if (is_listed(policy, EDDY_DENIED_ADDRESS, address)) return "Address denied";
    if (policy->counts[EDDY_ALLOWED_ADDRESS] == 0) return NULL;
    return is_listed(policy, EDDY_ALLOWED_ADDRESS, address) ? NULL : "Address not allowed";
}

/* Whether a list of users, groups or processes has the peer, of whom libzmq tells over ipc
 * only: "localhost:UID:GID:PID". Without such lists everybody may. */
static int has_number(const eddy_policy *policy, eddy__text address) {
    static const int kinds[] = {EDDY_ALLOWED_USER, EDDY_ALLOWED_GROUP, EDDY_ALLOWED_PROCESS};
    char text[EDDY__ZAP_LONGEST + 1], numbers[3][16];
    uint32_t listed = 0;
    for (int i = 0; i < 3; i++) listed += policy->counts[kinds[i]];
    if (listed == 0) return 1;
    memcpy(text, address.data, address.size);
    text[address.size] = '\0';
    if (sscanf(text, "localhost:%15[0-9]:%15[0-9]:%15[0-9]", numbers[0], numbers[1],
               numbers[2]) != 3)
        return 0;
    for (int i = 0; i < 3; i++)
        if (find(policy, kinds[i], eddy__text_of(numbers[i]))) return 1;
    return 0;
}

/* As long as the given text, whatever the right one is. */
static int is_same_secret(eddy__text given, eddy__text right) {
    static const char none[1] = "";
    const char *data = right.size > 0 ? right.data : none;
    size_t size = right.size > 0 ? right.size : 1;
    volatile size_t different = given.size ^ right.size;
    for (size_t i = 0; i < given.size; i++)
        different |= (size_t)(unsigned char)(given.data[i] ^ data[i % size]);
    return different == 0;
}

static eddy__verdict check_password(const eddy_policy *policy, eddy__text user,
                                    eddy__text given) {
    eddy__text nothing = {"", 0};
    if (policy->counts[EDDY_ALLOWED_PASSWORD] == 0) return refused("No passwords defined");
    const entry *found = find(policy, EDDY_ALLOWED_PASSWORD, user);
    int is_same = is_same_secret(given, found ? found->value : nothing);
    if (!found) return refused("Invalid username");
    return is_same ? allowed(user, found->fields) : refused("Invalid password");
}

int eddy__policy_denies(const eddy_policy *policy, const char *key) {
    return policy->counts[EDDY_DENIED_KEY] > 0 &&
           find(policy, EDDY_DENIED_KEY, eddy__text_of(key));
}

static eddy__verdict check_key(const eddy_policy *policy, eddy__zap_request *request) {
    eddy__text key = eddy__text_of(request->key), nothing = {"", 0};
    if (eddy__policy_denies(policy, request->key)) return refused(EDDY__REVOKED);
    const entry *found = find(policy, EDDY_ALLOWED_KEY, key);
    if (found) return allowed(found->value.size > 0 ? found->value : key, found->fields);
    if (policy->folder && eddy__folder_find(policy->folder, request->key, request->name))
        return allowed(policy->is_named ? eddy__text_of(request->name) : key, nothing);
    if (policy->any_key) return allowed(key, nothing);
    eddy__verdict asked = {0};
    return policy->asker ? asked : refused("Unknown key");
}

eddy__verdict eddy__policy_decide(const eddy_policy *policy, eddy__zap_request *request) {
    const char *problem = check_address(policy, request->address);
    if (problem) return refused(problem);
    if (!has_number(policy, request->address)) return refused("User not allowed");
    switch (request->mechanism) {
    case EDDY__PLAIN: return check_password(policy, request->user, request->password);
    case EDDY__CURVE: return check_key(policy, request);
    case EDDY__GSSAPI: return allowed(request->user, (eddy__text){"", 0});
    default: return allowed(eddy__text_of("anonymous"), (eddy__text){"", 0});
    }
}
