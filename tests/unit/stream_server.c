/* What upstreams do, well or badly: the answers for the tests of net_stream(). */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "fcgi/core/clock.h"
#include "tests/unit/stream_world.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"
#define FRAME "7\r\ndata: x\r\n"

/* "hello, hello, hello" as gzip. */
static const unsigned char hello_gz[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
	0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0xc8, 0x40, 0xa2, 0x00, 0x9f, 0xa1, 0xca, 0x09,
	0x13, 0x00, 0x00, 0x00};
/* 16 MiB of NUL, compressed twice. */
static const unsigned char bomb_gz[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
	0xed, 0xda, 0xad, 0x0d, 0xc2, 0x60, 0x14, 0x86, 0xd1, 0xfe, 0x20, 0x1a, 0x04, 0xe0, 0x11,
	0x74, 0x0c, 0x0c, 0x82, 0x90, 0x20, 0x50, 0x98, 0x6a, 0xc2, 0x10, 0x38, 0x44, 0x13, 0x24,
	0x86, 0x15, 0x48, 0xa8, 0x66, 0x05, 0x98, 0x82, 0xb0, 0x03, 0x41, 0xa0, 0x09, 0xa5, 0x1f,
	0x43, 0x20, 0x9a, 0x73, 0xd4, 0xab, 0xaf, 0x7c, 0x72, 0x47, 0xfb, 0x2c, 0x0a, 0x92, 0xf4,
	0x71, 0x8d, 0xe3, 0x66, 0x94, 0x87, 0xcf, 0xf9, 0x99, 0x75, 0x23, 0x00, 0x00, 0x00, 0xa0,
	0xe5, 0xca, 0xfb, 0x2e, 0x0d, 0x31, 0x20, 0xca, 0xeb, 0xdb, 0x7c, 0x59, 0x00, 0x00, 0x00,
	0x00, 0x6d, 0xb7, 0xee, 0xf7, 0x3a, 0xbf, 0x28, 0xf0, 0x5e, 0x0d, 0xa7, 0xce, 0x01, 0x00,
	0x00, 0x00, 0xad, 0x57, 0x4d, 0xc6, 0x79, 0x68, 0x01, 0x83, 0x57, 0xbd, 0x99, 0x25, 0x1e,
	0x25, 0x00, 0x00, 0x00, 0xe0, 0x0f, 0x2e, 0xc5, 0xe2, 0xb8, 0x3d, 0x35, 0x23, 0xfe, 0x02,
	0x0e, 0x73, 0xc8, 0xb6, 0xc8, 0x3f, 0x00, 0x00};

