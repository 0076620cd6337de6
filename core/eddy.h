/* eddy: an event loop host for ZeroMQ. This is everything that a script's side can see of
 * the core, read by C compilers and, through eddy_declarations(), by LuaJIT's FFI: so it has
 * declarations, enums and plain structs only.
 *
 * Results are zero or positive (an id, a count), or -errno. Ids are positive numbers of
 * things that belong to a loop or a context; a stale one is answered with -EBADF. Times are
 * milliseconds. A loop and what is in it belong to the thread that made it (eddy_loop_adopt
 * moves them), a socket to the one that opened it; eddy_loop_wake, eddy_loop_interrupt and
 * eddy_device_stop alone may be called from any. A context may be used by many threads, each
 * with sockets of its own. Builds that check this (Debug, Sanitize, Thread) answer -EPERM to
 * the wrong thread, and free or close nothing for it; others do not look. After a fork the
 * child cannot use the parent's loops and contexts, which answer -ESTALE, but may make its
 * own. */
#ifndef EDDY_H
#define EDDY_H

#include <stdint.h>

enum {
    EDDY_READ = 1, /* as ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_POLLERR */
    EDDY_WRITE = 2,
    EDDY_ERROR = 4,

    EDDY_OWN_LINGER = -2,  /* close by the socket's own linger option */
    EDDY_TOO_LARGE = -1,   /* a part's size when no Lua string could hold it */
    EDDY_FRAME = -2,       /* the size of a part to send whose data is an eddy_frame, */
    EDDY_VIEW = -3,        /* or an eddy_view */
    EDDY_SMALL_FRAME = 33, /* bytes that lie inside a zmq_msg_t */
    EDDY_GROUP_FRAMES = 256,
    EDDY_SLOT_BITS = 21,        /* the part of an id that tells its slot */
    EDDY_BUDGET = 64,           /* messages a stream receives in a turn, unless set */
    EDDY_BATCH_BYTES = 1 << 20, /* bytes after which a stream receives no more in a turn: those
                                   of the parts, and a zmq_msg_t for each */
    EDDY_WAKEUPS = 1 << 20,     /* that wait for their loop, of all its wakers */
    EDDY_PEER_BYTES = 255,      /* of the longest routing id */
    EDDY_SEND_LIMIT = 64 << 20, /* bytes that wait in a stream's send queue, unless set */

    EDDY_REPORT = 1,  /* tell what becomes of a message, and count it as alive until then; */
    EDDY_REPORT_IDLY, /* tell it, though nobody waits for it yet */
    EDDY_NUMBERS = 1 << 28, /* of reported messages, as a send returns them */

    EDDY_RECEIVE = 1,  /* receive, and count that as alive; */
    EDDY_RECEIVE_IDLY, /* receive, though nobody waits for what comes */
    EDDY_RECEIVE_REST, /* hand over what was received, and take no more */

    EDDY_SIGNED = 16, /* what is read of bytes: so many of them, plus these */
    EDDY_FLOAT = 32,
    EDDY_BIG_ENDIAN = 64,

    EDDY_DROP_NONE = 0, /* what a full send queue does: refuse the message, */
    EDDY_DROP_NEWEST,   /* drop it, */
    EDDY_DROP_OLDEST,   /* or drop the oldest one to make room */
};

/* What an event tells. `id` is the thing's it is about. */
enum eddy_event_kind {
    EDDY_RECEIVED = 1,   /* stream: whole messages wait in `inbox` */
    EDDY_RECEIVE_FAILED, /* stream: `value` is the errno */
    EDDY_SENT,           /* stream: libzmq accepted `value` of the reported messages, from
                            `number` on */
    EDDY_SEND_FAILED,    /* stream: a message failed with errno `value`: if it is `reported`,
                            the one with `number` */
    EDDY_FULL,           /* stream: the send queue has reached a limit: another message like the
                            last one would be refused or dropped; once until EDDY_DRAINED */
    EDDY_DRAINED,     /* stream: a queue that was full is down to half its limits; one that may
                         hold nothing: the socket can take more */
    EDDY_OVERDUE,     /* stream: the time of eddy_stream_remind is over */
    EDDY_CLOSED,      /* stream or watch: its socket is gone; `value` is the errno */
    EDDY_READY,       /* watch or pipe: `value` is of EDDY_READ, EDDY_WRITE, EDDY_ERROR */
    EDDY_SIGNAL,      /* `value` is the signal's number; no id */
    EDDY_WOKEN,       /* `number` came with eddy_loop_wake */
    EDDY_INTERRUPTED, /* `value` came with eddy_loop_interrupt; no id */
    EDDY_TIMER,       /* the timer is due */
    EDDY_GAP,         /* the loop lost `number` ms; no id */
    EDDY_EXITED, /* child: it ended with code `value`, or by the signal `number` (0: none); -1
                    and 0: nobody knows how. It is gone with its event */
};

typedef struct eddy_loop eddy_loop;
typedef struct eddy_context eddy_context;

/* Counts the uses that libzmq, or anybody else, still makes of bytes. */
typedef struct eddy_tracker eddy_tracker;

/* Messages of small frames, which are closed together. */
typedef struct eddy_frame_group eddy_frame_group;

/* A part that is kept without copying its bytes. All zero while closed. */
typedef struct eddy_frame {
    uint64_t _message[8]; /* a zmq_msg_t */
    char *_data;          /* good until the frame is closed */
    double _size;         /* bytes */
    int32_t _more;        /* the message it was received in has another part */
    int32_t _open;
    eddy_tracker *_tracker;   /* NULL: untracked */
    eddy_frame_group *_group; /* what has the message; NULL: the frame itself */
    uint32_t _place;          /* there */
} eddy_frame;

typedef struct eddy_part {
    const char *data;
    int32_t size; /* or EDDY_TOO_LARGE, EDDY_FRAME, EDDY_VIEW */
    int32_t more; /* in an inbox: how many parts of the message follow */
} eddy_part;

/* A part that a plain receive brought, in memory of the caller's, zeroed before its first use.
 */
