/* The network as a thread sees it, and calls whose answer is wanted as a whole. */
#include "net.h"

#include <stdlib.h>

#include "lane.h"
#include "stream.h"

enum { TIMEOUT_MS = 10000, CONNECT_MS = 5000, RESPONSE_MAX = 1024 * 1024 };

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
	net_forget(net);
	lane_close(&net->mail_lane);
	free(net);
}

int net_call(struct net *net, struct arena *arena, const struct net_request *request,
	struct net_response *ret, struct fail *fail)
{
	i64 timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : TIMEOUT_MS;
	size_t response_max = request->response_max > 0 ? request->response_max : RESPONSE_MAX;
	const struct net_stream call = {
		.method = request->method,
		.url = request->url,
		.header = request->header,
		.body = request->body,
		.body_length = request->body_length,
		.trust = request->trust,
		.client_fd = request->abort_fd,
		.connect_ms = timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS,
		.total_ms = timeout_ms,
		.response_max = response_max,
		.error_max = response_max,
		.judges_answers = true,
	};
	struct net_result result;

	*ret = (struct net_response){.content_type = "", .body = ""};
	switch (net_stream(net, arena, &call, &result)) {
	case NET_DONE:
		*ret = (struct net_response){
			.status = result.head.status,
			.content_type = result.head.content_type,
			.body = result.body,
			.body_length = result.body_length,
			.retry_after_s = result.head.retry_after_s,
		};
		return 0;
	case NET_TIMEOUT_CONNECT:
	case NET_TIMEOUT_TOTAL:
		return fail_cause(fail, E_UPSTREAM_TIMEOUT, "%s", result.cause);
	case NET_CLIENT_LEFT:
		return fail_cause(fail, E_CLIENT_LEFT, "%s", result.cause);
	default:
		return fail_cause(fail, E_UPSTREAM_ERROR, "%s", result.cause);
	}
}