static bool put(int fd, const void *data, size_t length)
{
	const char *p = data;

	while (length > 0) {
		ssize_t n = send(fd, p, length, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		p += n;
		length -= (size_t)n;
	}
	return true;
}

static bool put_text(int fd, const char *text)
{
	return put(fd, text, strlen(text));
}

/* Whether the peer hangs up within ms. */
static bool hangs_up(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return poll(&p, 1, ms) != 0;
}

/* Says what it has and then nothing more. */
static bool hang(int fd, const char *text)
{
	put_text(fd, text);
	hangs_up(fd, 10000);
	return false;
}

/* Five frames, one by one. */
static bool frames(int fd)
{
	if (!put_text(fd, HEAD "Request-Id: req_1\r\n" CHUNKED))
		return false;
	for (int i = 0; i < 5; i++)
		if (hangs_up(fd, 10) || !put_text(fd, FRAME))
			return false;
	return put_text(fd, "0\r\n\r\n");
}

static bool drip(int fd)
{
	put_text(fd, HEAD CHUNKED);
	while (!hangs_up(fd, 50) && put_text(fd, "1\r\nx\r\n"))
		;
	return false;
}

static bool reset(int fd, const char *text)
{
	struct linger at_once = {.l_onoff = 1};

	put_text(fd, text);
	clock_sleep_us(50 * US_PER_MS); /* what was sent has arrived */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	return false;
}

/* Ten million bytes without a line's end. */
static bool line(int fd)
{
	char block[10000];

	memset(block, 'x', sizeof(block));
	if (!put_text(fd, HEAD "Content-Length: 10000000\r\n\r\n"))
		return false;
	for (int i = 0; i < 1000; i++)
		if (!put(fd, block, sizeof(block)))
			return false;
	return true;
}

/* The same in chunks of 50,000 bytes. */
static bool chunked_line(int fd)
{
	char block[50000];

	memset(block, 'x', sizeof(block));
	put_text(fd, HEAD CHUNKED);
	for (int i = 0; i < 200; i++)
		if (!put_text(fd, "c350\r\n") || !put(fd, block, sizeof(block)) ||
			!put_text(fd, "\r\n"))
			return false;
	return put_text(fd, "0\r\n\r\n");
}

static bool large_error(int fd)
{
	char block[1000];

	memset(block, 'x', sizeof(block));
	put_text(fd, "HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n");
	for (int i = 0; i < 100 && put(fd, block, sizeof(block)); i++)
		;
	return true;
}

static bool gzipped(int fd)
{
	put_text(fd, HEAD "Content-Encoding: gzip\r\n\r\n");
	put(fd, hello_gz, sizeof(hello_gz));
	return false;
}

static bool bomb(int fd)
{
	put_text(fd, HEAD "Content-Encoding: gzip, gzip\r\n\r\n");
	put(fd, bomb_gz, sizeof(bomb_gz));
	return false;
}

/* The request is not read beyond what came with its head. */
static const struct {
	const char *path;
	bool (*run)(int fd);
	bool (*run_text)(int fd, const char *text);
	const char *text;
} answers[] = {
	{"/frames", .run = frames},
	{"/drip", .run = drip},
	{"/line", .run = line},
	{"/chunked-line", .run = chunked_line},
	{"/large-error", .run = large_error},
	{"/gzip", .run = gzipped},
	{"/bomb", .run = bomb},
	{"/hang", .run_text = hang, .text = ""},
	{"/hang-in-head", .run_text = hang, .text = HEAD},
	{"/hang-after-head", .run_text = hang, .text = HEAD CHUNKED},
	{"/hang-after-data", .run_text = hang, .text = HEAD CHUNKED FRAME},
	{"/hang-in-chunk", .run_text = hang, .text = HEAD CHUNKED "7\r\ndat"},
	{"/reset-at-once", .run_text = reset, .text = ""},
	{"/reset-in-head", .run_text = reset, .text = "HTTP/1.1 2"},
	{"/reset-after-head", .run_text = reset, .text = HEAD CHUNKED},
	{"/reset-in-chunk", .run_text = reset, .text = HEAD CHUNKED "7\r\ndat"},
	{"/early", .text = HEAD "Content-Length: 10\r\n\r\nonly"},
	{"/early-chunk", .text = HEAD CHUNKED FRAME},
	{"/close", .text = ""},
	{"/garbage", .text = "\x16\x03\x01 this is no HTTP\r\n\r\n"},
	{"/bad-encoding", .text = HEAD "Content-Encoding: snake\r\n\r\nxyz"},
	{"/bad-gzip", .text = HEAD "Content-Encoding: gzip\r\n\r\nthis is plain text"},
	{"/whole", .text = HEAD "Content-Length: 4\r\n\r\nwhol"},
	{"/limited", .text = "HTTP/1.1 429 No\r\nContent-Length: 4\r\nRetry-After: 7\r\n"
			     "X-Request-Id: req_2\r\n\r\nslow"},
	{"/later", .text = "HTTP/1.1 103 Early Hints\r\nX-Request-Id: no\r\n\r\n" HEAD
			   "Content-Length: 4\r\n\r\nwhol"},
};

bool stream_server_answer(struct http_server *s, int fd, const char *path)
{
	(void)s;
	if (strcmp(path, "/ok") == 0)
		return put_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	if (strcmp(path, "/ok-then-close") == 0) {
		put_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		return false;
	}
	/* The first request of a connection is answered, the next one finds it dead. */
	if (strcmp(path, "/once") == 0) {
		put_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		for (char c; recv(fd, &c, 1, 0) > 0 && c != '{';)
			;
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		if (strcmp(path, answers[i].path) != 0)
			continue;
		if (answers[i].run != NULL)
			return answers[i].run(fd);
		if (answers[i].run_text != NULL)
			return answers[i].run_text(fd, answers[i].text);
		put_text(fd, answers[i].text);
		return false;
	}
	return put_text(fd, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
}
