/* HTTP calls to the outside: checks the request before anything is looked up, asks the circuit
 * breaker, makes the call in the lane of its trust, copies the answer into the arena. */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../core/clock.h"
#include "../core/metrics.h"
#include "../core/str.h"
#include "breaker.h"
#include "lane.h"

enum { TIMEOUT_MS = 10000, RESPONSE_MAX = 1024 * 1024, METHOD_BYTES_MAX = 20 };

/* One for each enum net_trust: addresses that users make us call must not push out our own. */
static struct breaker breakers[] = {
	[NET_OPERATOR] = BREAKER_INIT,
	[NET_USER] = BREAKER_INIT,
};

void net_global_init(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

void net_set_client(struct net *net, int fd)
{
	net->client_fd = fd;
}

struct net *net_new(void)
{
	return calloc(1, sizeof(struct net));
}

void net_free(struct net *net)
{
	if (net == NULL)
		return;
	lane_close(&net->operator_lane);
	lane_close(&net->user_lane);
	lane_close(&net->mail_lane);
	free(net);
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static bool url_has(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

/* What a user's address must be before any lookup; NULL when it is. */
static const char *user_url_fault(CURLU *url, const char *host, const char *port)
{
	size_t length = strlen(host);

	if (url_has(url, CURLUPART_USER) || url_has(url, CURLUPART_PASSWORD))
		return "address holds a user name";
	if (!str_equal(port, "80") && !str_equal(port, "443"))
		return "port not allowed";
	if (url_has(url, CURLUPART_ZONEID) || length == 0 || host[length - 1] == '.')
		return "host not allowed";
	for (const char *p = host; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			return "host not allowed"; /* an IDN is given as A-labels */
	return NULL;
}

/* Parses request->url into lane->url and its origin; NULL, or why the address is refused. */
static const char *read_url(struct lane *lane, const struct net_request *request, char *ret_origin)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	const char *why = "address is malformed";

	lane->url = curl_url();
	if (lane->url == NULL || has_control(request->url) || strchr(request->url, ' ') != NULL ||
		curl_url_set(lane->url, CURLUPART_URL, request->url,
			CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS) != CURLUE_OK)
		return why;
	if (curl_url_get(lane->url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(lane->url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		if (!str_equal(scheme, "http") && !str_equal(scheme, "https"))
			why = "scheme not allowed";
		else if (curl_url_get(lane->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
			 CURLUE_OK)
			why = request->trust == NET_USER ? user_url_fault(lane->url, host, port)
							 : NULL;
	}
	if (why == NULL) {
		int n = snprintf(
			ret_origin, BREAKER_ORIGIN_BYTES, "%s://%s:%s", scheme, host, port);
		if (n >= BREAKER_ORIGIN_BYTES)
			why = "host name is too long";
		for (char *p = ret_origin; *p != '\0'; p++)
			*p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return why;
}

#define SET(option, value) (curl_easy_setopt(lane->easy, (option), (value)) == CURLE_OK)

static bool set_headers(struct lane *lane, const struct net_request *request)
{
	bool has_type = false;

	for (const char *const *line = request->header; line != NULL && *line != NULL; line++) {
		if (has_control(*line) || !lane_header(lane, *line))
			return false;
		has_type |= strncasecmp(*line, "content-type:", 13) == 0;
	}
	/* An empty value takes back what libcurl would add by itself. */
	return (has_type || lane_header(lane, "Content-Type:")) && lane_header(lane, "Expect:") &&
	       SET(CURLOPT_HTTPHEADER, lane->list);
}

static bool set_method(struct lane *lane, const struct net_request *request)
{
	const char *method = request->method;
	size_t length = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	bool has_body = request->body_length > 0 || str_equal(method, "POST") ||
			str_equal(method, "PUT") || str_equal(method, "PATCH");

	if (length == 0 || length > METHOD_BYTES_MAX || method[length] != '\0')
		return false;
	if (str_equal(method, "HEAD"))
		return SET(CURLOPT_NOBODY, 1L);
	if (!has_body)
		return SET(CURLOPT_HTTPGET, 1L) && SET(CURLOPT_CUSTOMREQUEST, method);
	return SET(CURLOPT_POST, 1L) &&
	       SET(CURLOPT_POSTFIELDS, request->body_length > 0 ? request->body : "") &&
	       SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length) &&
	       SET(CURLOPT_CUSTOMREQUEST, method);
}

/* Sets the call up; NULL, or why it cannot be made. */
static const char *prepare(struct lane *lane, const struct net_request *request, char *ret_origin)
{
	bool is_user = request->trust == NET_USER;
	i64 timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : TIMEOUT_MS;
	size_t body_max = request->response_max > 0 ? request->response_max : RESPONSE_MAX;

	if (!lane_begin(lane, is_user ? LANE_PUBLIC : LANE_ANY, timeout_ms, body_max))
		return "libcurl cannot be set up";
	const char *why = read_url(lane, request, ret_origin);
	if (why != NULL)
		return why;
	if (!set_method(lane, request) || !set_headers(lane, request))
		return "method or header is malformed";
	if (!SET(CURLOPT_CURLU, lane->url) || !SET(CURLOPT_PROTOCOLS_STR, "http,https") ||
		!SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
		!SET(CURLOPT_PATH_AS_IS, 1L) ||
		!SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)body_max) ||
		!SET(CURLOPT_USERAGENT, "turnpike/" PACKAGE_VERSION))
		return "libcurl cannot be set up";
	return NULL;
}

static enum breaker_outcome outcome_of(const struct lane *lane, CURLcode code, long status)
{
	if (lane->has_left || lane->is_refused)
		return BREAKER_UNKNOWN;
	if (code == CURLE_OK)
		return status >= 500 ? BREAKER_FAILED : BREAKER_OK;
	/* Too much of an answer is an answer. */
	return lane->is_too_large || code == CURLE_FILESIZE_EXCEEDED ? BREAKER_OK : BREAKER_FAILED;
}

static void read_answer(struct lane *lane, long status, struct arena *a, struct net_response *ret)
{
	const char *type = NULL;
	curl_off_t retry_after_s = 0;

	curl_easy_getinfo(lane->easy, CURLINFO_CONTENT_TYPE, &type);
	curl_easy_getinfo(lane->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	ret->status = (int)status;
	ret->retry_after_s = retry_after_s > 0 ? retry_after_s : 0;
	ret->content_type = arena_strdup(a, type != NULL ? type : "");
	if (lane->body_length > 0)
		ret->body = arena_strndup(a, lane->body, lane->body_length);
	ret->body_length = lane->body_length;
}

int net_call(struct net *net, struct arena *arena, const struct net_request *request,
	struct net_response *ret, struct fail *fail)
{
	bool is_user = request->trust == NET_USER;
	struct lane *lane = is_user ? &net->user_lane : &net->operator_lane;
	struct breaker *breaker = &breakers[is_user ? NET_USER : NET_OPERATOR];
	char origin[BREAKER_ORIGIN_BYTES] = "";
	long status = 0;

	*ret = (struct net_response){.content_type = "", .body = ""};
	metrics_add(METRIC_NET_CALLS, 1);
	const char *why = prepare(lane, request, origin);
	if (why != NULL) {
		metrics_add(is_user ? METRIC_NET_ADDRESS_REFUSED : METRIC_NET_FAILED, 1);
		return fail_cause(fail, E_UPSTREAM_ERROR, "%s", why);
	}
	enum breaker_pass pass = breaker_enter(breaker, origin, clock_mono_us());
	if (pass == BREAKER_REFUSED) {
		metrics_add(METRIC_NET_BREAKER_REFUSED, 1);
		return fail_cause(fail, E_UPSTREAM_ERROR, "%s: breaker open", origin);
	}
	CURLcode code = lane_run(lane, request->abort_fd > 0 ? request->abort_fd : net->client_fd);
	curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
	if (breaker_leave(breaker, origin, pass, outcome_of(lane, code, status), clock_mono_us()))
		metrics_add(METRIC_NET_BREAKER_OPENED, 1);
	if (code == CURLE_OK) {
		read_answer(lane, status, arena, ret);
		return 0;
	}
	metrics_add(lane->is_refused ? METRIC_NET_ADDRESS_REFUSED : METRIC_NET_FAILED, 1);
	return fail_cause(fail,
		code == CURLE_OPERATION_TIMEDOUT ? E_UPSTREAM_TIMEOUT : E_UPSTREAM_ERROR, "%s: %s",
		origin, lane_cause(lane, code));
}