typedef struct eddy_received {
    uint64_t _message[8]; /* a zmq_msg_t */
    const char *data;
    int32_t size; /* or EDDY_TOO_LARGE */
    int32_t more;
    int32_t held; /* whether there is anything to close */
    int32_t _open;
} eddy_received;

/* The loan of a message that views show: memory of the caller's, zeroed at first, that stays as
 * long as there are views. */
typedef struct eddy_loan {
    double _number;  /* raised when it begins and when it ends, so that older views are stale */
    void *_messages; /* zmq_msg_t of the parts: the lender's, or the loan's own */
    const eddy_part *_parts;    /* where their bytes are; NULL: the messages tell */
    struct eddy_loan **_lender; /* what refers to the loan there; NULL: they are its own */
    uint32_t _count;
} eddy_loan;

/* A part of a message that is lent. */
typedef struct eddy_view {
    eddy_loan *_loan;
    double _number;
    uint32_t _place;
} eddy_view;

/* Received parts from `head` up to `tail`, whole messages only. The reader moves `head`; a
 * part's bytes are good until the loop's next turn, or a pull. While the reader is about to
 * take a message it says that it is `busy`: then a pull, by what runs in the middle, moves
 * nothing. */
typedef struct eddy_inbox {
    uint32_t head, tail;
    eddy_part *parts;
    int32_t busy;
    int32_t is_timed; /* the end of each message's handler is to be told: eddy_stream_lap */
    eddy_loan *loan;  /* of the message that was lent last; NULL when that is over */
} eddy_inbox;

typedef struct eddy_event {
    int32_t kind; /* enum eddy_event_kind */
    uint32_t id;
    int32_t value;
    int32_t reported;
    double number;
    eddy_inbox *inbox;
} eddy_event;

typedef struct eddy_stream_stats {
    double messages_in, bytes_in;
    double messages_out, bytes_out;
    double smallest_out;                 /* bytes of the smallest of messages_out */
    double queued, queued_bytes;         /* waiting in the send queue now */
    double high_water, high_water_bytes; /* the most that ever waited there */
    double dropped;                      /* by a full queue */
    double errors;                       /* sends and receives that failed */
} eddy_stream_stats;

typedef struct eddy_loop_stats {
    double turns;
    double events;
    double missed_wakeups; /* always 0, or the core is wrong */
    double streams, timers, handlers;
} eddy_loop_stats;

typedef struct eddy_constant {
    const char *name; /* as in zmq.h, without ZMQ_ */
    int32_t value;
} eddy_constant;

/* This header's text. */
const char *eddy_declarations(void);

/* eddy's version, "1.2.3", and that of the libzmq it runs with. Static strings. */
const char *eddy_version(void);
const char *eddy_zmq_version(void);

/* The integer constants of the zmq.h that eddy was built with: how many, and the array. */
int eddy_constants(const eddy_constant **array);

/* The name ("EADDRINUSE") and the text of an errno, libzmq's own ones included. Static
 * strings; the name is NULL for a number that has none. */
const char *eddy_error_name(int error);
const char *eddy_error_text(int error);

/* The monotonic clock. */
double eddy_time(void);

/* How many forks lie between this process and the one that loaded the core. */
int eddy_forks(void);

/* Whether libzmq was built with a capability ("ipc", "curve"): 1 or 0. */
int eddy_has(const char *capability);

/* A signal's number by its name, with or without SIG; 0 for an unknown one. */
int eddy_signal_number(const char *name);

enum {
    EDDY_KEY_GROUP = 1,    /* its group can read or write it */
    EDDY_KEY_OTHERS = 2,   /* everybody can */
    EDDY_KEY_STRANGER = 4, /* it belongs to neither the process's user nor root */
};

/* Reads a file of keys, of at most `room` bytes. Returns its size; -EFBIG when it is larger,
 * -EISDIR or -EINVAL when it is no plain file. `exposed` gets who else has it: EDDY_KEY_
 * flags. */
int eddy_key_file_read(const char *path, char *text, uint32_t room, uint32_t *exposed);

/* Writes a new file, of keys or not, to the disk, with this mode whatever the umask. -EEXIST
 * when there is one of the name; of one that could not be written nothing is left. */
int eddy_key_file_create(const char *path, const char *text, uint32_t size, uint32_t mode);

/* The names of a folder's plain files, each with its zero byte, as many as there is room for.
 * Returns how many bytes all of them take. */
int eddy_key_folder(const char *path, char *names, uint32_t room);

/* CURVE keys as 40 characters and a zero byte: a new pair, and the public key of a secret one.
 * -ENOTSUP when libzmq has no CURVE, -EINVAL for an invalid key. */
int eddy_curve_keypair(char *public_key, char *secret_key);
int eddy_curve_public(char *public_key, const char *secret_key);

/* Z85, the text form of keys: 5 characters for 4 bytes, and a zero byte. -EINVAL for a size
 * that is no multiple of 4, and for what is no such text. */
int eddy_z85_encode(char *text, const uint8_t *data, uint32_t size);
int eddy_z85_decode(uint8_t *data, const char *text);

enum {
    EDDY_REACHES_NOBODY,   /* but this process and, on this machine, who may have it anyway */
    EDDY_REACHES_USERS,    /* other users of this machine */
    EDDY_REACHES_MACHINES, /* other machines */
};

/* Whom a bind at an endpoint lets in: an EDDY_REACHES. A host's name is looked up, with IPv6's
 * addresses among them if `ipv6`. */
int eddy_endpoint_reach(const char *endpoint, int ipv6);

/* Keeps a descriptor that the process was started with, for binds at its address: they use it,
 * and it stays open. To be called before any bind. -EINVAL for what does not listen; that is
 * left alone. At most 64 are kept. */
int eddy_passed_add(int fd);

/* The endpoint of one that is kept, from 0. 1 when it was bound to, 0 when not yet, -ENOENT
 * when there is none of that index. */
int eddy_passed_get(int index, char *endpoint, uint32_t size);

/* Whether journald reads a descriptor: then lines may begin with "<3>", their priority. 1 or 0.
 */
int eddy_is_journal(int fd);

/* Whether a file is still the one at a path: 1, 0, or -errno. */
int eddy_file_is_at(int fd, const char *path);

/* The number of the user that the process runs as. */
uint32_t eddy_user(void);

