/* Lanes: what every call has in common, whatever its protocol. The address filter sits in two
 * places, because libcurl asks for a socket only when it makes a connection, and asks before a
 * request also when it reuses one. */
#include "lane.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core/clock.h"

enum {
	HEADER_BYTES_MAX = 64 * 1024,
	BODY_KEPT_BYTES = 8 * 1024, /* of the buffer, between calls */
	RECEIVE_BYTES = 4 * 1024,   /* libcurl's own buffers, one set for each running call */
	SEND_BYTES = 16 * 1024,
	/* A compressed answer may become this much, and then so many times its size. */
	INFLATED_FREE_BYTES = 1024 * 1024,
	INFLATED_RATIO_MAX = 100
};

static bool lane_open(struct lane *lane)
{
	lane->easy = curl_easy_init();
	lane->multi = curl_multi_init();
	if (lane->easy != NULL && lane->multi != NULL &&
		curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, 1L) == CURLM_OK)
		return true;
	lane_close(lane);
	return false;
}

void lane_forget(struct lane *lane)
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

static size_t refuse_body(char *data, size_t size, size_t n, void *arg)
{
	(void)data, (void)size, (void)n, (void)arg;
	return 0;
}

/* libcurl 7.88 forgets what it keeps for a paused transfer when that is not gone on with: here it
 * gets rid of it, at a callback that takes nothing. */
static void let_go(struct lane *lane)
{
	if (!lane->is_paused)
		return;
	curl_easy_setopt(lane->easy, CURLOPT_WRITEFUNCTION, refuse_body);
	curl_easy_pause(lane->easy, CURLPAUSE_CONT);
}

void lane_close(struct lane *lane)
{
	let_go(lane);
	lane_forget(lane);
	curl_easy_cleanup(lane->easy);
	curl_multi_cleanup(lane->multi);
	free(lane->body);
	if (lane->watch_fd > 0)
		close(lane->watch_fd);
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
	/* Where a kept connection dies before it has answered, libcurl sends the request again by
	 * itself. The first may have been carried out: that is for our caller to judge. */
	lane->is_lost = lane->is_sent_once && lane->sent_at_us != 0;
	if (lane->is_lost)
		return CURL_PREREQFUNC_ABORT;
	lane->sent_at_us = clock_mono_us();
	return CURL_PREREQFUNC_OK;
}

/* Room for so many bytes and a NUL. */
static bool body_reserve(struct lane *lane, size_t length)
{
	size_t capacity = lane->body_capacity < 1024 ? 1024 : lane->body_capacity;

	if (length < lane->body_capacity)
		return true;
	while (capacity <= length)
		capacity *= 2;
	char *body = realloc(lane->body, capacity);
	if (body == NULL)
		return false;
	lane->body = body;
	lane->body_capacity = capacity;
	return true;
}

/* An answer that says of itself that it is too large is not waited for. */
static bool announces_too_much(struct lane *lane)
{
	curl_off_t length = -1;

	curl_easy_getinfo(lane->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return !lane->is_error && length > 0 && (size_t)length > lane->body_max;
}

/* A small answer that is decompressed without end. */
static bool is_bomb(struct lane *lane, size_t received)
{
	curl_off_t on_wire = 0;

	if (received <= INFLATED_FREE_BYTES)
		return false;
	curl_easy_getinfo(lane->easy, CURLINFO_SIZE_DOWNLOAD_T, &on_wire);
	return (received - INFLATED_FREE_BYTES) / INFLATED_RATIO_MAX > (size_t)on_wire;
}

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct lane *lane = arg;
	size_t length = size * n, room = lane->body_max - lane->received;

	if (lane->body_length >= lane->pause_at && !lane->is_error) {
		lane->is_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	lane->is_too_large = length > room || is_bomb(lane, lane->received + length) ||
			     (lane->received == 0 && announces_too_much(lane));
	if (length > room)
		length = room;
	if (!body_reserve(lane, lane->body_length + length))
		return 0;
	memcpy(lane->body + lane->body_length, data, length);
	lane->body_length += length;
	lane->body[lane->body_length] = '\0';
	lane->received += length;
	return lane->is_too_large ? 0 : size * n;
}

/* The empty line behind the headers; those of "100 Continue" are not the answer's. */
static void end_head(struct lane *lane)
{
	long status = 0;

	curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
	lane->has_head |= status >= 200;
	lane->is_error = status >= 400;
	if (lane->is_error && lane->error_max < lane->body_max)
		lane->body_max = lane->error_max;
}

/* libcurl bounds each header line but not their number. */
static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
	struct lane *lane = arg;

	lane->header_bytes += size * n;
	if (lane->header_bytes > HEADER_BYTES_MAX) {
		lane->is_too_large = true;
		return 0;
	}
	if (!lane->has_head && size * n > 0 && (data[0] == '\r' || data[0] == '\n'))
		end_head(lane);
	return size * n;
}

#define SET(option, value) (curl_easy_setopt(lane->easy, (option), (value)) == CURLE_OK)

static bool set_bounds(struct lane *lane, i64 connect_ms)
{
	/* QUICK_EXIT: a call that times out while a name is looked up does not wait for the lookup;
	 * its thread is detached and cleans up after itself (asyn-thread.c). CAINFO: without the
	 * file, only the certificates that are needed are loaded from the folder, instead of all
	 * for each connection, which costs 15 ms and a megabyte. */
	return SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_QUICK_EXIT, 1L) &&
	       SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms) &&
	       SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES) &&
	       SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BYTES) && SET(CURLOPT_CAINFO, NULL) &&
	       SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(CURLOPT_TCP_NODELAY, 1L) && SET(CURLOPT_TCP_KEEPALIVE, 1L) &&
	       SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_REDIR_PROTOCOLS_STR, "https") &&
	       SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOPROXY, "*");
}

bool lane_begin(struct lane *lane, enum lane_policy policy, i64 connect_ms, size_t body_max)
{
	if (lane->easy == NULL && !lane_open(lane))
		return false;
	lane_forget(lane);
	lane->policy = policy;
	lane->code = CURLE_OK;
	lane->body_max = lane->error_max = body_max;
	lane->pause_at = SIZE_MAX;
	lane->received = lane->header_bytes = 0;
	lane->sent_at_us = 0;
	lane->is_refused = lane->is_sent_once = lane->is_lost = lane->is_too_large = false;
	lane->has_head = lane->is_error = lane->is_paused = false;
	lane->error[0] = '\0';
	curl_easy_reset(lane->easy);
	return set_bounds(lane, connect_ms) && SET(CURLOPT_ERRORBUFFER, lane->error) &&
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

const char *lane_cause(const struct lane *lane, enum net_end end)
{
	if (end == NET_CLIENT_LEFT)
		return "client left";
	if (end == NET_STOPPED)
		return "stopped";
	if (lane->is_refused)
		return "address not allowed";
	if (lane->is_too_large)
		return "answer too large";
	if (lane->is_lost)
		return "a kept connection died after the request was sent";
	if (lane->error[0] != '\0')
		return lane->error;
	return lane->code != CURLE_OK ? curl_easy_strerror(lane->code) : net_end_names[end];
}
