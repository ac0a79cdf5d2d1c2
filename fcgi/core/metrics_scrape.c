/* Reads the metrics files of a folder, and which of their owners live. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metrics.h"
#include "metrics_file.h"

#define FILE_PREFIX "metrics."

static void scrape_close(void *arg)
{
	struct metrics_scrape *s = arg;

	if (s->dir != NULL)
		closedir(s->dir);
	for (size_t i = 0; i < s->n; i++)
		munmap((void *)s->source[i].file, s->source[i].bytes);
}

/* Whether a file is what its name says, as this program writes it. */
static bool is_ours(const struct metrics_file *f, size_t bytes, const char *name)
{
	char expected[sizeof(FILE_PREFIX) + METRICS_POOL_MAX + 12];
	struct metrics_head head;

	if (memchr(f->head.pool, '\0', sizeof(f->head.pool)) == NULL ||
		f->head.n_routes > METRIC_ROUTES_MAX)
		return false;
	head = metrics_head(f->head.pool, f->head.slot, f->head.n_routes);
	snprintf(expected, sizeof(expected), FILE_PREFIX "%s.%u", head.pool, head.slot);
	if (memcmp(&head, &f->head, sizeof(head)) != 0 || strcmp(name, expected) != 0 ||
		bytes != metrics_file_bytes(head.n_routes))
		return false;
	for (size_t i = 0; i < head.n_routes; i++)
		if (metrics_label(f, i)[METRICS_LABEL_MAX - 1] != '\0')
			return false;
	return true;
}

static bool source_open(int dir, const char *name, struct metrics_source *ret)
{
	struct stat st;
	scoped_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	*ret = (struct metrics_source){.bytes = (size_t)st.st_size};
	if (ret->bytes < sizeof(struct metrics_file))
		return false;
	void *data = mmap(NULL, ret->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return false;
	ret->file = data;
	if (!is_ours(ret->file, ret->bytes, name)) {
		munmap(data, ret->bytes);
		return false;
	}
	for (int i = 0; i < METRICS_SEATS; i++) {
		struct flock lock = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1};
		ret->is_alive[i] = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	}
	return true;
}

static int compare_sources(const void *a_, const void *b_)
{
	const struct metrics_head *a = &((const struct metrics_source *)a_)->file->head;
	const struct metrics_head *b = &((const struct metrics_source *)b_)->file->head;
	int pools = strcmp(a->pool, b->pool);

	return pools != 0 ? pools : (a->slot > b->slot) - (a->slot < b->slot);
}

struct metrics_scrape *metrics_scrape(const char *dir, struct arena *a)
{
	struct metrics_scrape *s = arena_new(a, struct metrics_scrape);
	struct dirent *entry;
	size_t n_max = 0;

	/* Closed with the arena: a full one may leave from anywhere. */
	arena_defer(a, scrape_close, s);
	s->dir = opendir(dir);
	if (s->dir == NULL)
		return s;
	while ((entry = readdir(s->dir)) != NULL)
		n_max += strncmp(entry->d_name, FILE_PREFIX, strlen(FILE_PREFIX)) == 0;
	rewinddir(s->dir);
	s->source = arena_array(a, struct metrics_source, n_max + 1);
	while (s->n < n_max && (entry = readdir(s->dir)) != NULL) {
		if (strncmp(entry->d_name, FILE_PREFIX, strlen(FILE_PREFIX)) == 0 &&
			source_open(dirfd(s->dir), entry->d_name, &s->source[s->n]))
			s->n++;
	}
	qsort(s->source, s->n, sizeof(*s->source), compare_sources);
	return s;
}

i64 metrics_gauge(const char *dir, enum metric m, struct arena *a)
{
	const struct metrics_scrape *s = metrics_scrape(dir, a);
	i64 sum = 0;

	for (size_t i = 0; i < s->n; i++)
		for (int seat = 0; seat < METRICS_SEATS; seat++)
			if (s->source[i].is_alive[seat])
				sum += s->source[i].file->seat[seat].gauge[m].value;
	return sum;
}