/* Who may come in. libzmq asks about each peer in its handshake, by the ZAP domain of the
 * socket; a thread of the context's answers by the domain's policy. */

enum eddy_allowed {
    EDDY_ALLOWED_KEY,      /* Z85; its value is the user's name, or empty: the key */
    EDDY_ALLOWED_PASSWORD, /* a user's, which is the value */
    EDDY_ALLOWED_ADDRESS,  /* an address, or a network: "10.0.0.0/8". With any, only these */
    EDDY_DENIED_ADDRESS,
    EDDY_DENIED_KEY,   /* whatever else lets it in */
    EDDY_ALLOWED_USER, /* over ipc, by number. With any of these three, only such peers, */
    EDDY_ALLOWED_GROUP,
    EDDY_ALLOWED_PROCESS,
    EDDY_ALLOWED_KINDS,
};

typedef struct eddy_policy eddy_policy;
typedef struct eddy_asker eddy_asker;

/* A policy that lets in: of NULL everybody, of PLAIN and CURVE nobody. */
int eddy_policy_new(eddy_policy **policy);

/* Gives the pointer back; domains that have the policy keep it. */
void eddy_policy_free(eddy_policy *policy);

/* Adds to a policy that no domain has yet. `fields` are what messages of the peer's will tell,
 * as ZMTP's metadata. -EINVAL for a kind, a text above 255 bytes, a key or network that is
 * none. */
int eddy_policy_allow(eddy_policy *policy, int kind, const char *what, uint32_t what_size,
                      const char *value, uint32_t value_size, const char *fields,
                      uint32_t fields_size);

/* Lets every key in: that it has one is proved all the same. */
void eddy_policy_any_key(eddy_policy *policy, int on);

/* Lets the keys in that a folder has, as files of PyZMQ's or CZMQ's, at the time of each
 * handshake. A file that cannot be read leaves what was known of it. Users are known by the
 * names of their files if `named`, else by their keys. 0 or -errno. */
int eddy_policy_folder(eddy_policy *policy, const char *path, int named);

/* Asks about keys that the policy does not have. */
void eddy_policy_ask(eddy_policy *policy, eddy_asker *asker);

/* Gives a ZAP domain a policy from the next handshake on; NULL takes it away. "*" is for
 * domains that have none. -EADDRINUSE when a socket at inproc://zeromq.zap.01 answers. */
int eddy_zap_set(eddy_context *context, const char *domain, eddy_policy *policy);

/* Whether somebody answers for a ZAP domain ("": none) of the context: a policy, or a socket of
 * a script's. */
int eddy_zap_answers(eddy_context *context, const char *domain);

/* Ends the connections of a key that came in in a domain, or (NULL) in any: all that peers have
 * made, from addresses that it came from, to sockets of this process; everybody's when those
 * were more than are remembered (4,096). Those that may come in again do so by themselves. How
 * many, or -errno. */
int eddy_zap_cut(eddy_context *context, const char *domain, const char *key);

/* The socket asks, in a domain of its own, and lets nobody in whom the policy does not. Again,
 * it has another policy. The domain ends with the socket. */
int eddy_socket_admit(eddy_context *context, uint32_t socket, eddy_policy *policy);

/* Handshakes until now, by their answers. The call says whether there is a handler: 1 or 0. */
typedef struct eddy_zap_stats {
    double allowed, refused, later, malformed;
    double cut; /* connections of keys that were revoked */
} eddy_zap_stats;

int eddy_zap_stats_get(eddy_context *context, eddy_zap_stats *stats);

/* What is asked of who has the asker: whether a key may come in. */
typedef struct eddy_asked {
    double number;
    char domain[256], address[256], key[41];
} eddy_asked;

int eddy_asker_new(eddy_asker **asker);
void eddy_asker_free(eddy_asker *asker);

/* A descriptor that can be read while something is asked. */
int eddy_asker_fd(eddy_asker *asker);

/* The next that is asked: 1; 0: nothing. */
int eddy_asker_next(eddy_asker *asker, eddy_asked *asked);

/* Answers with a ZAP status: 200, 300, 400 or 500. `fields` as eddy_policy_allow's. -ETIMEDOUT
 * when two seconds are over: then 300 was the answer. */
int eddy_asker_answer(eddy_asker *asker, double number, int status, const char *user,
                      uint32_t user_size, const char *fields, uint32_t fields_size);

/* What threads of the core's have to say in the log: a descriptor that can be read when there
 * is something, or -errno; the next line, 1, or 0. */
int eddy_notices_fd(void);
int eddy_notices_next(char *text, uint32_t size);

/* Contexts: they own the sockets. */

/* A context on the libzmq context that all of the process share, or, with io_threads >= 0,
 * on one of its own. The pointer is good until eddy_context_free. */
int eddy_context_new(int io_threads, eddy_context **context);

/* Ends the context's use and its devices; sockets left open are closed by their own linger. */
void eddy_context_free(eddy_context *context);

/* Closes the sockets left open; libzmq keeps what it has for at most `linger` ms (negative:
 * as long as each socket's own option says). Returns how many there were. */
int eddy_context_close_sockets(eddy_context *context, double linger);

/* Ends the context's devices and terminates it, waiting for what lingers in it. -EBUSY while
 * sockets are open, -ETERM when it is terminated already. The shared one is terminated with its
 * last user. */
int eddy_context_term(eddy_context *context);

/* How many sockets are open. */
int eddy_context_sockets(eddy_context *context);

/* libzmq's context options (ZMQ_IO_THREADS ...): a value, or 0. */
int eddy_context_get(eddy_context *context, int option);
int eddy_context_set(eddy_context *context, int option, int value);

/* At the end of a process: terminates all libzmq contexts that nobody uses any more, the
 * shared one first of all, until eddy_time() is `deadline`. 0, or -ETIMEDOUT when something
 * would hold them longer; then only _exit is left. */
int eddy_shutdown(double deadline);

/* Frames. A frame is memory of the caller's, zeroed before its first use; closing, also by a
 * finalizer, gives the bytes back when nobody else uses them. */

/* Opens a frame with a copy of these bytes; with `track`, with a tracker of their use. */
int eddy_frame_open(eddy_frame *frame, const char *data, double size, int track);

