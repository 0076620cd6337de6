/* Threads of scripts: a Lua state of its own in each, with what the host gives to a script. All
 * functions may be called from any thread. */
#ifndef EDDY_HOST_THREAD_H
#define EDDY_HOST_THREAD_H

#include <lua.h>
#include <stddef.h>

typedef struct eddy__thread eddy__thread;

/* Starts a thread, which calls the function `main` of the module eddy.host.thread with this
 * job, any bytes, and a table of what it can ask for: `guard(loop)`, `release()`,
 * `begin_code(notice)` and `end_code()`, between which `notice` is called to raise when the
 * code is to be interrupted, `fail()`, `tell_unsent()`, and what `services` puts into the table
 * on top of the stack. It returns its results, any bytes, and whether it failed. 0 or an errno:
 * ECANCELED when the process ends. */
int eddy__thread_start(const char *name, const char *job, size_t size,
                       void (*services)(lua_State *), eddy__thread **made);

/* Tells it to stop: its loop stops, its waits end, and when its code runs still after `ms` it
 * is interrupted with errors. */
void eddy__thread_stop(eddy__thread *thread, double ms);

/* Whether it has ended: its state is closed. */
int eddy__thread_ended(eddy__thread *thread);

/* A new descriptor, read-ready once it has ended; or -errno. */
int eddy__thread_descriptor(eddy__thread *thread);

/* Of one that has ended: its results, kept until it is released, and whether it failed, which
 * its program knows now. */
const char *eddy__thread_result(eddy__thread *thread, size_t *size, int *failed);

/* Once for each: nobody asks about it any more. It goes on. */
void eddy__thread_release(eddy__thread *thread);

/* Tells all to stop, and to have sent what they have at `deadline`; none can be started any
 * more.
 */
void eddy__threads_stop(double ms, double deadline);

/* Waits until all have ended, until `deadline` at the latest. Returns how many run still, and
 * the name of one. */
int eddy__threads_wait(double deadline, char *name, size_t size);

/* How many have failed of which the program does not know. */
int eddy__threads_failures(void);

/* Whether one has ended that had messages which were not sent. */
int eddy__threads_incomplete(void);

#endif
