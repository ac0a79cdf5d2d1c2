/* The listening socket of a program for development: on a loopback address, and on no other. */
#ifndef TURNPIKE_LOOPBACK_H
#define TURNPIKE_LOOPBACK_H

/* text: "127.0.0.1:PORT", port 0: any. The socket does not block; ret_name is the address with the
 * real port. -1 after a message that begins with the program's name. */
int loopback_listen(const char *program, const char *text, int backlog, char ret_name[64]);

#endif