/* Opens a frame on the same bytes as another one. */
int eddy_frame_copy(eddy_frame *frame, eddy_frame *from);

/* Moves what an open frame has, untracked, into a closed one. */
void eddy_frame_move(eddy_frame *frame, eddy_frame *from);

/* Closes it; again, and for one that never was open, does nothing. */
void eddy_frame_close(eddy_frame *frame);

/* A group has the messages of EDDY_GROUP_FRAMES frames whose bytes lie inside them: such a
 * frame needs no finalizer. The pointer is good until eddy_frame_group_free; NULL: no memory.
 * `join` gives a closed frame that is about to be filled a place, from 1 on; 0: the group is
 * full. `reset`, when none of the frames is left, closes the messages, unless it was done since
 * `resets` was read, or a frame has joined and was not filled yet; 1 when it did. */
eddy_frame_group *eddy_frame_group_new(void);
int eddy_frame_group_join(eddy_frame_group *group, eddy_frame *frame);
double eddy_frame_group_resets(const eddy_frame_group *group);
int eddy_frame_group_reset(eddy_frame_group *group, double resets);
void eddy_frame_group_free(eddy_frame_group *group);

/* What libzmq knows of the message's peer ("User-Id", "Socket-Type", "Peer-Address"); NULL
 * when it does not. Good until the frame is closed. */
const char *eddy_frame_property(eddy_frame *frame, const char *name);

/* The bytes that the calling thread's open frames hold. */
double eddy_frame_weight(void);

/* Takes a part out of an inbox into a frame. */
int eddy_inbox_take(eddy_inbox *inbox, uint32_t position, eddy_frame *frame);

/* As eddy_frame_property, of a part of an inbox that was not taken. Good until the next turn.
 */
const char *eddy_inbox_property(eddy_inbox *inbox, uint32_t position, const char *name);

/* Lends the next message, of so many parts, in place of what `loan` lent before, and moves
 * `head`. Its views' number is the loan's before the call plus 1. When the inbox needs its
 * memory, the parts are kept in the loan's own, or, without any, it ends. -EINVAL: no such
 * parts. */
int eddy_inbox_lend(eddy_inbox *inbox, eddy_loan *loan, uint32_t count);

/* Ends a loan; the one that a view is of, if it has not ended yet. */
void eddy_loan_end(eddy_loan *loan);
void eddy_view_end(eddy_view *view);

/* Opens a frame on the same bytes as a view, -EBADF for a stale one; whether another follows.
 */
int eddy_view_keep(eddy_view *view, eddy_frame *frame);
int eddy_view_more(eddy_view *view);

/* Bytes without a copy: `holder` is a frame or a view, as `holds` says (EDDY_FRAME, EDDY_VIEW).
 * Places count from 1. What is stale or closed has a size of -1, and nothing else.
 *
 * `number` reads a whole or floating number of 1, 2, 4 or 8 bytes: `type` is their number, and
 * any of EDDY_SIGNED, EDDY_FLOAT, EDDY_BIG_ENDIAN; a NaN when it is not all there. `u64` reads
 * 8 bytes; 0 when they are not. `find` returns the first place of `text` from `from` on, 0 when
 * it is not there. */
double eddy_bytes_size(const void *holder, int holds);
const char *eddy_bytes_data(const void *holder, int holds);
double eddy_bytes_number(const void *holder, int holds, double at, int type);
uint64_t eddy_bytes_u64(const void *holder, int holds, double at, int big_endian);
double eddy_bytes_find(const void *holder, int holds, const char *text, double size,
                       double from);
int eddy_bytes_equal(const void *holder, int holds, const char *text, double size);

/* Another reference to a frame's tracker; NULL when it has none. */
eddy_tracker *eddy_tracker_of(eddy_frame *frame);
void eddy_tracker_free(eddy_tracker *tracker);

/* Waits until nobody uses the bytes, up to `timeout` ms (negative: for ever). 1 when so, 0
 * when the time is up. */
int eddy_tracker_wait(eddy_tracker *tracker, double timeout);

/* Sockets. */

/* Opens a socket of that type (ZMQ_REQ ...) and returns its id. */
int eddy_socket_open(eddy_context *context, int type);

/* Closes it, also under a stream, which is told with EDDY_CLOSED. */
int eddy_socket_close(eddy_context *context, uint32_t socket, int linger);

/* Endpoints. `bind` and `unbind` also take a host's name. */
int eddy_socket_bind(eddy_context *context, uint32_t socket, const char *endpoint);
int eddy_socket_unbind(eddy_context *context, uint32_t socket, const char *endpoint);
int eddy_socket_connect(eddy_context *context, uint32_t socket, const char *endpoint);
int eddy_socket_disconnect(eddy_context *context, uint32_t socket, const char *endpoint);

/* Tells of the socket's connections (ZMQ_EVENT_CONNECTED ...) on a PAIR socket that connects
 * to this inproc endpoint; libzmq's threads wait, and the socket's calls with them, when it
 * does not. A reader of the same context may have any number of events waiting. NULL ends it,
 * and so does the end of either socket. */
int eddy_socket_monitor(eddy_context *context, uint32_t socket, const char *endpoint,
                        int events);

/* While a socket is held it cannot send, as if it had no connection: sends that do not wait are
 * -EAGAIN, and those who wait for it hear of the end. What was sent before is libzmq's. */
int eddy_socket_hold(eddy_context *context, uint32_t socket, int on);

/* Whether it has ever sent anything: 1 or 0. */
int eddy_socket_has_sent(eddy_context *context, uint32_t socket);

/* What a message may have that peers send to listeners bound from now on; 0: any. */
typedef struct eddy_message_limits {
    uint32_t parts;
    double bytes;  /* of all its parts */
    int mechanism; /* the listener's, ZMQ_CURVE ...: of peers that offer another one is told */
} eddy_message_limits;

/* A peer that sends more is cut off, before libzmq has the message; not in programs without the
 * command. STREAM sockets have no messages. */
int eddy_socket_limit(eddy_context *context, uint32_t socket, uint32_t parts, double bytes);

/* For the command, which sees to it: the limits of the bind that this thread is in, and that a
 * connection was over them. */
