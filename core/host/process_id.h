/* libzmq asks for the process's id at each use of a signaler, four times for a message that
 * comes alone, and libc asks the kernel each time: its calls are answered from memory that the
 * kernel clears in a child of any fork. */
#ifndef EDDY_PROCESS_ID_H
#define EDDY_PROCESS_ID_H

/* Gets that memory; without it the kernel is asked as before. */
void eddy__process_id_prepare(void);

#endif
