/* The IDE's update feed (product.md section 8; upstreams.md section 4). */
#include <string.h>

#include "../../domain/release.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "product.h"

struct product_update_in {
	const char *platform, *quality, *commit;
};
SCHEMA(product_update_in,
	STR(product_update_in, platform, REQUIRED, PATH, .max = 32, .error = E_INVALID_PLATFORM),
	STR(product_update_in, quality, REQUIRED, PATH, .max = 16, .error = E_NOT_FOUND),
	STR(product_update_in, commit, REQUIRED, PATH, .min = 4, .max = 64));

struct product_update {
	const char *url, *name, *version, *product_version, *hash, *sha256hash, *pub_date, *notes;
	i64 timestamp;
};
SCHEMA(product_update, STR(product_update, url, REQUIRED), STR(product_update, name, REQUIRED),
	STR(product_update, version, REQUIRED, DOC("Commit of the build")),
	STR(product_update, product_version, REQUIRED, .json = "productVersion"),
	STR(product_update, hash, REQUIRED, DOC("sha256: and 64 hexadecimal digits")),
	I64(product_update, timestamp, REQUIRED), STR(product_update, sha256hash, REQUIRED),
	STR(product_update, pub_date, REQUIRED, DOC("ISO 8601, for Squirrel.Mac")),
	STR(product_update, notes));

int product_update_get(struct req *r, const void *in_, void *out_)
{
	const struct product_update_in *in = in_;
	struct product_update *out = out_;
	struct release_query query = {
		in->platform, in->quality, in->commit, r->remote_addr, r->user_agent};

	if (!release_platform_known(in->platform))
		return fail(r->fail, E_INVALID_PLATFORM, "The platform '%s' is not known.",
			in->platform);
	if (!release_quality_known(in->quality))
		return fail(r->fail, E_NOT_FOUND, "The quality is 'stable' or 'insider'.");
	if (strspn(in->commit, "0123456789abcdefABCDEF") != strlen(in->commit)) {
		fail_fault(r->fail, "commit", "hexadecimal");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	r->response.cache_control = "no-cache";
	const struct release_build *build = release_for(r->arena, &query);
	if (build == NULL)
		return resp_empty(r, 204);
	bool in_ms = str_equal(r->worker->options->updates_timestamp_unit, "ms");
	*out = (struct product_update){
		.url = build->url,
		.name = build->name,
		.version = build->commit,
		.product_version = build->product_version,
		.hash = arena_printf(r->arena, "sha256:%s", build->sha256_hex),
		.sha256hash = build->sha256_hex,
		.pub_date = clock_iso8601(r->arena, build->published_at_us),
		.notes = build->notes,
		.timestamp = build->published_at_us / (in_ms ? US_PER_MS : US_PER_S),
	};
	return 0;
}
