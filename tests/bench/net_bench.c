/* What calls over fcgi/net cost: the time of one on a kept connection against bare libcurl, and the
 * memory of a stream while it runs and after it. The upstream is a process of its own.
 *
 *     net_bench latency [calls]
 *     net_bench streams [number] [bytes of a request] [frames a second] */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"
#include "fcgi/net/stream.h"

enum { STACK_BYTES = 256 * 1024, LATENCY_BODY_BYTES = 500 };

static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			    "Content-Length: 13\r\n\r\n{\"ok\": true }\n";
static const char begin[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
			    "Transfer-Encoding: chunked\r\n\r\n";
static const char frame[] = "a\r\ndata: {}\n\n\r\n";

static void put(int fd, const char *text, size_t length)
{
	if (send(fd, text, length, MSG_NOSIGNAL) < 0)
		close(fd);
}

/* The upstream: answers each request at its end ("!"), or streams frames ("~"). */
static _Noreturn void serve(int listener, i64 frames_per_s)
{
	static bool streams[65536];
	int epoll_fd = epoll_create1(0), on = 1;
	struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, got[64];
	char data[64 * 1024];
	i64 frame_at_us = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		int n = epoll_wait(epoll_fd, got, 64, 5);
		for (int i = 0; i < n; i++) {
			int fd = got[i].data.fd;
			if (fd == listener) {
				event.data.fd = accept(listener, NULL, NULL);
				setsockopt(
					event.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
				epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
				continue;
			}
			ssize_t length = recv(fd, data, sizeof(data), 0);
			if (length <= 0) {
				streams[fd] = false;
				close(fd);
			} else if (data[length - 1] == '!') {
				put(fd, whole, sizeof(whole) - 2);
			} else if (data[length - 1] == '~') {
				put(fd, begin, sizeof(begin) - 1);
				streams[fd] = true;
			}
		}
		if (clock_mono_us() < frame_at_us)
			continue;
		frame_at_us = clock_mono_us() + US_PER_S / frames_per_s;
		for (int fd = 0; fd < 65536; fd++)
			if (streams[fd])
				put(fd, frame, sizeof(frame) - 1);
	}
}

static void start_upstream(char *ret_url, size_t size, i64 frames_per_s)
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&name, length) != 0 || listen(listener, 4096) != 0)
		abort();
	getsockname(listener, (struct sockaddr *)&name, &length);
	snprintf(ret_url, size, "http://127.0.0.1:%u/v1", ntohs(name.sin_port));
	if (fork() == 0)
		serve(listener, frames_per_s);
	close(listener);
}

static size_t drop(char *data, size_t size, size_t n, void *arg)
{
	(void)data, (void)arg;
	return size * n;
}

static int compare(const void *a, const void *b)
{
	i64 x = *(const i64 *)a, y = *(const i64 *)b;

	return x < y ? -1 : x > y;
}

static void report(const char *name, i64 *us, size_t n)
{
	qsort(us, n, sizeof(*us), compare);
	printf("%-24s p50 %3lld us  p99 %3lld us\n", name, (long long)us[n / 2],
		(long long)us[n * 99 / 100]);
}

/* In turns, so that both see the same machine. */
static void latency(const char *url, size_t n)
{
	i64 *bare_us = calloc(n, sizeof(i64)), *ours_us = calloc(n, sizeof(i64));
	struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
	static const char *const header[] = {"Content-Type: application/json", NULL};
	char body[LATENCY_BODY_BYTES];
	CURL *easy = curl_easy_init();
	struct net *net = net_new();
	struct arena arena;
	int client[2];

	memset(body, ' ', sizeof(body));
	body[sizeof(body) - 1] = '!';
	arena_init(&arena, 1 << 20);
	if (bare_us == NULL || ours_us == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, client) != 0)
		abort();
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)sizeof(body));
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
	const struct net_stream call = {.url = url,
		.header = header,
		.body = body,
		.body_length = sizeof(body),
		.client_fd = client[0],
		.first_byte_ms = 60000,
		.idle_ms = 60000,
		.total_ms = 120000};
	for (size_t i = 0; i < n; i++) {
		struct net_result result;
		i64 a_us = clock_mono_us();
		curl_easy_perform(easy);
		i64 b_us = clock_mono_us();
		if (net_stream(net, &arena, &call, &result) != NET_DONE)
			abort();
		bare_us[i] = b_us - a_us;
		ours_us[i] = clock_mono_us() - b_us;
		arena_reset(&arena);
	}
	report("curl_easy_perform()", bare_us, n);
	report("net_stream()", ours_us, n);
}

