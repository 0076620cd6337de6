/* The counters page: a file that a process keeps its counters in while it runs, so that others
 * can read them without asking it, also when it hangs, is stopped or has died. A second header
 * of eddy's for everybody, read by FFI as eddy.h is.
 *
 * The file is `eddy_page`, then records one behind the other up to `size`, each of which begins
 * with its kind and size; kinds that a reader does not know it skips. Numbers are written while
 * they are read: each is whole, but not all of the same moment. Times of a clock are
 * eddy_time's ms, which are the machine's. A reader trusts nothing: not the texts' ends, not
 * the sizes. */
#ifndef EDDY_COUNTERS_PAGE_H
#define EDDY_COUNTERS_PAGE_H

#include "eddy.h"

enum {
    EDDY_PAGE_VERSION = 1, /* raised when a reader of the last one would misread */

    EDDY_PAGE_FREE = 0, /* kinds of records: room for another of the same size, */
    EDDY_PAGE_LOOP,     /* eddy_page_loop, */
    EDDY_PAGE_STREAM,   /* eddy_page_stream, */
    EDDY_PAGE_METRIC,   /* eddy_page_metric, */
    EDDY_PAGE_IDLE,     /* eddy_page_idle */

    EDDY_PAGE_STILL = 0, /* what a loop does: nothing, nobody runs it; */
    EDDY_PAGE_HANDLES,   /* it handles what a turn brought; */
    EDDY_PAGE_WAITS,     /* it waits for the next turn to bring something */

    EDDY_PAGE_NAMED = -1,   /* what runs has its name in `what`; */
    EDDY_PAGE_UNNAMED = -2, /* it is another one, since it has not: a callback, task or timer */

    EDDY_PAGE_JETSTREAM = 100, /* types of streams that are no sockets: of JetStream's, */
    EDDY_PAGE_LINK,            /* and a link to NATS, with its plain subjects */

    EDDY_PAGE_BUCKETS = 32,
    EDDY_PAGE_BOUNDS = 20, /* of a metric's histogram, at most */
    EDDY_PAGE_NAME = 96,
    EDDY_PAGE_WHAT = 160,
    EDDY_PAGE_LABELS = 256,
    EDDY_PAGE_COMMAND = 512,
};

/* How long something took, in ms. Bucket i counts times below 2^(i - 4) us that no bucket
 * before it has; the last one counts all others. */
typedef struct eddy_page_times {
    double count, total, longest;
    double buckets[EDDY_PAGE_BUCKETS];
} eddy_page_times;

typedef struct eddy_page {
    char magic[8];    /* "eddypage" */
    uint32_t version; /* EDDY_PAGE_VERSION */
    uint32_t head;    /* bytes of this struct: where the records begin */
    double size;      /* bytes of the file that are in use */
    int32_t pid;
    int32_t worker; /* -1: none of several */
    double started; /* field 22 of /proc/PID/stat: tells it from a later process of that pid */
    double began;   /* when: seconds since 1970, */
    double began_clock; /* and by the clock */
    double ended;       /* when: seconds since 1970; 0: it has not ended by itself */
    int32_t exit_code;
    int32_t generation; /* how often its script was loaded */
    double left_out;    /* streams, loops and metrics for which there was no room */
    double allowed, refused, later, malformed; /* handshakes, as eddy_zap_stats */
    char eddy[16];                             /* its version */
    char command[EDDY_PAGE_COMMAND];           /* script and arguments */
} eddy_page;

typedef struct eddy_page_record {
    uint32_t kind;
    uint32_t size;
    double number; /* no other record of the page ever had */
} eddy_page_record;

typedef struct eddy_page_loop {
    eddy_page_record record;
    int32_t state;    /* EDDY_PAGE_STILL ... */
    int32_t may_name; /* for the writer: it is some ms since `what` was written, */
    int32_t may_look; /* and `lua_bytes` */
    int32_t reserved;
    double running;    /* the stream's id whose handler runs; EDDY_PAGE_NAMED or UNNAMED; 0 */
    double turn_began; /* by the clock; 0 while nothing of one is handled */
    double since;  /* by the clock: when the turn, or the last stream in it, began or ended */
    double thread; /* the system's id */
    double turns, events;
    double missed_wakeups; /* always 0, or the core is wrong */
    double timers;
    double waiting;      /* coroutines of tasks and handlers that wait */
    double callbacks;    /* that are queued */
    double errors;       /* in callbacks */
    double lua_bytes;    /* what the collector of its Lua state counts, */
    double looked;       /* by the clock: when that was */
    eddy_page_times lag; /* how long turns' handlers kept it from looking for more */
    char what[EDDY_PAGE_WHAT];
} eddy_page_loop;

