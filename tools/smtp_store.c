/* The folder of the mail sink. A mail is written under a hidden name and renamed when it is whole:
 * NNNNNNNN-<microseconds since 1970>.eml, numbered in the order of arrival. */
#include "tools/smtp_sink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi/core/clock.h"

static const char temp_prefix[] = ".incoming-";

static pthread_mutex_t store_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long last_number, last_temp;

bool store_open(const char *dir)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return false;
	DIR *d = opendir(dir);
	if (d == NULL)
		return false;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		unsigned long number;
		if (strncmp(e->d_name, temp_prefix, sizeof(temp_prefix) - 1) == 0)
			unlinkat(dirfd(d), e->d_name, 0);
		else if (sscanf(e->d_name, "%8lu-", &number) == 1 && number > last_number)
			last_number = number;
	}
	closedir(d);
	return true;
}

bool store_begin(struct stored *m, const char *dir)
{
	pthread_mutex_lock(&store_lock);
	unsigned long temp = ++last_temp;
	pthread_mutex_unlock(&store_lock);

	*m = (struct stored){.bytes = 0};
	int n = snprintf(m->temp_path, sizeof(m->temp_path), "%s/%s%d-%lu", dir, temp_prefix,
		(int)getpid(), temp);
	if (n >= (int)sizeof(m->temp_path))
		return false;
	int fd = open(m->temp_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	m->file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (fd >= 0 && m->file == NULL)
		close(fd);
	return m->file != NULL;
}

void store_write(struct stored *m, const char *data, size_t length)
{
	m->bytes += length;
	if (fwrite(data, 1, length, m->file) != length)
		m->has_failed = true;
}

bool store_commit(struct stored *m, const char *dir)
{
	char path[sizeof(m->temp_path) + 64];
	bool is_stored = false;

	if (fclose(m->file) != 0)
		m->has_failed = true;
	m->file = NULL;
	pthread_mutex_lock(&store_lock);
	for (int tries = 0; !m->has_failed && !is_stored && tries < 1000; tries++) {
		snprintf(path, sizeof(path), "%s/%08lu-%lld.eml", dir, ++last_number,
			(long long)clock_now_us());
		is_stored =
			renameat2(AT_FDCWD, m->temp_path, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
		if (!is_stored && errno != EEXIST)
			break;
	}
	pthread_mutex_unlock(&store_lock);
	if (!is_stored)
		unlink(m->temp_path);
	return is_stored;
}

void store_abandon(struct stored *m)
{
	if (m->file != NULL)
		fclose(m->file);
	m->file = NULL;
	unlink(m->temp_path);
}
