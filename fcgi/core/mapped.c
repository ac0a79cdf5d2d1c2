/* Files that several processes map. */
#include "mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int mapped_lock_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - path);

	if (length >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(folder, path, length);
	folder[length] = '\0';
	if (length == 0)
		strcpy(folder, slash == NULL ? "." : "/");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX) != 0) {
		if (errno == EINTR)
			continue;
		close(fd);
		return -1;
	}
	return fd;
}

void mapped_close(struct mapped *m)
{
	int saved = errno;

	if (m->data != NULL)
		munmap(m->data, m->bytes);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct mapped){.fd = -1};
	errno = saved;
}

static bool map(struct mapped *m)
{
	void *data = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);

	if (data == MAP_FAILED) {
		mapped_close(m);
		return false;
	}
	m->data = data;
	return true;
}

bool mapped_open(const char *path, size_t bytes, struct mapped *ret)
{
	struct stat st;
	struct mapped m = {.fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW), .bytes = bytes};

	if (m.fd < 0)
		return false;
	if (fstat(m.fd, &st) != 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size != bytes) {
		errno = EINVAL;
		mapped_close(&m);
		return false;
	}
	if (!map(&m))
		return false;
	*ret = m;
	return true;
}

static bool name_new(char ret[PATH_MAX], const char *path)
{
	if (snprintf(ret, PATH_MAX, "%s.new", path) < PATH_MAX)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

bool mapped_make(const char *path, size_t bytes, struct mapped *ret)
{
	char name[PATH_MAX];
	struct mapped m = {.fd = -1, .bytes = bytes};

	if (!name_new(name, path))
		return false;
	if (unlink(name) != 0 && errno != ENOENT) /* left by a process that died here */
		return false;
	m.fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0660);
	if (m.fd < 0)
		return false;
	int rc = posix_fallocate(m.fd, 0, (off_t)bytes);
	if (rc != 0) {
		unlink(name);
		errno = rc;
		mapped_close(&m);
		return false;
	}
	if (!map(&m)) {
		int saved = errno;
		unlink(name);
		errno = saved;
		return false;
	}
	*ret = m;
	return true;
}

bool mapped_publish(struct mapped *m, const char *path)
{
	char name[PATH_MAX];

	if (name_new(name, path) && rename(name, path) == 0)
		return true;
	mapped_close(m);
	return false;
}
