/* A terminal, for commands that fill its screen. A public header, read by FFI as eddy.h is. */
#ifndef EDDY_API_TERMINAL_H
#define EDDY_API_TERMINAL_H

/* How many columns and rows the terminal behind a descriptor has; -ENOTTY when it is none. */
int eddy_terminal_size(int fd, int *columns, int *rows);

/* Gives keys at once and shows none of them, or ends that: as it was before. Keys that send
 * signals still do. 0, or -ENOTTY. */
int eddy_terminal_keys(int fd, int on);

#endif
