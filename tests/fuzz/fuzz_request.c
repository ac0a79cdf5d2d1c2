/* Any FastCGI environment and body, through the product's own tables: parsing, finding the route,
 * binding path, query, cookies and body, and the answer when that fails. Lines of the input are
 * NAME=value; what is behind an empty line is the body. */
#include <fcgiapp.h>
#include <string.h>

#include "fcgi/auth/auth.h"
#include "fcgi/core/str.h"
#include "fcgi/http/json.h"
#include "fcgi/http/request.h"
#include "fcgi/http/response.h"
#include "seeds.h"

enum { ENV_MAX = 300, SENT_MAX = 256 * 1024 };

#define REQUEST(method, path, headers, body) \
	"REQUEST_METHOD=" method "\nDOCUMENT_URI=" path "\nREQUEST_URI=" path "\n" headers "\n" body
#define JSON_TYPE "CONTENT_TYPE=application/json; charset=utf-8\n"
#define FORM_TYPE "CONTENT_TYPE=application/x-www-form-urlencoded\n"

static const char *const seeds[] = {
	REQUEST("GET", "/api/account/me", "HTTP_AUTHORIZATION=Bearer session:abc\n", ""),
	REQUEST("GET", "/api/account/orders", "QUERY_STRING=limit=5&before=%31%32\n", ""),
	REQUEST("GET", "/api/update/linux-x64/stable/c0ffee", "HTTP_USER_AGENT=Darwin/22\n", ""),
	REQUEST("OPTIONS", "/api/auth/verify/", "HTTP_ORIGIN=https://turnpike.example\n", ""),
	REQUEST("GET", "/api/auth/oauth/github/callback", "QUERY_STRING=code=a&state=b+c\n", ""),
	REQUEST("GET", "/api/auth/oauth/google/start", "HTTP_COOKIE=tp_oauth=a; tp_oauth=c\n", ""),
	REQUEST("POST", "/api/auth/request-code", JSON_TYPE, "{\"email\":\"ada@example.com\"}"),
	REQUEST("POST", "/api/usage/record", JSON_TYPE "HTTP_IDEMPOTENCY_KEY=k\n",
		"[{\"ts\":1,\"model\":\"m\",\"provider\":\"p\",\"cost_usd\":0.0000015}]"),
	REQUEST("POST", "/api/usage/record", JSON_TYPE, "{\"ts\":1,\"cost_usd\":1e-7,\"id\":7}"),
	REQUEST("PATCH", "/api/account/me", JSON_TYPE "CONTENT_LENGTH=24\n",
		"{\"overage_enabled\":true}"),
	REQUEST("POST", "/sandbox/oauth/consent", FORM_TYPE,
		"name=Ada&email=ada%40example.com&redirect_uri=/"),
	REQUEST("GET", "/a%2Fb", "HTTP_X=1\nHTTP_COOKIE=a=b\nHTTP_COOKIE=c=d\n", ""),
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (getenv("FUZZ_SEEDS") == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++)
		seed_write(seeds[i], strlen(seeds[i]));
	exit(0);
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void body_end(struct FCGX_Stream *stream)
{
	stream->isClosed = 1;
}

static void sent_full(struct FCGX_Stream *stream, int do_close)
{
	(void)do_close;
	stream->isClosed = 1;
}

/* One environment entry per line; returns where the body begins. */
static const char *environment(struct arena *arena, const char *p, const char *end, char **env)
{
	size_t n = 0;

	while (p < end && n < ENV_MAX) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));
		if (line_end == NULL)
			line_end = end;
		if (line_end == p)
			return p + 1;
		env[n++] = arena_strndup(arena, p, (size_t)(line_end - p));
		p = line_end < end ? line_end + 1 : end;
	}
	return p;
}

static void check_in(struct req *r)
{
	struct buf b;

	must(r->fail->code == E_OK && r->fail->n_fault == 0);
	if (r->route->in == NULL)
		return;
	must(schema_check_required(r->route->in, PLACE_BODY, r->in, r->fail) == 0 ||
		r->route->in->bare_list);
	buf_init(&b, r->arena, 0);
	schema_encode(r->route->in, r->in, &b);
	must(json_check(r->arena, b.data, b.length) == NULL);
}

static void read_request(struct req *r)
{
	if (req_parse(r) == 0 && route_find(r) == 0) {
		must(r->route != NULL && r->family != NULL);
		for (size_t i = 0; i < r->n_params; i++)
			must(r->param[i].value[0] != '\0');
		const char *token = auth_bearer(r), *cookie = req_cookie(r, "tp_oauth");
		must(token == NULL || token[0] != '\0');
		must(cookie == NULL || strchr(cookie, ';') == NULL);
		if (req_bind(r) == 0)
			check_in(r);
	}
	if (r->fail->code == E_OK) {
		resp_empty(r, 204);
		return;
	}
	resp_error(r);
	if (r->route != NULL && (r->route->flags & PAGE) != 0)
		must(strstr(r->response.body, "<script") == NULL);
	else
		must(json_check(r->arena, r->response.body, r->response.body_length) == NULL);
}

/* No header has a line break that we did not write: each line is "Name: value". */
static void check_sent(struct req *r)
{
	static char sent[SENT_MAX + 1];
	struct FCGX_Stream out = {.rdNext = (unsigned char *)sent,
		.wrNext = (unsigned char *)sent,
		.stop = (unsigned char *)sent + SENT_MAX,
		.emptyBuffProc = sent_full};

	must(resp_send(r, &out) == 0);
	*out.wrNext = '\0';
	const char *end = strstr(sent, "\r\n\r\n");
	must(end != NULL);
	for (const char *p = sent; p < end; p = strstr(p, "\r\n") + 2) {
		size_t name = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-");
		must(name > 0 && p[name] == ':' && p[name + 1] == ' ');
		must(p[strcspn(p, "\r\n")] == '\r');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};
	static struct options options = {.public_url = "https://turnpike.example"};
	static struct worker worker = {.options = &options, .pool = POOL_MAX};
	char why[300], *env[ENV_MAX + 1] = {NULL};

	if (worker.router == NULL && (worker.router = router_new(POOL_MAX, why, 300)) == NULL)
		abort();
	const char *end = (const char *)data + size;
	const char *body = environment(&arena, (const char *)data, end, env);
	unsigned char *copy = arena_memdup(&arena, body, (size_t)(end - body));
	struct FCGX_Stream in = {.isReader = 1,
		.rdNext = copy,
		.stop = copy + (end - body),
		.fillBuffProc = body_end};
	struct fail failure = {.arena = &arena};
	struct req r = {.worker = &worker,
		.arena = &arena,
		.fail = &failure,
		.env = env,
		.body_stream = &in,
		.client_fd = -1};
	read_request(&r);
	check_sent(&r);
	arena_reset(&arena);
	return 0;
}