void eddy_limits_of_bind(eddy_message_limits *limits);
void eddy_limits_exceeded(int descriptor);

/* The same: the mechanism that the peer at a connection offers, 20 bytes of its greeting. When
 * it is not the listener's, libzmq ends the connection, and tells nobody but monitors. */
void eddy_limits_mechanism(int descriptor, int mechanism, const char *offered);

/* How many connections were, in this process. */
double eddy_limits_count(void);

/* How a bind has its tcp port. */
enum {
    EDDY_PORT_OWN = 0, /* nobody else has it */
    EDDY_PORT_FIRST,   /* nobody had it, and others may come */
    EDDY_PORT_JOINED,  /* others of this user's have it, but no listener of this process */
};

/* What holds for the socket's binds from now on; in programs without the command, always
 * EDDY_PORT_OWN. -EINVAL for what is none of these. */
int eddy_socket_share(eddy_context *context, uint32_t socket, int how);

/* For the command, which sees to it: that of the bind that this thread is in. */
int eddy_share_of_bind(void);

/* Keeps a tcp port for those that join it, whether anybody listens or not. `endpoint` is as
 * ZMQ_LAST_ENDPOINT tells it. A descriptor, until whose end it is kept; -EINVAL when that has
 * no address; -errno. */
int eddy_port_reserve(const char *endpoint);

/* Options, by libzmq's numbers. `get` takes the room in `value`, at most `size` bytes, and
 * returns how many it filled. */
int eddy_socket_set(eddy_context *context, uint32_t socket, int option, const void *value,
                    uint32_t size);
int eddy_socket_get(eddy_context *context, uint32_t socket, int option, void *value,
                    uint32_t size);

/* Sends one part, or a whole message; waits as SNDTIMEO says unless `flags` has
 * ZMQ_DONTWAIT. -EAGAIN: not now, or not in time. With ZMQ_SNDMORE more parts follow. */
int eddy_socket_send(eddy_context *context, uint32_t socket, const char *data, uint32_t size,
                     int flags);
int eddy_socket_send_parts(eddy_context *context, uint32_t socket, const eddy_part *parts,
                           uint32_t count, int flags);

/* Receives one part, waiting as RCVTIMEO says unless `flags` has ZMQ_DONTWAIT. Its bytes are
 * good until the next receive with the same `received`, or until that is closed. */
int eddy_socket_recv(eddy_context *context, uint32_t socket, int flags,
                     eddy_received *received);

/* As eddy_frame_property, of the last part that a socket with a policy received; NULL, too,
 * without a policy. Good until its next receive. */
const char *eddy_socket_property(eddy_context *context, uint32_t socket, const char *name);

/* Gives the bytes back; again, or before any were received, does nothing. */
void eddy_received_close(eddy_received *received);

/* Whether its messages are to be received one by one, each handled before the next: with
 * XPUB_MANUAL or CONFLATE. */
int eddy_socket_is_single(eddy_context *context, uint32_t socket);

/* As eddy_socket_recv, into a frame. */
int eddy_socket_recv_frame(eddy_context *context, uint32_t socket, int flags,
                           eddy_frame *frame);

/* Which of `events` (EDDY_READ, EDDY_WRITE) can be; waits up to `timeout` ms for one of
 * them, for ever when it is negative. */
int eddy_socket_poll(eddy_context *context, uint32_t socket, int events, double timeout);

/* One of a list to wait for: a socket, or a descriptor when `context` is NULL. */
typedef struct eddy_poll_item {
    eddy_context *context;
    uint32_t socket;
    int32_t fd;
    int32_t events; /* of EDDY_READ and EDDY_WRITE */
    int32_t ready;  /* filled: which of them can be, and EDDY_ERROR for a descriptor */
} eddy_poll_item;

/* Waits until something of the list is ready, up to `timeout` ms (negative: for ever), never
 * less, whatever signals come. Returns how many items are ready; 0 at once for an empty list.
 * -EBADF for a stale socket or a bad descriptor, -ETERM: that item's `ready` is the same. */
int eddy_poll(eddy_poll_item *items, int count, double timeout);

/* Waits: those of the functions above, of eddy_context_term, eddy_tracker_wait,
 * eddy_device_run and eddy_device_wait. In a thread that runs a loop, they hold the loop up:
 * so whoever runs the thread can have them ended, with -EINTR. */

enum {
    EDDY_POKED = -1,      /* why a wait ended: eddy_waits_poke; above 0: a signal */
    EDDY_STOPPING = 1000, /* or, as no signal has this number: eddy_waits_stop */
    EDDY_GO_ON = 1 << 20, /* flag of a send or receive that was poked: its time goes on */
};

/* Whether the calling thread's waits can be ended. They can until it says otherwise, or says
 * so again; what ended them until then is forgotten. */
void eddy_waits_guard(int on);

/* From any thread, and from a signal handler: ends the guarded wait that is under way, and
 * those to come, until a loop has told of this signal, or eddy_waits_guard is called. */
void eddy_waits_interrupt(int signal);

/* From a signal handler that interrupts the thread: its wait ends, once. */
void eddy_waits_poke(void);

/* Why the calling thread's last wait ended with -EINTR: a signal, EDDY_POKED, or 0: it did not,
 * or for another reason. */
int eddy_waits_interrupted(void);

/* What ends the waits of a thread that has its own, instead of signals: made, 0 or -errno;
 * entered by the thread, whose waits can then be ended by it alone, and left with NULL; from
 * any thread told to end the wait that is under way and all to come; freed when left. */
typedef struct eddy_waits eddy_waits;
int eddy_waits_new(eddy_waits **waits);
void eddy_waits_enter(eddy_waits *waits);
void eddy_waits_stop(eddy_waits *waits);
void eddy_waits_free(eddy_waits *waits);

/* Devices: they relay messages between two sockets, in a thread of their own or in the
 * caller's. */

enum {
    EDDY_IN, /* a device's sockets */
    EDDY_OUT,
    EDDY_MON,  /* gets a copy of every message */
    EDDY_CTRL, /* brings commands: PAUSE, RESUME, TERMINATE, STATISTICS */
    EDDY_ENDS,

