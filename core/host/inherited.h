/* What a parent may leave a process with, and no program expects. */
#ifndef EDDY_HOST_INHERITED_H
#define EDDY_HOST_INHERITED_H

/* To be called before anything is opened. Descriptors 0 to 2 that are closed lead to /dev/null
 * from now on: else they would be given to a file or socket, and what is printed would go
 * there. No signal is blocked, and SIGCHLD is not ignored, without which nobody learns how a
 * child ended. Other signals that are ignored stay so, as nohup has it. */
void eddy__inherited_settle(void);

#endif
