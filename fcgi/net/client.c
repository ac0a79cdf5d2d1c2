/* Clients that leave. nginx closes the connection; the protocol also knows a record for it, which
 * other web servers send and which then lies unread behind the end of the request. */
#include "client.h"

#include <poll.h>
#include <sys/socket.h>

/* FastCGI 1.0, sections 3.3 and 8. */
enum { RECORD_VERSION = 1, RECORD_HEADER_BYTES = 8, RECORD_ABORT = 2, PEEK_BYTES = 512 };

static bool holds_abort(const unsigned char *data, size_t length)
{
	for (size_t at = 0; at + RECORD_HEADER_BYTES <= length;) {
		const unsigned char *header = data + at;
		if (header[0] != RECORD_VERSION)
			return false;
		if (header[1] == RECORD_ABORT)
			return true;
		at += RECORD_HEADER_BYTES + (size_t)(header[4] << 8 | header[5]) + header[6];
	}
	return false;
}

bool client_gone(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};
	unsigned char unread[PEEK_BYTES];

	if (poll(&p, 1, 0) <= 0)
		return false;
	if ((p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0)
		return true;
	ssize_t n = recv(fd, unread, sizeof(unread), MSG_PEEK | MSG_DONTWAIT);
	return n > 0 && holds_abort(unread, (size_t)n);
}