typedef struct eddy_page_stream {
    eddy_page_record record;
    double loop;       /* the number of its loop's record */
    double id;         /* there */
    double opened;     /* by the clock */
    int32_t type;      /* ZMQ_PULL ... */
    int32_t receiving; /* 0: it is paused */
    eddy_stream_stats stats;
    double dropped_oldest,
        dropped_newest;       /* of `dropped`: what a full queue did by its policy */
    double no_room;           /* sends that were refused, as the queue was full */
    double unanswered;        /* requests that were not answered in time */
    eddy_page_times handling; /* of each message, until its handler ended or waited */
    char name[EDDY_PAGE_NAME], endpoint[EDDY_PAGE_NAME];
} eddy_page_stream;

/* A stream that has counted nothing: with its first message an eddy_page_stream of the same
 * number takes its place. For a moment there may be both. */
typedef struct eddy_page_idle {
    eddy_page_record record;
    double loop, id, opened; /* as there */
    int32_t type, receiving;
    char texts[16]; /* its name, then its endpoint, each with its zero byte, up to the end of
                       the record, which is as long as they need */
} eddy_page_idle;

/* One number of the script's own, with its labels as Prometheus writes them: a="b",c="d". */
typedef struct eddy_page_metric {
    eddy_page_record record;
    int32_t type;                    /* 1 counter, 2 gauge, 3 histogram */
    int32_t bound_count;             /* of a histogram */
    double value;                    /* of a histogram: the sum of all values */
    double bounds[EDDY_PAGE_BOUNDS]; /* ascending. Bucket i counts values up to bound i */
    double
        buckets[EDDY_PAGE_BOUNDS + 1]; /* that no bucket before it has; the last, all others */
    char name[EDDY_PAGE_NAME], help[EDDY_PAGE_WHAT], labels[EDDY_PAGE_LABELS];
} eddy_page_metric;

/* Gives the process its page, of which the loops and streams that are made from now on are
 * part: 0, -EEXIST when it has one, -ENOENT when there is no folder for it, or -errno. Pages of
 * processes that have died are removed after a day, or when there are more than 16. */
int eddy_page_open(const char *command, int worker);

/* The process's page, which stays where it is; NULL when it has none. */
eddy_page *eddy_page_get(void);

/* The process is about to end: what it gives back of the page stays there as it is. */
void eddy_page_keep(void);

/* The process ends with this exit code. With 0 the page is removed, else it stays for a day. */
void eddy_page_end(int code);

/* Adds a record of that size (a multiple of 8) to the page: all zero behind its head, and not
 * there for readers before `show` gives it its kind. NULL when there is no page or no room.
 * From any thread. A record that is given back is reused for one of the same size. */
eddy_page_record *eddy_page_add(uint32_t size);
void eddy_page_show(eddy_page_record *record, uint32_t kind);
void eddy_page_remove(eddy_page_record *record);

/* Notes one time of so many ms. */
void eddy_page_note(eddy_page_times *times, double ms);

/* Counts a value in a histogram. */
void eddy_page_observe(eddy_page_metric *metric, double value);

/* Where this user's processes have their pages, and what else others are to find: an absolute
 * path of a folder that only this user can read. Returns its size, or -ENOENT. */
int eddy_page_folder(char *path, uint32_t room);

/* Lets nobody but the owner use what is at a path: a socket. 0 or -errno. */
int eddy_path_private(const char *path);

/* All folders where there may be pages that this user can read, each with its zero byte, as
 * many as there is room for. Returns how many bytes all of them take. */
int eddy_page_folders(char *paths, uint32_t room);

/* Reads a file of such a folder, whose name is the id of a process, with ".dead" when it has
 * ended, of which at most `room` bytes, if it is a plain file of the folder's owner. Returns
 * the bytes that were read, or -errno. */
int eddy_page_read(const char *folder, const char *name, char *bytes, uint32_t room);

/* How many descriptors a process has; -errno where that is not to be known. */
int eddy_page_descriptors(int pid);

/* What a loop writes about itself, on the page or, without one, beside it: good as long as the
 * loop. */
eddy_page_loop *eddy_loop_page(eddy_loop *loop);

/* What people know a stream by, and where it is bound or connected. NULL: as before. */
int eddy_stream_label(eddy_loop *loop, uint32_t stream, const char *name, const char *endpoint);

/* Measures handlers: a stream's begin with what its inbox has, one of them has ended, all have
 * that were called. Each returns eddy_time. What waits or fails without an `end` has ended when
 * the next turn begins. */
double eddy_stream_begin(eddy_loop *loop, uint32_t stream);
void eddy_stream_lap(eddy_loop *loop);
double eddy_stream_end(eddy_loop *loop);

#endif
