/* A call while it runs: moves the bytes, keeps the deadlines, and notices at once when the client
 * leaves. libcurl sees to the time that a connection may take. */
#include <string.h>
#include <sys/epoll.h>

#include "../core/clock.h"
#include "client.h"
#include "lane.h"

enum { POLL_MAX_MS = 60 * 1000 };

struct run {
	struct lane *lane;
	const struct lane_wait *wait;
	i64 began_us, moved_us; /* when it began; when the last byte came and was taken */
	i64 quiet_us;		/* since when nothing is heard, as far as on_quiet knows */
	size_t received;
	bool has_head;
};

/* The flags of curl_multi_poll() cannot ask for a half-close, and level-triggered input would turn
 * in circles over bytes that nobody reads; an epoll set can, and tells each thing once. */
static bool watch_client(struct lane *lane, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};

	if (lane->watch_fd <= 0)
		lane->watch_fd = epoll_create1(EPOLL_CLOEXEC);
	return lane->watch_fd > 0 && epoll_ctl(lane->watch_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static CURLcode result_of(struct lane *lane)
{
	CURLcode code = CURLE_FAILED_INIT;
	int n_left;

	for (CURLMsg *m; (m = curl_multi_info_read(lane->multi, &n_left)) != NULL;)
		if (m->msg == CURLMSG_DONE && m->easy_handle == lane->easy)
			code = m->data.result;
	return code;
}

static enum net_end end_of(struct lane *lane, CURLcode code)
{
	lane->code = code;
	if (lane->code == CURLE_OK)
		return NET_DONE;
	if (lane->is_too_large || lane->code == CURLE_FILESIZE_EXCEEDED)
		return NET_TOO_LARGE;
	if (lane->sent_at_us != 0)
		return NET_BROKEN;
	return lane->code == CURLE_OPERATION_TIMEDOUT ? NET_TIMEOUT_CONNECT : NET_CONNECT;
}

static i64 deadline(i64 since_us, i64 ms)
{
	return ms > 0 ? since_us + ms * US_PER_MS : INT64_MAX;
}

static i64 first_byte_deadline(const struct run *run)
{
	bool waits = run->lane->sent_at_us != 0 && run->received == 0;

	return deadline(run->lane->sent_at_us, waits ? run->wait->first_byte_ms : 0);
}

static i64 idle_deadline(const struct run *run)
{
	return deadline(run->moved_us, run->received > 0 ? run->wait->idle_ms : 0);
}

static i64 total_deadline(const struct run *run)
{
	return deadline(run->began_us, run->wait->total_ms);
}

static i64 quiet_deadline(const struct run *run)
{
	return deadline(run->quiet_us, run->wait->on_quiet != NULL ? run->wait->quiet_ms : 0);
}

/* NET_DONE: it goes on. */
static enum net_end timed_out(const struct run *run, i64 now_us)
{
	if (now_us >= total_deadline(run))
		return NET_TIMEOUT_TOTAL;
	if (now_us >= first_byte_deadline(run))
		return NET_TIMEOUT_FIRST;
	return now_us >= idle_deadline(run) ? NET_TIMEOUT_IDLE : NET_DONE;
}

static int report(struct run *run)
{
	const struct lane_wait *wait = run->wait;
	struct lane *lane = run->lane;
	int rc = 0;

	if (lane->received != run->received || lane->has_head != run->has_head) {
		run->received = lane->received;
		run->has_head = lane->has_head;
		rc = wait->on_arrival != NULL ? wait->on_arrival(wait->arg) : 0;
		run->moved_us = run->quiet_us = clock_mono_us(); /* taking it took its time */
	} else if (clock_mono_us() >= quiet_deadline(run)) {
		rc = wait->on_quiet(wait->arg);
		run->quiet_us = clock_mono_us();
	}
	return rc;
}

/* Waits for the upstream, the client or the next deadline; whether the client left. */
static bool wait_for_news(const struct run *run, i64 now_us)
{
	const i64 deadlines[] = {total_deadline(run), first_byte_deadline(run), idle_deadline(run),
		quiet_deadline(run)};
	struct curl_waitfd client = {.fd = run->lane->watch_fd, .events = CURL_WAIT_POLLIN};
	i64 until_us = now_us + POLL_MAX_MS * US_PER_MS;
	struct epoll_event event;

	for (size_t i = 0; i < ARRAY_LEN(deadlines); i++)
		until_us = deadlines[i] < until_us ? deadlines[i] : until_us;
	int ms = until_us > now_us ? (int)((until_us - now_us + US_PER_MS - 1) / US_PER_MS) : 0;
	curl_multi_poll(run->lane->multi, &client, run->wait->client_fd > 0 ? 1 : 0, ms, NULL);
	return client.revents != 0 && epoll_wait(run->lane->watch_fd, &event, 1, 0) > 0 &&
	       client_gone(run->wait->client_fd);
}

/* What waits in libcurl is given to us now, and then it wakes us at once. */
static CURLcode resume(struct lane *lane)
{
	if (!lane->is_paused)
		return CURLE_OK;
	lane->is_paused = false;
	return curl_easy_pause(lane->easy, CURLPAUSE_CONT);
}

static enum net_end drive(struct run *run)
{
	for (;;) {
		int n_running = 0;
		CURLMcode rc = curl_multi_perform(run->lane->multi, &n_running);
		if (report(run) != 0)
			return NET_STOPPED;
		if (rc != CURLM_OK || n_running == 0)
			return end_of(run->lane, result_of(run->lane));
		CURLcode code = resume(run->lane);
		if (code != CURLE_OK)
			return report(run) != 0 ? NET_STOPPED : end_of(run->lane, code);
		i64 now_us = clock_mono_us();
		enum net_end end = timed_out(run, now_us);
		if (end != NET_DONE)
			return end;
		if (wait_for_news(run, now_us))
			return NET_CLIENT_LEFT;
	}
}

enum net_end lane_run(struct lane *lane, const struct lane_wait *wait)
{
	i64 now_us = clock_mono_us();
	struct run run = {.lane = lane, .wait = wait, .began_us = now_us, .quiet_us = now_us};

	if (wait->client_fd > 0) {
		if (client_gone(wait->client_fd))
			return NET_CLIENT_LEFT;
		if (!watch_client(lane, wait->client_fd))
			return NET_CONNECT;
	}
	enum net_end end = NET_CONNECT;
	if (curl_multi_add_handle(lane->multi, lane->easy) == CURLM_OK) {
		end = drive(&run);
		curl_multi_remove_handle(lane->multi, lane->easy);
	}
	if (wait->client_fd > 0)
		epoll_ctl(lane->watch_fd, EPOLL_CTL_DEL, wait->client_fd, NULL);
	return end;
}
