/* The listening socket of a program for development. */
#include "tools/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int loopback_listen(const char *program, const char *text, int backlog, char ret_name[64])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	char host[32];
	unsigned port;
	int is_on = 1, n = 0;

	if (sscanf(text, "%31[0-9.]:%5u%n", host, &port, &n) != 2 || text[n] != '\0' ||
		port > 65535 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
		ntohl(address.sin_addr.s_addr) >> 24 != 127) {
		fprintf(stderr, "%s: --listen takes 127.0.0.1:PORT, not %s\n", program, text);
		return -1;
	}
	address.sin_port = htons((uint16_t)port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &is_on, sizeof(is_on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(fd, backlog) != 0 ||
		getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
		fprintf(stderr, "%s: %s: %s\n", program, text, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	snprintf(ret_name, 64, "%s:%u", host, ntohs(address.sin_port));
	return fd;
}
