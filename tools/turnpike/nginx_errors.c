/* The answers that nginx itself gives, in a family's dialect: too large, too many, a pool that is
 * away. */
#include "nginx.h"

#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/route.h"

/* nginx's text in single quotes; '$' cannot be escaped there, and no error text has one. */
static void write_quoted(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', out);
		if (*text != '\n')
			fputc(*text, out);
	}
}

static void write_body(const struct dialect *dialect, const struct fail *failure, bool is_openai,
	const char *indent, FILE *out)
{
	struct dialect_form form = {"$turnpike_request_id", is_openai};
	struct buf body;

	buf_init(&body, failure->arena, 256);
	dialect->render(failure, &form, &body);
	fprintf(out, "%sreturn %d '", indent, dialect_status(dialect, failure->code));
	write_quoted(body.data, out);
	fputs("';\n", out);
}

/* Nothing tells what is left of a window that nginx's own counting cut short: at most all of it. */
static void write_rate(const struct limit_row *l, FILE *out)
{
	long long count = (long long)l->count, window_s = (long long)l->window_s;

	fprintf(out,
		"\tadd_header RateLimit-Policy \"%lld;w=%lld\" always;\n"
		"\tadd_header RateLimit-Limit %lld always;\n"
		"\tadd_header RateLimit-Remaining 0 always;\n"
		"\tadd_header RateLimit-Reset %lld always;\n"
		"\tadd_header RateLimit \"limit=%lld, remaining=0, reset=%lld\" always;\n",
		count, window_s, count, window_s, count, window_s);
}

static void write_error(const struct dialect *dialect, enum error code, int status,
	const struct limit_row *limit, i64 retry_after_s, struct arena *arena, FILE *out)
{
	struct fail failure = {.arena = arena, .code = code, .retry_after_s = retry_after_s};
	const char *suffix = limit != NULL ? arena_printf(arena, "/%s", limit->name) : "";

	fprintf(out,
		"location = /.error/%s/%d%s {\n\tinternal;\n\tdefault_type application/json;\n"
		"\tclient_max_body_size 0;\n" /* else a large body makes a second error of it */
		"\tinclude turnpike/headers-api.conf;\n\tadd_header Cache-Control no-store "
		"always;\n",
		dialect->name, status, suffix);
	if (dialect->id_header != NULL)
		fprintf(out, "\tadd_header %s $turnpike_request_id always;\n", dialect->id_header);
	if (code == E_METHOD_NOT_ALLOWED)
		fputs("\tadd_header Allow $turnpike_allow always;\n", out);
	if (retry_after_s > 0 && dialect->retry_after)
		fprintf(out, "\tadd_header Retry-After %lld always;\n", (long long)retry_after_s);
	if (limit != NULL && dialect->rate_headers)
		write_rate(limit, out);
	if (dialect->has_openai) {
		fputs("\tadd_header Access-Control-Allow-Origin $turnpike_cors_origin always;\n"
		      "\tif ($http_x_error_format ~* ^openai$) {\n",
			out);
		write_body(dialect, &failure, true, "\t\t", out);
		fputs("\t}\n", out);
	}
	write_body(dialect, &failure, false, "\t", out);
	fputs("}\n", out);
}

void nginx_write_errors(const struct dialect *dialect, struct arena *arena, FILE *out)
{
	static const struct {
		int nginx_status;
		enum error code;
		i64 retry_after_s;
	} errors[] = {
		{400, E_BAD_REQUEST, 0},
		{403, E_FORBIDDEN, 0},
		{404, E_NOT_FOUND, 0},
		{405, E_METHOD_NOT_ALLOWED, 0},
		{413, E_PAYLOAD_TOO_LARGE, 0},
		{414, E_URI_TOO_LONG, 0},
		{415, E_UNSUPPORTED_MEDIA_TYPE, 0},
		{494, E_HEADERS_TOO_LARGE, 0},
		{500, E_INTERNAL, 0},
		{501, E_BAD_REQUEST, 0}, /* an unknown transfer coding */
		{505, E_BAD_REQUEST, 0}, /* another version of HTTP */
		{502, E_UNAVAILABLE, 1}, /* our own worker is away or full, no upstream of ours */
		{503, E_UNAVAILABLE, 1},
		{504, E_UNAVAILABLE, 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		write_error(dialect, errors[i].code, errors[i].nginx_status, NULL,
			errors[i].retry_after_s, arena, out);
	for (size_t i = 0; i < LIMIT_MAX; i++) {
		const struct limit_row *l = &limit_table[i];
		if (nginx_counts((enum limit_id)i))
			write_error(dialect, E_RATE_LIMITED, 429, l, nginx_retry_after_s(l), arena,
				out);
	}
}
