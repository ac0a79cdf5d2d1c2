/* Lanes: what every call has in common, whatever its protocol. The address filter sits in two
 * places, because libcurl asks for a socket only when it makes a connection, and asks before a
 * request also when it reuses one. */
#include "lane.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	CONNECT_TIMEOUT_MS = 5000,
	HEADER_BYTES_MAX = 64 * 1024,
	BODY_KEPT_BYTES = 64 * 1024, /* of the buffer, between calls */
	CONNECTIONS_KEPT = 4,
	CA_CACHE_S = 300, /* a replaced CA file is seen after this long */
	POLL_MS = 1000,
	POLL_ABORT_MS = 100
};

/* At the first call: a lane holds some 50 KiB, and most threads never call out. */
static bool lane_open(struct lane *lane)
{
	*lane = (struct lane){.easy = curl_easy_init(), .multi = curl_multi_init()};
	if (lane->easy != NULL && lane->multi != NULL &&
		curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT) ==
			CURLM_OK)
		return true;
	lane_close(lane);
	return false;
}

static void forget_call(struct lane *lane)
{
	curl_slist_free_all(lane->list);
	lane->list = NULL;
	curl_url_cleanup(lane->url);
	lane->url = NULL;
	lane->body_length = 0;
	if (lane->body_capacity > BODY_KEPT_BYTES) {
		free(lane->body);
		lane->body = NULL;
		lane->body_capacity = 0;
	}
}

void lane_close(struct lane *lane)
{
	forget_call(lane);
	curl_easy_cleanup(lane->easy);
	curl_multi_cleanup(lane->multi);
	free(lane->body);
	*lane = (struct lane){.easy = NULL};
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct lane *lane = arg;

	/* After one refusal none is tried: a name with a public and a private address is a trap. */
	if (purpose != CURLSOCKTYPE_IPCXN || lane->is_refused ||
		!net_address_allowed(lane->policy, &address->addr)) {
		lane->is_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int before_request(void *arg, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
	struct lane *lane = arg;
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	const struct sockaddr *address = (const struct sockaddr *)&v4;
	bool is_read = inet_pton(AF_INET, peer_ip, &v4.sin_addr) == 1;

	(void)local_ip, (void)peer_port, (void)local_port;
	if (!is_read) {
		is_read = inet_pton(AF_INET6, peer_ip, &v6.sin6_addr) == 1;
		address = (const struct sockaddr *)&v6;
	}
	if (lane->is_refused || !is_read || !net_address_allowed(lane->policy, address)) {
		lane->is_refused = true;
		return CURL_PREREQFUNC_ABORT;
	}
	return CURL_PREREQFUNC_OK;
}

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct lane *lane = arg;
	size_t length = size * n, needed = lane->body_length + length;

	if (needed > lane->body_max) {
		lane->is_too_large = true;
		return 0;
	}
	if (needed > lane->body_capacity) {
		size_t capacity = lane->body_capacity < 4096 ? 4096 : lane->body_capacity;
		while (capacity < needed)
			capacity *= 2;
		char *body = realloc(lane->body, capacity);
		if (body == NULL)
			return 0;
		lane->body = body;
		lane->body_capacity = capacity;
	}
	memcpy(lane->body + lane->body_length, data, length);
	lane->body_length = needed;
	return length;
}

/* libcurl bounds each header line but not their number. */
static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
	struct lane *lane = arg;

	(void)data;
	lane->header_bytes += size * n;
	if (lane->header_bytes > HEADER_BYTES_MAX) {
		lane->is_too_large = true;
		return 0;
	}
	return size * n;
}

#define SET(option, value) (curl_easy_setopt(lane->easy, (option), (value)) == CURLE_OK)

static bool set_bounds(struct lane *lane, i64 timeout_ms)
{
	long total = (long)timeout_ms;

	/* QUICK_EXIT: a call that times out while a name is looked up does not wait for the lookup;
	 * its thread is detached and cleans up after itself (asyn-thread.c). */
	return SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_QUICK_EXIT, 1L) &&
	       SET(CURLOPT_TIMEOUT_MS, total) &&
	       SET(CURLOPT_CONNECTTIMEOUT_MS,
		       total < CONNECT_TIMEOUT_MS ? total : (long)CONNECT_TIMEOUT_MS) &&
	       SET(CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_S) &&
	       SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(CURLOPT_TCP_KEEPALIVE, 1L) && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
	       SET(CURLOPT_REDIR_PROTOCOLS_STR, "https") && SET(CURLOPT_PROXY, "") &&
	       SET(CURLOPT_NOPROXY, "*");
}

bool lane_begin(struct lane *lane, enum lane_policy policy, i64 timeout_ms, size_t body_max)
{
	if (lane->easy == NULL && !lane_open(lane))
		return false;
	forget_call(lane);
	lane->policy = policy;
	lane->body_max = body_max;
	lane->header_bytes = 0;
	lane->is_refused = lane->is_too_large = lane->has_left = false;
	lane->error[0] = '\0';
	curl_easy_reset(lane->easy);
	return set_bounds(lane, timeout_ms) && SET(CURLOPT_ERRORBUFFER, lane->error) &&
	       SET(CURLOPT_OPENSOCKETFUNCTION, open_socket) && SET(CURLOPT_OPENSOCKETDATA, lane) &&
	       SET(CURLOPT_PREREQFUNCTION, before_request) && SET(CURLOPT_PREREQDATA, lane) &&
	       SET(CURLOPT_WRITEFUNCTION, take_body) && SET(CURLOPT_WRITEDATA, lane) &&
	       SET(CURLOPT_HEADERFUNCTION, take_header) && SET(CURLOPT_HEADERDATA, lane);
}

bool lane_header(struct lane *lane, const char *line)
{
	struct curl_slist *list = curl_slist_append(lane->list, line);

	if (list == NULL)
		return false;
	lane->list = list;
	return true;
}

static bool client_has_left(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0;
}

CURLcode lane_run(struct lane *lane, int abort_fd)
{
	/* With no events asked for, only a hang-up of the client wakes the poll; the half-close of
	 * TCP, which the flags of libcurl cannot ask for, is seen within POLL_ABORT_MS. */
	struct curl_waitfd client = {.fd = abort_fd};
	CURLcode code = CURLE_FAILED_INIT;
	int n_running = 1, n_left;

	if (curl_multi_add_handle(lane->multi, lane->easy) != CURLM_OK)
		return code;
	for (;;) {
		if (curl_multi_perform(lane->multi, &n_running) != CURLM_OK || n_running == 0)
			break;
		if (abort_fd > 0 && client_has_left(abort_fd)) {
			lane->has_left = true;
			break;
		}
		if (curl_multi_poll(lane->multi, &client, abort_fd > 0 ? 1 : 0,
			    abort_fd > 0 ? POLL_ABORT_MS : POLL_MS, NULL) != CURLM_OK)
			break;
	}
	for (CURLMsg *m; (m = curl_multi_info_read(lane->multi, &n_left)) != NULL;)
		if (m->msg == CURLMSG_DONE && m->easy_handle == lane->easy)
			code = m->data.result;
	curl_multi_remove_handle(lane->multi, lane->easy);
	return code;
}

const char *lane_cause(const struct lane *lane, CURLcode code)
{
	if (lane->has_left)
		return "client left";
	if (lane->is_refused)
		return "address not allowed";
	if (lane->is_too_large)
		return "answer too large";
	return lane->error[0] != '\0' ? lane->error : curl_easy_strerror(code);
}
