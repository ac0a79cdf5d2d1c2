/* Files that several processes map. Each is made whole under another name before it gets its own,
 * so nobody ever maps half of one; its blocks are reserved, so a full disk is an error when it is
 * made and not SIGBUS later. */
#ifndef TURNPIKE_MAPPED_H
#define TURNPIKE_MAPPED_H

#include "types.h"

struct mapped {
	int fd;
	void *data;
	size_t bytes;
};

/* Waits until no other process makes or opens shared files in path's folder; the lock ends with the
 * descriptor. -1 and errno when the folder cannot be opened. */
int mapped_lock_folder(const char *path);
/* Maps an existing file. False and errno when there is none, or it is not of this size (EINVAL). */
bool mapped_open(const char *path, size_t bytes, struct mapped *ret);
/* A zeroed file that has no name yet: mapped_publish() puts it in the place of path. The caller
 * holds the folder's lock from before this until then. */
bool mapped_make(const char *path, size_t bytes, struct mapped *ret);
/* On failure the file is closed. */
bool mapped_publish(struct mapped *m, const char *path);
/* Keeps errno. */
void mapped_close(struct mapped *m);

#endif
