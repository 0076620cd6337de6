/* JetStream with libnats alone, as its examples have it: publishes without waiting for each
 * answer, or pulls in batches and acknowledges each message. Prints the CPU time of the whole
 * process. usage: nats publish|consume URL COUNT */
#include <nats/nats.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE = 100, BATCH = 64, WINDOW = 256 };

static double now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void must(natsStatus status, const char *what) {
    if (status == NATS_OK) return;
    fprintf(stderr, "%s: %s\n", what, natsStatus_GetText(status));
    exit(1);
}

static void publish(jsCtx *jetstream, long count) {
    char data[SIZE];
    memset(data, 'x', sizeof data);
    jsPubOptions options;
    jsPubOptions_Init(&options);
    char id[64];
    double run = now(CLOCK_MONOTONIC);
    for (long i = 1; i <= count; i++) {
        snprintf(data, sizeof data, "%ld", i);
        snprintf(id, sizeof id, "_INBOX.0123456789.%.0f.%ld", run, i);
        options.MsgId = id; /* so that what is sent again is stored once */
        must(js_PublishAsync(jetstream, "BENCH.a", data, sizeof data, &options), "publish");
    }
    must(js_PublishAsyncComplete(jetstream, NULL), "complete");
}

static void consume(jsCtx *jetstream, long count) {
    natsSubscription *subscription = NULL;
    uint64_t sum = 0;
    must(js_PullSubscribe(&subscription, jetstream, "BENCH.a", "c", NULL, NULL, NULL),
         "subscribe");
    for (long had = 0; had < count;) {
        natsMsgList list;
        must(natsSubscription_Fetch(&list, subscription, BATCH, 5000, NULL), "fetch");
        for (int i = 0; i < list.Count; i++) {
            const char *data = natsMsg_GetData(list.Msgs[i]);
            for (int at = 0; at < natsMsg_GetDataLength(list.Msgs[i]); at++) sum += data[at];
            must(natsMsg_Ack(list.Msgs[i], NULL), "ack");
        }
        had += list.Count;
        natsMsgList_Destroy(&list);
    }
    if (sum == 0) abort();
    natsSubscription_Destroy(subscription);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    long count = atol(argv[3]);
    natsConnection *connection = NULL;
    jsCtx *jetstream = NULL;
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = WINDOW;
    must(natsConnection_ConnectTo(&connection, argv[2]), "connect");
    must(natsConnection_JetStream(&jetstream, connection, &options), "JetStream");
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
    if (strcmp(argv[1], "publish") == 0)
        publish(jetstream, count);
    else
        consume(jetstream, count);
    must(natsConnection_Flush(connection), "flush");
    printf("cpu_ns=%.0f wall_ns=%.0f\n", (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)count,
           (now(CLOCK_MONOTONIC) - wall) / (double)count);
    jsCtx_Destroy(jetstream);
    natsConnection_Destroy(connection);
    return 0;
}
