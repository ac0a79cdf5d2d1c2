/* Whether the client behind a FastCGI connection still waits. Private to fcgi. */
#ifndef TURNPIKE_CLIENT_H
#define TURNPIKE_CLIENT_H

#include "../core/types.h"

/* It closed the connection, or its web server sent an abort record. Reads nothing. */
bool client_gone(int fd);

#endif
