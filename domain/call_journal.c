/* Files of calls under way, and who owns them. */
#include "call_journal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fcgi/core/clock.h"

#define PREFIX "calls."
static const u64 magic = 0x7475726e70696b03; /* changes with the layout */

int journal_new(struct journal *j, const char *dir, const char *pool, size_t n_records)
{
	size_t bytes = sizeof(struct journal_head) + n_records * sizeof(struct call_record);
	int rc = -1;

	snprintf(j->path, sizeof(j->path), "%s/" PREFIX "%s.%d.%lld", dir, pool, (int)getpid(),
		(long long)clock_now_us());
	int folder = mapped_lock_folder(j->path);
	if (folder < 0)
		return -1;
	/* Nobody sees the file before it is locked and whole: orphans are looked for under the same
	 * lock, and this process may be killed at any point. */
	if (mapped_make(j->path, bytes, &j->mapped) &&
		flock(j->mapped.fd, LOCK_EX | LOCK_NB) == 0) {
		j->head = j->mapped.data;
		j->head->n_records = n_records;
		j->head->magic = magic;
		rc = mapped_publish(&j->mapped, j->path) ? 0 : -1;
	}
	close(folder);
	return rc;
}

void journal_remove(struct journal *j)
{
	unlink(j->path);
	journal_leave(j);
}

void journal_leave(struct journal *j)
{
	mapped_close(&j->mapped); /* and with it the lock */
	j->head = NULL;
}

/* False: its owner lives, or it is none of ours. */
static bool adopt(struct journal *j)
{
	struct stat st, named;

	if (stat(j->path, &named) != 0 || !mapped_open(j->path, (size_t)named.st_size, &j->mapped))
		return false;
	j->head = j->mapped.data;
	/* It may have been settled and removed while we waited for the lock. */
	if (flock(j->mapped.fd, LOCK_EX | LOCK_NB) == 0 && fstat(j->mapped.fd, &st) == 0 &&
		st.st_nlink > 0 && j->mapped.bytes >= sizeof(struct journal_head) &&
		j->head->magic == magic &&
		j->mapped.bytes == sizeof(struct journal_head) +
					   j->head->n_records * sizeof(struct call_record))
		return true;
	journal_leave(j);
	return false;
}

bool journal_orphan(struct journal *j, const char *dir, size_t skip)
{
	bool found = false;
	DIR *d = opendir(dir);

	snprintf(j->path, sizeof(j->path), "%s/x", dir);
	int folder = mapped_lock_folder(j->path);
	for (struct dirent *e; d != NULL && folder >= 0 && !found && (e = readdir(d)) != NULL;) {
		if (strncmp(e->d_name, PREFIX, sizeof(PREFIX) - 1) != 0)
			continue;
		snprintf(j->path, sizeof(j->path), "%s/%.100s", dir, e->d_name);
		if (strstr(e->d_name, ".new") != NULL) {
			unlink(j->path); /* of one who was killed: who makes one has the lock */
			continue;
		}
		found = adopt(j);
		if (found && skip > 0) {
			journal_leave(j);
			found = false;
			skip--;
		}
	}
	if (folder >= 0)
		close(folder);
	if (d != NULL)
		closedir(d);
	return found;
}
