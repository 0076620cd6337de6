/* What threads without a log of their own have to say, until a loop says it. */
#ifndef EDDY_SECURITY_NOTICES_H
#define EDDY_SECURITY_NOTICES_H

/* Keeps a line; among too many, it is dropped. */
void eddy__notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
