/* Which of the calls in sys.h a test can make fail. */
#ifndef EDDY_BASE_FAULTS_H
#define EDDY_BASE_FAULTS_H

enum eddy__fault_call {
    EDDY__FAULT_ALLOC,
    EDDY__FAULT_EPOLL_CREATE,
    EDDY__FAULT_EPOLL_CTL,
    EDDY__FAULT_EPOLL_WAIT,
    EDDY__FAULT_POLL,
    EDDY__FAULT_EVENTFD,
    EDDY__FAULT_OPEN,
    EDDY__FAULT_COPY,
    EDDY__FAULT_LOCK,
    EDDY__FAULT_READ,
    EDDY__FAULT_WRITE,
    EDDY__FAULT_FSYNC,
    EDDY__FAULT_PIPE,
    EDDY__FAULT_DUP,
    EDDY__FAULT_SOCKET,
    EDDY__FAULT_VFORK,
    EDDY__FAULT_PIDFD_OPEN,
    EDDY__FAULT_WAITPID,
    EDDY__FAULT_MKDIR,
    EDDY__FAULT_ALLOCATE,
    EDDY__FAULT_MAP,
    EDDY__FAULT_THREAD,
    EDDY__FAULT_ZMQ_CTX,
    EDDY__FAULT_ZMQ_SOCKET,
    EDDY__FAULT_ZMQ_BIND,
    EDDY__FAULT_ZMQ_CONNECT,
    EDDY__FAULT_ZMQ_UNBIND,
    EDDY__FAULT_ZMQ_DISCONNECT,
    EDDY__FAULT_ZMQ_GET,
    EDDY__FAULT_ZMQ_SET,
    EDDY__FAULT_ZMQ_MONITOR,
    EDDY__FAULT_MSG_INIT,
    EDDY__FAULT_MSG_DATA,
    EDDY__FAULT_MSG_SEND,
    EDDY__FAULT_MSG_RECV,
    EDDY__FAULT_TOUCH, /* no call, but the dirty rule: a touch that fails marks nothing */
    EDDY__FAULT_SWEEP, /* nor this: a sweep that "fails" is due in every turn */
    EDDY__FAULT_CALLS,
};

#ifdef EDDY_FAULTS

/* The error with which this call is to fail now; 0 when it may go through. */
int eddy__fault(int call);

/* Lets `skip` calls go through, then makes `times` calls fail with `error`. */
void eddy__fault_plan(int call, int skip, int times, int error);

/* How often the call was asked for since the last plan for it. */
int eddy__fault_count(int call);

#else
#define eddy__fault(call) 0
#endif

#endif