    EDDY_STOPPED = 1, /* why a device ended: by eddy_device_stop, */
    EDDY_TERMINATED,  /* or by a TERMINATE; -errno: it failed */
};

typedef struct eddy_device eddy_device;

typedef struct eddy_device_plan {
    eddy_context *contexts[EDDY_ENDS]; /* NULL: there is no such socket */
    uint32_t sockets[EDDY_ENDS];       /* in and out may be one socket: it answers itself */
    const char *prefixes[2]; /* what the monitor gets before messages from in, from out */
    int32_t prefix_sizes[2]; /* negative: no prefix */
    int32_t swaps;           /* each message's first two parts change places */
    const struct eddy_front_plan *front; /* NULL: it relays, else it is a front */
} eddy_device_plan;

/* A front hands the requests of clients, which come in at the in socket, to the workers at the
 * out socket that said they are ready; both are ROUTERs, that of the workers a mandatory one.
 */
typedef struct eddy_front_plan {
    uint32_t retries; /* how often a request is given to another worker when its own is gone */
    uint32_t queue;   /* most requests that wait; then clients are read no more */
    double queue_bytes; /* most bytes of them */
    double timeout;     /* ms after which a worker without an answer counts as gone; 0: never */
    double drain;       /* ms for which, at the end, answers are waited for */
    int32_t shard; /* which part of a request, from 0, chooses the worker; negative: none */
} eddy_front_plan;

typedef struct eddy_front_stats {
    double workers, credits; /* how many there are, and requests that they are ready for */
    double queued, in_hand;  /* requests that wait, and that workers have */
    double retried, lost;    /* given to another worker, and answered with an empty part, as no
                                worker answered */
} eddy_front_stats;

typedef struct eddy_device_stats {
    double in_received, in_received_bytes, in_sent, in_sent_bytes;
    double out_received, out_received_bytes, out_sent, out_sent_bytes;
    double dropped; /* messages that a socket refused for what they were */
    int32_t paused;
} eddy_device_stats;

/* Makes a device of plain sockets. They are used from the run or the start on. The pointer is
 * good until eddy_device_free. */
int eddy_device_new(const eddy_device_plan *plan, eddy_device **device);

/* Relays in the calling thread until the device is stopped or fails, and returns what ended
 * it. The sockets are the caller's again. -EBADF for a stale one, -EBUSY for one under a
 * stream or watch, -ENOTSUP for a monitor that cannot send, -EALREADY when it ran before. */
int eddy_device_run(eddy_device *device);

/* Starts a thread that relays. The sockets, all of one context, are the device's from now on,
 * and closed at its end, which comes with their context's at the latest. As eddy_device_run;
 * after a failure the sockets are the caller's still. */
int eddy_device_start(eddy_device *device);

/* Asks it to end, with `why` (EDDY_STOPPED, -errno). From any thread, and from a signal
 * handler. */
void eddy_device_stop(eddy_device *device, int why);

/* Waits until a started device has ended, up to `timeout` ms (negative: for ever). Returns
 * what ended it; 0: it runs. */
int eddy_device_wait(eddy_device *device, double timeout);

/* Which of its sockets failed; EDDY_ENDS: none of them. */
int eddy_device_failed(eddy_device *device);

/* Holds it, or lets it go on. */
void eddy_device_pause(eddy_device *device, int on);

void eddy_device_stats_get(eddy_device *device, eddy_device_stats *stats);

/* -ENOTSUP for a device that is no front. */
int eddy_device_front_stats_get(eddy_device *device, eddy_front_stats *stats);

/* Gives the pointer back. A device that runs goes on. */
void eddy_device_free(eddy_device *device);

/* The loop. */

int eddy_loop_new(eddy_loop **loop);

/* Closes every stream with its socket, and frees the loop. NULL is ignored. */
void eddy_loop_free(eddy_loop *loop);

/* Hands the loop, and the sockets of its streams and watches, to the calling thread. Whoever
 * had them must be through with them, and say so in a way that threads can rely on (a lock, a
 * join). */
int eddy_loop_adopt(eddy_loop *loop);

/* Turns the loop once: waits for something to happen, up to `timeout` ms (negative: for
 * ever), and returns how many events there are to dispatch: received messages, descriptors
 * and signals first, then the timers due. They, and the bytes of the parts they lead to, are
 * good until the next turn. */
int eddy_loop_turn(eddy_loop *loop, double timeout);

/* For a loop that turns inside another one. The descriptor, the same one always, is readable
 * when a turn has something to do; timers are told by the timeout: ms until the next deadline,
 * 0 when there is something to do already, negative: nothing but the descriptor will tell. The
 * other loop asks for it before each wait, then turns this one with a timeout of 0. What its
 * thread does to this loop after it asked (a send, a timer that is due earlier) makes the
 * descriptor readable, so that nothing is slept through. eddy_loop_fd: a descriptor, which is
 * the loop's, or -errno. */
int eddy_loop_fd(eddy_loop *loop);
double eddy_loop_timeout(eddy_loop *loop);

/* The events of the last turn, for the reader to change as it likes. */
eddy_event *eddy_loop_events(eddy_loop *loop);

/* The loop's time: eddy_time(), unless it is virtual. */
double eddy_loop_time(eddy_loop *loop);

/* The wall clock: ms since 1970. Where the loop's time is virtual, its time then, and what
 * passed since on the loop's. `loop` may be NULL. */
double eddy_wall_time(eddy_loop *loop);

/* Makes time stand still at `now`, and pass only when the loop has nothing to do: then it
 * jumps to the next deadline. A turn's timeout stays real time: it bounds the wait of a loop
 * that has no deadline. For tests. `advance` moves the time by hand. */
int eddy_loop_virtual_time(eddy_loop *loop, double now);
int eddy_loop_advance(eddy_loop *loop, double by);

/* Whether EDDY_GAP tells, first of its turn's events, when the loop lost time that it did not
 * choose to wait for: more than 5 s between two looks at the clock (the process was stopped, a
 * handler ran that long, nobody turned the loop), or, as is seen after a wait, more than 1 s
 * for which the machine was suspended. At first it does not. */
int eddy_loop_tell_gaps(eddy_loop *loop, int on);

