/* turnpike release: publishing builds of the IDE. */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "../../domain/release.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "gen/sql.h"
#include "turnpike.h"

struct digests {
	u64 size;
	unsigned char sha256[32], sha512[64];
};

/* One pass over the file for both digests and the size. */
static bool digest_file(const char *path, struct digests *ret)
{
	FILE *in = fopen(path, "rb");
	EVP_MD_CTX *small = EVP_MD_CTX_new(), *large = EVP_MD_CTX_new();
	static unsigned char chunk[256 * 1024];
	struct stat st;
	bool ok = in != NULL && small != NULL && large != NULL && fstat(fileno(in), &st) == 0 &&
		  S_ISREG(st.st_mode) && EVP_DigestInit_ex(small, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestInit_ex(large, EVP_sha512(), NULL) == 1;

	ret->size = 0;
	for (size_t n; ok && (n = fread(chunk, 1, sizeof(chunk), in)) > 0; ret->size += n)
		ok = EVP_DigestUpdate(small, chunk, n) == 1 &&
		     EVP_DigestUpdate(large, chunk, n) == 1;
	ok = ok && ferror(in) == 0 && EVP_DigestFinal_ex(small, ret->sha256, NULL) == 1 &&
	     EVP_DigestFinal_ex(large, ret->sha512, NULL) == 1;
	EVP_MD_CTX_free(small);
	EVP_MD_CTX_free(large);
	if (in != NULL)
		fclose(in);
	return ok && ret->size > 0;
}

static int refuse(const char *what, const char *value)
{
	fprintf(stderr, "%s%s\nNothing was published.\n", what, value);
	return EXIT_FAILED;
}

/* What the operator says of the file must hold for it: at least a digest, from where it was built,
 * so that what was damaged or swapped on the way here is not published. */
static int check_claims(struct command_context *c, int argc, char **argv, const struct digests *d)
{
	const char *size = argument(argc, argv, "--size", NULL);
	const char *small = argument(argc, argv, "--sha256", NULL);
	const char *large = argument(argc, argv, "--sha512", NULL);
	i64 n;

	if (small == NULL && large == NULL)
		return refuse("Give --sha256 or --sha512 of the file, as its build told it.", "");
	if (size != NULL && (!str_to_i64(size, &n) || n < 0 || (u64)n != d->size))
		return refuse("The file's size is ", arena_printf(&c->arena, "%llu bytes, not %s.",
							     (unsigned long long)d->size, size));
	if (small != NULL && !str_equal_nocase(small, hex_encode(&c->arena, d->sha256, 32)))
		return refuse("The file's SHA-256 is ", hex_encode(&c->arena, d->sha256, 32));
	if (large != NULL && !str_equal_nocase(large, hex_encode(&c->arena, d->sha512, 64)))
		return refuse("The file's SHA-512 is ", hex_encode(&c->arena, d->sha512, 64));
	return EXIT_FINE;
}

/* The --commit in lower case, as it is stored and compared; NULL when there is none, "" when it is
 * no commit. */
static const char *commit_of(struct command_context *c, int argc, char **argv)
{
	const char *text = argument(argc, argv, "--commit", NULL);

	if (text == NULL)
		return NULL;
	size_t length = strlen(text);
	if (length < 4 || length > 64 || strspn(text, "0123456789abcdefABCDEF") != length)
		return "";
	char *lower = arena_strdup(&c->arena, text);
	for (char *p = lower; *p != '\0'; p++)
		*p |= 0x20; /* digits have that bit already */
	return lower;
}

static int refuse_commit(int argc, char **argv)
{
	return refuse(
		"A commit has 4 to 64 hexadecimal digits: ", argument(argc, argv, "--commit", ""));
}

static int add(struct command_context *c, int argc, char **argv)
{
	const char *file = argument(argc, argv, "--file", NULL);
	struct release_insert_in in = {
		.platform = argument(argc, argv, "--platform", NULL),
		.quality = argument(argc, argv, "--quality", NULL),
		.commit_id = commit_of(c, argc, argv),
		.product_version = argument(argc, argv, "--version", NULL),
		.url = argument(argc, argv, "--url", NULL),
		.min_os = argument(argc, argv, "--min-os", NULL),
		.notes = argument(argc, argv, "--notes", NULL),
		.published_at_us = clock_now_us(),
	};
	struct digests digests;

	if (file == NULL || in.platform == NULL || in.quality == NULL || in.commit_id == NULL ||
		in.product_version == NULL || in.url == NULL)
		return command_usage(c);
	if (!release_platform_known(in.platform))
		return refuse("This platform is not known: ", in.platform);
	if (!release_quality_known(in.quality))
		return refuse("The quality is 'stable' or 'insider', not ", in.quality);
	if (in.commit_id[0] == '\0')
		return refuse_commit(argc, argv);
	if (!str_starts(in.url, "https://") && !str_starts(in.url, "http://127.0.0.1"))
		return refuse("The address must be https://: ", in.url);
	if (!str_to_i64(argument(argc, argv, "--rollout", "100"), &in.rollout_percent) ||
		in.rollout_percent < 0 || in.rollout_percent > 100)
		return refuse("--rollout takes 0 to 100", "");
	if (!digest_file(file, &digests))
		return refuse("The file cannot be read or is empty: ", file);
	int status = check_claims(c, argc, argv, &digests);
	if (status != EXIT_FINE)
		return status;
	in.name =
		argument(argc, argv, "--name", arena_printf(&c->arena, "v%s", in.product_version));
	in.size_bytes = digests.size;
	in.sha256 = (struct sql_bytes){digests.sha256, sizeof(digests.sha256)};
	in.sha512 = (struct sql_bytes){digests.sha512, sizeof(digests.sha512)};
	if (release_add(&c->db, &in) != 0)
		return command_failed(c, "The release could not be published");
	printf("Published %s %s %s (%llu bytes, sha256 %s), rollout %lld %%.\n", in.platform,
		in.quality, in.commit_id, (unsigned long long)in.size_bytes,
		hex_encode(&c->arena, digests.sha256, 32), (long long)in.rollout_percent);
	return EXIT_FINE;
}

static int list(struct command_context *c)
{
	struct release_all_row *row;
	size_t n;

	if (sql_release_all(&c->db, &row, &n) != 0)
		return command_failed(c, "The releases could not be read");
	for (size_t i = 0; i < n; i++)
		printf("%s\t%s\t%s\t%s\t%s\t%lld%%\t%s\n",
			clock_iso8601(&c->arena, row[i].published_at_us), row[i].platform,
			row[i].quality, row[i].commit_id, row[i].product_version,
			(long long)row[i].rollout_percent, row[i].is_paused ? "paused" : "live");
	return EXIT_FINE;
}

static int change(struct command_context *c, int argc, char **argv)
{
	const char *platform = argument(argc, argv, "--platform", NULL);
	const char *quality = argument(argc, argv, "--quality", NULL);
	const char *commit = commit_of(c, argc, argv);
	const char *verb = argv[1];
	i64 percent = 0;
	int rc;

	if (platform == NULL || quality == NULL || commit == NULL)
		return command_usage(c);
	if (commit[0] == '\0')
		return refuse_commit(argc, argv);
	if (str_equal(verb, "rollout")) {
		if (!str_to_i64(argument(argc, argv, "--percent", ""), &percent) || percent < 0 ||
			percent > 100)
			return refuse("--percent takes 0 to 100", "");
		rc = release_rollout(&c->db, platform, quality, commit, percent);
	} else {
		rc = release_pause(&c->db, platform, quality, commit, str_equal(verb, "pause"));
	}
	if (rc != 0)
		return command_failed(c, "Nothing was changed");
	puts("Done; workers see it within a second.");
	return EXIT_FINE;
}

int command_release(struct command_context *c, int argc, char **argv)
{
	if (argc == 2 && str_equal(argv[1], "list"))
		return list(c);
	if (argc > 2 && str_equal(argv[1], "add"))
		return add(c, argc, argv);
	if (argc > 2 && (str_equal(argv[1], "pause") || str_equal(argv[1], "resume") ||
				str_equal(argv[1], "rollout")))
		return change(c, argc, argv);
	return command_usage(c);
}
