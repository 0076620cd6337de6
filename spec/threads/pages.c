/* Many threads make loops and streams, which take places on the counters page and leave them,
 * while another one reads it as a stranger does: each place has one owner at a time. */
#include "proof.h"

#include "counters/handshakes.h"
#include "counters/page.h"

#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, STREAMS = 5 };

static int rounds;

static void *live(void *argument) {
    (void)argument;
    for (int i = 0; i < rounds; i++) {
        eddy_loop *loop;
        eddy_context *context;
        CHECK(eddy_loop_new(&loop) == 0 && eddy_context_new(-1, &context) == 0);
        eddy_page_loop *page = eddy_loop_page(loop);
        CHECK(page->record.kind == EDDY_PAGE_LOOP && page->turns == 0);
        for (int k = 0; k < STREAMS; k++) {
            int socket = eddy_socket_open(context, ZMQ_PAIR);
            int stream = eddy_stream_open(loop, context, (uint32_t)socket);
            CHECK(stream > 0);
            CHECK(eddy_stream_label(loop, (uint32_t)stream, "a stream", "") == 0);
        }
        CHECK(eddy_loop_turn(loop, 0) == 0 && page->turns == 1);
        eddy_page_record *record = eddy_page_add(64);
        CHECK(record && record->size == 64);
        memset(record + 1, 0xff, 64 - sizeof *record);
        eddy_page_remove(record);
        eddy__page_handshake(&(eddy_zap_stats){.refused = 1});
        eddy_loop_free(loop);
        eddy_context_free(context);
    }
    return NULL;
}

int main(int argc, char **argv) {
    rounds = proof_size(argc, argv, 4000) / THREADS;
    char folder[] = "/tmp/eddy-pages-XXXXXX", command[64];
    CHECK(mkdtemp(folder) && setenv("XDG_RUNTIME_DIR", folder, 1) == 0);
    CHECK(eddy_page_open("threads", -1) == 0);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, live, NULL) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    eddy_page *page = eddy_page_get();
    CHECK(page->refused == rounds * THREADS && page->left_out == 0);
    /* All were given back, and there never were more than at once. */
    uint32_t count = 0;
    for (double at = page->head; at < page->size; count++) {
        eddy_page_record *record = (eddy_page_record *)((char *)page + (size_t)at);
        CHECK(record->kind == EDDY_PAGE_FREE && record->size > 0);
        at += record->size;
    }
    CHECK(count >= STREAMS + 2 && count <= THREADS * (STREAMS + 2));
    eddy_page_end(0);
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
    return 0;
}
