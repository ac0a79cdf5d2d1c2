/* One call over HTTP, from the check of its address to its end: asks the circuit breaker, borrows a
 * lane, hands on what arrives, and leaves nothing behind that a longjmp could lose. */
#include "stream.h"

#include <stdlib.h>

#include "../core/clock.h"
#include "../core/metrics.h"
#include "breaker.h"
#include "http.h"
#include "lane.h"

enum { CONNECT_MS = 5000, COLLECTED_MAX = 32 * 1024 * 1024, ERROR_MAX = 64 * 1024 };
enum { UNTAKEN_BYTES = 8 * 1024 };     /* of a stream: an upstream that floods us has to wait */
enum { GIVEN_AWAY_BYTES = 32 * 1024 }; /* a collected body from here on is not copied */

const char *const net_end_names[NET_END_MAX] = {
	[NET_DONE] = "done",
	[NET_CONNECT] = "no connection",
	[NET_BROKEN] = "broken",
	[NET_TIMEOUT_CONNECT] = "connecting timed out",
	[NET_TIMEOUT_FIRST] = "the first byte timed out",
	[NET_TIMEOUT_IDLE] = "timed out between bytes",
	[NET_TIMEOUT_TOTAL] = "timed out",
	[NET_CLIENT_LEFT] = "client left",
	[NET_STOPPED] = "stopped",
	[NET_TOO_LARGE] = "answer too large",
	[NET_BREAKER_OPEN] = "breaker open",
};

/* One for each enum net_trust: addresses that users make us call must not push out our own. */
static struct breaker breakers[] = {
	[NET_OPERATOR] = BREAKER_INIT,
	[NET_USER] = BREAKER_INIT,
};

/* A call under way, as its callbacks need it. */
struct exchange {
	const struct net_stream *call;
	struct lane *lane;
	struct arena *arena;
	struct net_result *ret;
	i64 began_us;
};

void net_forget(struct net *net)
{
	if (net->lane == NULL)
		return;
	breaker_leave(net->breaker, net->lane->origin, net->pass, BREAKER_UNKNOWN, clock_mono_us());
	lane_discard(net->lane);
	net->lane = NULL;
}

static bool is_streamed(const struct exchange *x)
{
	return x->call->on_data != NULL && x->ret->head.status < 400;
}

static int arrived(void *arg)
{
	struct exchange *x = arg;
	struct lane *lane = x->lane;
	int rc = 0;

	if (lane->received > 0 && x->ret->first_byte_us == 0)
		x->ret->first_byte_us = clock_mono_us() - x->began_us;
	if (lane->has_head && x->ret->head.status == 0) {
		http_read_head(lane, x->arena, &x->ret->head);
		if (x->call->on_head != NULL)
			rc = x->call->on_head(x->call->arg, &x->ret->head);
	}
	if (rc != 0 || lane->body_length == 0 || !is_streamed(x))
		return rc;
	size_t length = lane->body_length;
	lane->body_length = 0;
	return x->call->on_data(x->call->arg, lane->body, length);
}

static int quiet(void *arg)
{
	struct exchange *x = arg;

	return x->call->on_quiet(x->call->arg);
}

/* The body that was collected. A large one changes hands instead of being copied. */
static void read_body(struct lane *lane, struct arena *arena, struct net_result *ret)
{
	ret->body_length = lane->body_length;
	if (lane->body_length >= GIVEN_AWAY_BYTES) {
		ret->body = lane->body;
		arena_defer(arena, free, lane->body);
		lane->body = NULL;
		lane->body_capacity = 0;
	} else if (lane->body_length > 0) {
		ret->body = arena_strndup(arena, lane->body, lane->body_length);
	}
}

static enum breaker_outcome outcome_of(
	const struct net_stream *call, const struct lane *lane, const struct net_result *ret)
{
	switch (ret->end) {
	case NET_CONNECT:
	case NET_TIMEOUT_CONNECT:
		return lane->is_refused ? BREAKER_UNKNOWN : BREAKER_FAILED;
	case NET_CLIENT_LEFT:
	case NET_STOPPED:
		return BREAKER_UNKNOWN;
	case NET_DONE:
		return call->judges_answers && ret->head.status >= 500 ? BREAKER_FAILED
								       : BREAKER_OK;
	case NET_TOO_LARGE:
		return BREAKER_OK; /* too much of an answer is an answer */
	default:
		return call->judges_answers ? BREAKER_FAILED : BREAKER_UNKNOWN;
	}
}

static void count(const struct lane *lane, enum net_end end)
{
	if (lane->is_refused)
		metrics_add(METRIC_NET_ADDRESS_REFUSED, 1);
	else if (end != NET_DONE && end != NET_STOPPED)
		metrics_add(METRIC_NET_FAILED, 1);
}

