/* Connections for which there is no descriptor. */
#ifndef EDDY_HOST_EMFILE_H
#define EDDY_HOST_EMFILE_H

/* Keeps a descriptor with which the process's threads turn connections away that they cannot
 * accept: they would stay, and libzmq would try again and again. Their peers come back later.
 */
void eddy__emfile_prepare(void);

#endif
