#include "security/visits.h"
#include "base/sys.h"

#include <stdint.h>
#include <string.h>

/* FNV-1a. */
static eddy__visit **bucket_of(eddy__visits *visits, eddy__text key) {
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < key.size; i++) sum = (sum ^ (unsigned char)key.data[i]) * 16777619u;
    return &visits->buckets[sum % EDDY__VISITS_BUCKETS];
}

static char *put(char *at, eddy__text *to, eddy__text from) {
    if (from.size > 0) memcpy(at, from.data, from.size);
    *to = (eddy__text){at, from.size};
    return at + from.size;
}

void eddy__visits_add(eddy__visits *visits, eddy__text domain, eddy__text key,
                      eddy__text address) {
    eddy__visit **place = bucket_of(visits, key);
    for (eddy__visit *each = *place; each; each = each->next)
        if (eddy__text_is(each->key, key) && eddy__text_is(each->address, address) &&
            eddy__text_is(each->domain, domain))
            return;
    size_t size = sizeof(eddy__visit) + domain.size + key.size + address.size;
    eddy__visit *made = visits->count < EDDY__VISITS_MOST ? eddy__calloc(1, size) : NULL;
    if (!made) {
        visits->is_partial = 1;
        return;
    }
    char *at = put(made->bytes, &made->domain, domain);
    at = put(at, &made->key, key);
    put(at, &made->address, address);
    made->next = *place;
    *place = made;
    visits->count++;
}

eddy__visit *eddy__visits_take(eddy__visits *visits, const char *domain, eddy__text key) {
    eddy__visit *list = NULL, **place = bucket_of(visits, key), *each;
    while ((each = *place)) {
        int is_one = eddy__text_is(each->key, key) &&
                     (!domain || eddy__text_is(each->domain, eddy__text_of(domain)));
        if (!is_one) {
            place = &each->next;
            continue;
        }
        *place = each->next;
        each->next = list;
        list = each;
        visits->count--;
    }
    return list;
}

void eddy__visits_free(eddy__visit *list) {
    for (eddy__visit *next; list; list = next) {
        next = list->next;
        eddy__free(list);
    }
}

void eddy__visits_clear(eddy__visits *visits) {
    for (int i = 0; i < EDDY__VISITS_BUCKETS; i++) {
        eddy__visits_free(visits->buckets[i]);
        visits->buckets[i] = NULL;
    }
    visits->count = 0;
}
