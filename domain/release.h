/* IDE builds: the feed from memory, and publishing (product.md section 8). */
#ifndef TURNPIKE_RELEASE_H
#define TURNPIKE_RELEASE_H

#include "../fcgi/db/db.h"

/* What a client says of itself. */
struct release_query {
	const char *platform, *quality, *commit; /* commit: 4 to 64 hexadecimal digits, any case */
	const char *address;			 /* rollout is stable per network */
	const char *user_agent;			 /* tells the system's version, where it does */
};

struct release_build {
	const char *platform, *quality, *commit, *name, *product_version, *url, *sha256_hex,
		*min_os, *notes;
	i64 rollout_percent, published_at_us;
	bool is_paused;
};

/* Whether a VS Code-derived client can send this platform. */
bool release_platform_known(const char *platform);
bool release_quality_known(const char *quality);

/* The build to offer (copied into the arena), or NULL: current, nothing published, or the database
 * was away at the last look. Answers from memory. */
const struct release_build *release_for(struct arena *arena, const struct release_query *query);
/* Looks whether the table has changed, and reads it anew; once a second by the worker's tick. */
void release_refresh(struct db *db);

/* Whether this network is among the first `percent` of a build's rollout. */
bool release_in_rollout(const char *address, const char *commit, i64 percent);
/* Whether the system that the user agent tells of is older than min_os ("10.0.19045", "22.1"). */
bool release_os_too_old(const char *user_agent, const char *min_os);

/* Operators. Each is one transaction with the snapshot's version. */
struct release_insert_in;
int release_add(
	struct db *db, const struct release_insert_in *release); /* E_CONFLICT: published already */
int release_pause(struct db *db, const char *platform, const char *quality, const char *commit,
	bool is_paused);
int release_rollout(
	struct db *db, const char *platform, const char *quality, const char *commit, i64 percent);

#endif