/* How many things could still bring an event of their own: receiving streams, messages whose
 * sender waits for their completion, full send queues whose drain is awaited, armed timers,
 * watches (of a socket: those that wait for something), signals, wakers. */
int eddy_loop_alive(eddy_loop *loop);

/* Sends what waits in the send queues, for at most `timeout` ms, without receiving or any
 * events. Returns how many messages are left. */
int eddy_loop_drain(eddy_loop *loop, double timeout);

int eddy_loop_stats_get(eddy_loop *loop, eddy_loop_stats *stats);

/* Ends the turn that is under way with an EDDY_INTERRUPTED event of this value. From any
 * thread, and from a signal handler. */
int eddy_loop_interrupt(eddy_loop *loop, int value);

/* A waker is what eddy_loop_wake brings an EDDY_WOKEN event to, with `number`: from any
 * thread, in order, as often as it was called; -ENOBUFS when EDDY_WAKEUPS wait already. One
 * that is closed is not looked for: its events come with a stale id. */
int eddy_waker_open(eddy_loop *loop);
int eddy_waker_close(eddy_loop *loop, uint32_t waker);
int eddy_loop_wake(eddy_loop *loop, uint32_t waker, double number);

/* Takes a signal as EDDY_SIGNAL events, or gives it back. It has a handler in the process
 * meanwhile, so that it does nothing else. -EBUSY when a loop of the process has it. */
int eddy_signal_watch(eddy_loop *loop, int signal);
int eddy_signal_unwatch(eddy_loop *loop, int signal);

/* Timers. */

/* A timer due at the loop's time `due`, and, with a period above 0, again and again. A
 * single one is gone with its event; a periodic one waits for eddy_timer_again. */
int eddy_timer_open(eddy_loop *loop, double due, double period);

/* Arms a periodic timer whose event was handled for the next point of its grid, `jitter` ms
 * beside it. Ticks missed meanwhile are skipped. */
int eddy_timer_again(eddy_loop *loop, uint32_t timer, double jitter);

/* Cancels it: no event follows, and one that is in the batch already is stale. */
int eddy_timer_close(eddy_loop *loop, uint32_t timer);

/* Watches: readiness of descriptors and sockets, as long as it lasts. -ENOTSUP when nothing
 * that is asked for can ever be: EDDY_READ of a PUSH or PUB, EDDY_WRITE of a PULL or SUB. */

int eddy_watch_fd(eddy_loop *loop, int fd, int events);
int eddy_watch_socket(eddy_loop *loop, eddy_context *context, uint32_t socket, int events);
int eddy_watch_change(eddy_loop *loop, uint32_t watch, int events);
int eddy_watch_close(eddy_loop *loop, uint32_t watch);

/* Closes a descriptor, which nothing may watch any more. */
int eddy_descriptor_close(int fd);

/* As read and write, also where that waits; -errno. */
int eddy_descriptor_read(int fd, char *bytes, uint32_t size);
int eddy_descriptor_write(int fd, const char *bytes, uint32_t size);

/* Children: programs that this process runs. */

enum {
    EDDY_INHERIT = -1, /* a standard stream of a child's: what this process has there, */
    EDDY_NULL = -2,    /* /dev/null, */
    EDDY_PIPE = -3,    /* a pipe whose other end is on the loop, */
    EDDY_JOINED = -4,  /* or, of the standard error, what the output is; else a descriptor */

    EDDY_CHILD_GROUP = 1,    /* it leads a process group of its own; */
    EDDY_CHILD_DETACHED = 2, /* or a session of its own, and it outlives the loop */

    EDDY_SPAWN_START = 1,  /* what of a spawn failed: that there is another process, */
    EDDY_SPAWN_DESCRIPTOR, /* what is to be its descriptors, */
    EDDY_SPAWN_DIRECTORY,  /* its directory, */
    EDDY_SPAWN_PROGRAM,    /* or the program: -EACCES, -ENOENT ... */

    EDDY_SPAWN_DESCRIPTORS = 256, /* at most, beyond the standard ones */
    EDDY_CHANNEL = 3,             /* the place of the channel among the pipes */
};

typedef struct eddy_spawn {
    const char *program;            /* a path, or a name that the child's PATH leads to */
    const char *const *arguments;   /* its name first, NULL last */
    const char *const *environment; /* NULL last; NULL: this process's */
    const char *directory;          /* NULL: this process's */
    const int32_t *descriptors;     /* pairs: what one is to be there, and is here */
    int32_t descriptor_count;       /* of pairs */
    int32_t streams[3];             /* EDDY_INHERIT ..., or a descriptor */
    int32_t channel; /* as what descriptor it reads what we write to it, beside its standard
                        streams, and as the next one writes to us; 0: there are none */
    int32_t flags;   /* EDDY_CHILD_ */
    int32_t parent_death; /* the signal that it gets when the thread that spawned it, and with
                             that maybe the process, is no more; 0: none */
    int32_t pid;          /* filled, as are these: its process id, */
    uint32_t pipes[5]; /* our ends of its streams and of the channel, from EDDY_CHANNEL on; 0:
                          there is none */
    int32_t failed;    /* what failed: EDDY_SPAWN_ */
} eddy_spawn;

/* Starts a child: its id, or -errno. It begins with default actions for signals, none blocked,
 * and no descriptor but what the plan says. */
int eddy_child_spawn(eddy_loop *loop, eddy_spawn *plan);

/* Sends it a signal; with `group`, to its whole process group if it leads one. -ESRCH when it
 * has ended. */
int eddy_child_kill(eddy_loop *loop, uint32_t child, int signal, int group);

/* Asks all children of the loop that are not detached to end, by a SIGTERM to each that got
 * none, and waits for that up to `timeout` ms. Returns how many go on. With the loop they are
 * killed. */
int eddy_children_stop(eddy_loop *loop, double timeout);

/* An end of a pipe: EDDY_READY tells as long as one of these events can be, or the other end is
 * gone; with 0, which is what it begins with, nothing. It keeps no loop alive. */
int eddy_pipe_want(eddy_loop *loop, uint32_t pipe, int events);