static struct {
	const char *url;
	size_t request_bytes;
	pthread_barrier_t begun, go, ended, stay;
} crowd;

static int first_data(void *arg, const char *data, size_t length)
{
	bool *is_first = arg;

	(void)data, (void)length;
	if (*is_first) {
		*is_first = false;
		pthread_barrier_wait(&crowd.begun);
	}
	return 0;
}

static void *hold_stream(void *arg)
{
	struct net *net = net_new();
	struct arena arena;
	struct net_result result;
	bool is_first = true;
	char *body = arg;

	arena_init(&arena, 1 << 20);
	arena_alloc(&arena, 1);
	pthread_barrier_wait(&crowd.go);
	const struct net_stream call = {.url = crowd.url,
		.body = body,
		.body_length = crowd.request_bytes,
		.on_data = first_data,
		.total_ms = 10000,
		.arg = &is_first};
	if (net_stream(net, &arena, &call, &result) != NET_TIMEOUT_TOTAL)
		fprintf(stderr, "%s\n", result.cause);
	pthread_barrier_wait(&crowd.ended);
	pthread_barrier_wait(&crowd.stay);
	return NULL;
}

static long resident_kib(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
		abort();
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static double cpu_ms(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static void streams(const char *url, unsigned n, size_t request_bytes)
{
	char *body = malloc(request_bytes);
	pthread_attr_t attributes;

	memset(body, ' ', request_bytes);
	body[request_bytes - 1] = '~';
	crowd.url = url;
	crowd.request_bytes = request_bytes;
	pthread_barrier_t *const barriers[] = {&crowd.begun, &crowd.go, &crowd.ended, &crowd.stay};
	for (size_t i = 0; i < ARRAY_LEN(barriers); i++)
		pthread_barrier_init(barriers[i], NULL, n + 1);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (unsigned i = 0; i < n; i++) {
		pthread_t thread;
		if (pthread_create(&thread, &attributes, hold_stream, body) != 0)
			abort();
	}
	clock_sleep_us(US_PER_S); /* all have touched their stacks */
	long before = resident_kib();
	pthread_barrier_wait(&crowd.go);
	pthread_barrier_wait(&crowd.begun);
	clock_sleep_us(2 * US_PER_S);
	double cpu = cpu_ms();
	clock_sleep_us(3 * US_PER_S);
	printf("%u streams, requests of %zu bytes: %.1f KiB each, %.1f ms CPU a second\n", n,
		request_bytes, (double)(resident_kib() - before) / n, (cpu_ms() - cpu) / 3);
	pthread_barrier_wait(&crowd.ended);
	printf("ended: %.1f KiB each\n", (double)(resident_kib() - before) / n);
	net_sweep(0);
	malloc_trim(0);
	printf("closed: %.1f KiB each\n", (double)(resident_kib() - before) / n);
}

int main(int argc, char **argv)
{
	bool is_latency = argc > 1 && str_equal(argv[1], "latency");
	i64 n = is_latency ? 20000 : 1000, bytes = 1000, frames = 1;
	char url[64];

	if (argc < 2 || (!is_latency && !str_equal(argv[1], "streams")) ||
		(argc > 2 && (!str_to_i64(argv[2], &n) || n < 1)) ||
		(argc > 3 && (!str_to_i64(argv[3], &bytes) || bytes < 1)) ||
		(argc > 4 && (!str_to_i64(argv[4], &frames) || frames < 1))) {
		fprintf(stderr, "usage: net_bench latency [CALLS] | "
				"streams [NUMBER] [BYTES] [FRAMES A SECOND]\n");
		return 2;
	}
	struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	start_upstream(url, sizeof(url), frames);
	net_global_init();
	if (is_latency)
		latency(url, (size_t)n);
	else
		streams(url, (unsigned)n, (size_t)bytes);
	fflush(stdout);
	_exit(0); /* the threads stay where they are */
}
