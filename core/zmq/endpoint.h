/* Endpoints, and binding by name: libzmq 4.3.4 takes a number, `*` or a network device where it
 * binds, so a host name ("tcp://localhost:5555") is looked up here. */
#ifndef EDDY_ZMQ_ENDPOINT_H
#define EDDY_ZMQ_ENDPOINT_H

/* An ipc path is taken when there is nothing, or a socket that nobody is behind any more, and
 * -EADDRINUSE else. Those who bind in one directory at the same time, also in other processes,
 * take turns, with a lock on the directory that is waited for up to a second; where it cannot
 * be had, they go on without.
 *
 * 0 or -errno: -ENODEV when the host is neither an address, a device nor a known name. A tcp
 * port above 65535 is -EINVAL, for binding and connecting; libzmq would take its low bits. */
int eddy__endpoint_bind(void *socket, const char *endpoint);
int eddy__endpoint_connect(void *socket, const char *endpoint);
int eddy__endpoint_unbind(void *socket, const char *endpoint);

#endif