/* Up to `size` bytes, and how many; -EAGAIN: none now. 0 of a read: the other end is closed, as
 * -EPIPE of a write. */
int eddy_pipe_read(eddy_loop *loop, uint32_t pipe, char *bytes, uint32_t size);
int eddy_pipe_write(eddy_loop *loop, uint32_t pipe, const char *bytes, uint32_t size);

int eddy_pipe_close(eddy_loop *loop, uint32_t pipe);

/* The path of the program that runs, with its zero byte. Its length, or -errno. */
int eddy_executable(char *path, uint32_t room);

/* How many processors this process may use. */
int eddy_processors(void);

/* The descriptor of a FILE of C's library, as io.open's are, or -EBADF. */
int eddy_file_descriptor(void *file);

/* The environment, NULL last, until it is changed. */
const char *const *eddy_environment(void);

/* Workers: processes that do the same, under a supervisor. */

/* This process is worker `index` of `count`, and speaks with its supervisor by the descriptors
 * `channel`, which it reads, and the next one. -EINVAL, or -EBADF when they are none. */
int eddy_worker_begin(int index, int count, int channel);

/* Which worker this is, and how many there are; 0 when it is none. */
int eddy_worker_index(void);
int eddy_worker_count(void);

/* Sends the supervisor a line. Any thread may. 0 or -errno. */
int eddy_worker_tell(const char *line);

/* Sends a line and waits for the one that answers it, which has a zero at its end. -EPIPE when
 * there is no supervisor any more, -ENOBUFS when the answer is longer. */
int eddy_worker_ask(const char *line, char *answer, uint32_t size);

/* Streams. */

/* Puts a socket under a stream and returns the stream's id. It receives nothing yet. -EEXIST
 * when the socket is under a stream or watch already. */
int eddy_stream_open(eddy_loop *loop, eddy_context *context, uint32_t socket);

/* Closes the stream and its socket. Returns how many messages were queued and are lost. */
int eddy_stream_close(eddy_loop *loop, uint32_t stream, int linger);

/* Starts receiving (EDDY_RECEIVE or its kin), or stops (0). What was received and not
 * read stays for the next start. -ENOTSUP for a PUSH or PUB, which never receives. */
int eddy_stream_receive(eddy_loop *loop, uint32_t stream, int on);

/* For a REP's request, or a SUB's subscription, that may be forgotten: an EDDY_OVERDUE event
 * comes in so many ms of the loop's time; negative: not any more. It counts as alive no more
 * than what it is about. -ENOTSUP for other sockets. */
int eddy_stream_remind(eddy_loop *loop, uint32_t stream, double ms);

/* How many messages it receives in a turn, at least 1. With XPUB_MANUAL or CONFLATE it is one,
 * whatever was said before, and -ENOTSUP for more. */
int eddy_stream_budget(eddy_loop *loop, uint32_t stream, int messages);

/* Of what is ready in a turn, streams with a higher priority are served first, and those with a
 * lower one only when no higher one has more than its budget. 0 unless set. */
int eddy_stream_priority(eddy_loop *loop, uint32_t stream, int priority);

/* Sends a whole message of copies of these bytes: now, when nothing is queued before it and
 * the socket can take it (0), or from the queue later (1). With a `report` (EDDY_REPORT ...) an
 * event tells what became of it, and the result is larger by 4 times its number there, modulo
 * EDDY_NUMBERS. -ENOBUFS when the queue is full, -EMSGSIZE when the message is larger than all
 * of it, 2 when its policy dropped the message, -ENOTSOCK when the socket is gone, -ENOTSUP for
 * a PULL or SUB, -EFSM for a REP without a request in hand: one that was read, or received
 * before the stream was opened, and not answered. Failures that come later come as events. */
int eddy_stream_send(eddy_loop *loop, uint32_t stream, const char *data, uint32_t size,
                     int report);
int eddy_stream_send_parts(eddy_loop *loop, uint32_t stream, const eddy_part *parts,
                           uint32_t count, int report);

/* For a flush, now and without waiting. `pull` returns the inbox: when all in it was read, it
 * ends that loan and receives up to `messages` more. NULL when there is nothing in it, a
 * message is just being taken out, or the stream is stale. `push` sends up to `messages` from
 * the queue and returns how many left it; those that went out at once since the last turn, or
 * flush, count before them. */
eddy_inbox *eddy_stream_pull(eddy_loop *loop, uint32_t stream, double messages);
int eddy_stream_push(eddy_loop *loop, uint32_t stream, double messages);

/* Whether somebody waits for the completion of messages sent with EDDY_REPORT_IDLY: then those
 * in the queue count as alive, like EDDY_REPORT ones. */
int eddy_stream_await_word(eddy_loop *loop, uint32_t stream, int on);

/* Takes the oldest send completion (accepted or failed) ahead of the turn that would report
 * it: fills `event` and returns 1; 0 when there is none. */
int eddy_stream_word(eddy_loop *loop, uint32_t stream, eddy_event *event);

/* Takes the routing id of the peer that was gone for the oldest EDDY_SEND_FAILED with
 * EHOSTUNREACH that this was not asked of, into room for EDDY_PEER_BYTES: its size, 0 when it
 * is not known. */
int eddy_stream_lost_peer(eddy_loop *loop, uint32_t stream, char *peer);

/* Sends what is queued, waiting up to `timeout` ms for the socket, and returns how many
 * messages are left. */
int eddy_stream_drain(eddy_loop *loop, uint32_t stream, double timeout);

/* Whether somebody waits for EDDY_DRAINED: then a full stream counts as alive. */
int eddy_stream_await_drain(eddy_loop *loop, uint32_t stream, int on);

/* Takes no more messages; EDDY_DRAINED tells when the queue is empty. -ENOMEM when the stream
 * has not sent yet and there is none for its queue. */
int eddy_stream_finish(eddy_loop *loop, uint32_t stream);

/* The send queue's limits (negative: none), and EDDY_DROP_NONE or another policy. As
 * eddy_stream_finish. */
int eddy_stream_limit(eddy_loop *loop, uint32_t stream, double messages, double bytes,
                      int policy);

int eddy_stream_stats_get(eddy_loop *loop, uint32_t stream, eddy_stream_stats *stats);

#endif
