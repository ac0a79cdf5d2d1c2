/* turnpike doctor: looks at what an installation needs, and says what to do about what is wrong. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../domain/password.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/seal.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/route.h"
#include "gen/sql.h"
#include "turnpike.h"

enum { FREE_MIN_MIB = 512, OUTBOX_WAIT_S = 120 };

struct findings {
	int good, bad;
};

static void good(struct findings *f, const char *what, const char *detail)
{
	f->good++;
	printf("ok     %s%s%s\n", what, detail[0] != '\0' ? ": " : "", detail);
}

static void bad(struct findings *f, const char *what, const char *why, const char *fix)
{
	f->bad++;
	printf("FAULT  %s: %s\n       %s\n", what, why, fix);
}

static void check_config(struct command_context *c, struct findings *f)
{
	good(f, "configuration", c->config);
	if (c->options.config_key[0] == '\0')
		bad(f, "config_key", "not set, so sign-in codes are not protected",
			"Put `config_key_file = /etc/turnpike/config_key` into [server]; "
			"`openssl rand -hex 32` makes one.");
	if (c->options.encryption_key[0] == '\0')
		bad(f, "encryption_key", "not set, so nobody can turn the second factor on",
			"Put `encryption_key_file = /etc/turnpike/encryption_key` into [server]; "
			"`openssl rand -base64 32` makes one.");
	if (seal_fault(&c->options) != NULL)
		bad(f, "encryption keys", seal_fault(&c->options),
			"No worker starts before this is put right.");
	if (str_equal(c->options.limits_mode, "dry-run"))
		bad(f, "limits", "counted but not enforced", "Set mode = enforce in [limits].");
	if (c->options.sandbox && str_starts(c->options.public_url, "https://"))
		bad(f, "sandbox", "on, at an address that looks like production",
			"Set sandbox = no in [server].");
}

static void check_passwords(struct command_context *c, struct findings *f)
{
	const char *cut;
	struct password_room room = password_room(&c->options, password_cores(), &cut);
	const char *text = arena_printf(&c->arena,
		"%u hashed at a time in each process, %u may wait", room.hashes, room.waiting);

	if (cut != NULL)
		bad(f, "passwords", text, cut);
	else
		good(f, "passwords", text);
}

static void check_state_dir(struct command_context *c, struct findings *f)
{
	const char *dir = c->options.state_dir;
	struct statvfs fs;

	if (access(dir, W_OK | X_OK) != 0) {
		bad(f, "state folder", strerror(errno),
			arena_printf(&c->arena, "mkdir -p %s/run %s/shm && chown turnpike: %s/*",
				dir, dir, dir));
		return;
	}
	if (statvfs(dir, &fs) == 0 && fs.f_bavail * (fs.f_frsize / 1024) / 1024 < FREE_MIN_MIB)
		bad(f, "disk", "less than 512 MiB free", "Make room, or move state_dir.");
	else
		good(f, "state folder", dir);
}

/* Systemd's in production, tools/up's where the sandbox runs. */
static const char *start_hint(struct command_context *c, const char *unit)
{
	return c->options.sandbox ? "./tools/up"
				  : arena_printf(&c->arena, "systemctl start turnpike-%s", unit);
}

static void check_outbox(
	struct command_context *c, struct findings *f, const struct outbox_counts_row *outbox)
{
	i64 waited_s = (clock_now_us() - outbox->oldest_at_us) / US_PER_S;

	if (outbox->dead > 0)
		bad(f, "outbox",
			arena_printf(&c->arena, "%lld rows were given up", (long long)outbox->dead),
			"turnpike outbox list dead");
	if (outbox->pending > 0 && waited_s > OUTBOX_WAIT_S)
		bad(f, "outbox",
			arena_printf(&c->arena, "%lld waiting, the oldest for %lld s",
				(long long)outbox->pending, (long long)waited_s),
			arena_printf(&c->arena,
				"`turnpike outbox list` shows why; if nothing was tried: %s",
				start_hint(c, "jobs.service")));
	else if (outbox->dead == 0)
		good(f, "outbox",
			arena_printf(&c->arena, "%lld waiting", (long long)outbox->pending));
}

static void check_database(struct command_context *c, struct findings *f)
{
	struct outbox_counts_row outbox;
	struct catalog_current_row catalog;

	if (db_ping(&c->db) != 0) {
		bad(f, "database", c->fail.cause != NULL ? c->fail.cause : "no answer",
			"Start MariaDB and check [database] in the configuration.");
		return;
	}
	good(f, "database", c->options.db_name);
	if (sql_outbox_counts(&c->db, clock_now_us(), &outbox) != 0) {
		bad(f, "tables", "missing or of another version", "turnpike migrate");
		return;
	}
	good(f, "tables", "");
	check_outbox(c, f, &outbox);
	if (sql_catalog_current(&c->db, clock_now_us(), &catalog) == SQL_NONE)
		bad(f, "catalog", "nothing is sold", "turnpike catalog load FILE");
}

static bool socket_answers(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return false;
	strcpy(address.sun_path, path);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static void check_pools(struct command_context *c, struct findings *f)
{
	for (int pool = 0; pool < POOL_MAX; pool++) {
		if (pool == POOL_SANDBOX && !c->options.sandbox)
			continue;
		const char *path = arena_printf(
			&c->arena, "%s/run/%s.sock", c->options.state_dir, pool_names[pool]);
		if (socket_answers(path))
			good(f, arena_printf(&c->arena, "pool %s", pool_names[pool]), path);
		else
			bad(f, arena_printf(&c->arena, "pool %s", pool_names[pool]),
				"its socket does not answer",
				start_hint(
					c, arena_printf(&c->arena, "%s.socket", pool_names[pool])));
	}
}

int command_doctor(struct command_context *c, int argc, char **argv)
{
	struct findings f = {0, 0};

	(void)argc, (void)argv;
	check_config(c, &f);
	check_passwords(c, &f);
	check_state_dir(c, &f);
	check_database(c, &f);
	check_pools(c, &f);
	printf("%d fine, %d %s\n", f.good, f.bad, f.bad == 1 ? "fault" : "faults");
	return f.bad == 0 ? EXIT_FINE : EXIT_FAILED;
}