static void run(struct net *net, struct exchange *x)
{
	const struct net_stream *call = x->call;
	const struct lane_wait wait = {
		.client_fd = call->client_fd != 0 ? call->client_fd : net->client_fd,
		.first_byte_ms = call->first_byte_ms,
		.idle_ms = call->idle_ms,
		.total_ms = call->total_ms,
		.quiet_ms = call->quiet_ms,
		.on_arrival = arrived,
		.on_quiet = call->on_quiet != NULL ? quiet : NULL,
		.arg = x,
	};
	struct net_result *ret = x->ret;
	struct lane *lane = x->lane;

	ret->end = lane_run(lane, &wait);
	if (ret->end == NET_TOO_LARGE && ret->head.status >= 400)
		ret->end = NET_DONE; /* enough of it was kept to say what is wrong */
	i64 now_us = clock_mono_us();
	ret->received = lane->received;
	ret->connect_us = lane->sent_at_us != 0 ? lane->sent_at_us - x->began_us : 0;
	ret->total_us = now_us - x->began_us;
	enum breaker_outcome outcome = outcome_of(call, lane, ret);
	if (breaker_leave(net->breaker, lane->origin, net->pass, outcome, now_us))
		metrics_add(METRIC_NET_BREAKER_OPENED, 1);
	net->pass = BREAKER_PASSED; /* a longjmp from here on does not leave it again */
	count(lane, ret->end);
}

/* Sets up what was borrowed; NULL, or why the call cannot be made. */
static const char *prepare(struct lane *lane, CURLU *url, const struct net_stream *call)
{
	size_t max = call->response_max;

	if (max == 0)
		max = call->on_data != NULL ? SIZE_MAX : COLLECTED_MAX;
	if (!lane_begin(lane, call->trust == NET_USER ? LANE_PUBLIC : LANE_ANY,
		    call->connect_ms > 0 ? call->connect_ms : CONNECT_MS, max)) {
		curl_url_cleanup(url);
		return "libcurl cannot be set up";
	}
	lane->url = url;
	if (call->on_data != NULL)
		lane->pause_at = UNTAKEN_BYTES;
	lane->error_max = call->error_max > 0 ? call->error_max : ERROR_MAX;
	return http_prepare(lane, call);
}

static enum net_end refuse(
	struct arena *arena, struct net_result *ret, enum net_end end, const char *why)
{
	metrics_add(end == NET_BREAKER_OPEN ? METRIC_NET_BREAKER_REFUSED : METRIC_NET_FAILED, 1);
	ret->end = end;
	ret->cause = arena_strdup(arena, why);
	return end;
}

/* The call itself, with its address checked. net->lane is what a longjmp leaves to net_forget(). */
static enum net_end exchange(struct net *net, struct exchange *x, CURLU *url, const char *origin)
{
	const struct net_stream *call = x->call;
	struct net_result *ret = x->ret;

	net->breaker = &breakers[call->trust];
	net->pass = breaker_enter(net->breaker, origin, x->began_us);
	struct lane *lane = NULL;
	if (net->pass != BREAKER_REFUSED)
		lane = lane_borrow(call->trust == NET_USER ? LANE_PUBLIC : LANE_ANY, origin);
	if (lane == NULL) {
		bool is_open = net->pass == BREAKER_REFUSED;
		curl_url_cleanup(url);
		if (!is_open)
			breaker_leave(
				net->breaker, origin, net->pass, BREAKER_UNKNOWN, x->began_us);
		const char *why = is_open ? "breaker open" : "no memory";
		return refuse(x->arena, ret, is_open ? NET_BREAKER_OPEN : NET_CONNECT,
			arena_printf(x->arena, "%s: %s", origin, why));
	}
	net->lane = x->lane = lane;
	const char *why = prepare(lane, url, call);
	if (why != NULL) {
		net_forget(net);
		return refuse(x->arena, ret, NET_CONNECT, why);
	}
	run(net, x);
	if (ret->end != NET_DONE)
		ret->cause = arena_printf(x->arena, "%s: %s", origin, lane_cause(lane, ret->end));
	read_body(lane, x->arena, ret);
	net->lane = NULL;
	lane_return(lane);
	return ret->end;
}

enum net_end net_stream(
	struct net *net, struct arena *arena, const struct net_stream *call, struct net_result *ret)
{
	struct exchange x = {.call = call, .arena = arena, .ret = ret, .began_us = clock_mono_us()};
	char origin[BREAKER_ORIGIN_BYTES] = "";
	CURLU *url;

	net_forget(net);
	*ret = (struct net_result){
		.head = {.content_type = "", .request_id = ""}, .body = "", .cause = ""};
	metrics_add(METRIC_NET_CALLS, 1);
	const char *why = http_read_url(call->url, call->trust, &url, origin);
	if (why == NULL)
		return exchange(net, &x, url, origin);
	curl_url_cleanup(url);
	if (call->trust != NET_USER)
		return refuse(arena, ret, NET_CONNECT, why);
	metrics_add(METRIC_NET_ADDRESS_REFUSED, 1);
	ret->cause = why;
	return ret->end = NET_CONNECT;
}
