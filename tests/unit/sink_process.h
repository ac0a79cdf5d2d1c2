/* Runs turnpike-smtp-sink for a test. SMTP_SINK in the environment names another program. */
#ifndef TURNPIKE_SINK_PROCESS_H
#define TURNPIKE_SINK_PROCESS_H

#include <sys/types.h>

#include "fcgi/core/types.h"

struct sink_process {
	pid_t pid;
	unsigned port;
	char dir[64], url[64], ca_file[96];
};

/* Starts it on any port; dir NULL: a new folder below /tmp. auth: "user:password" or NULL. */
bool sink_start(struct sink_process *p, const char *dir, const char *auth);
/* Its exit status after SIGTERM; -1 when it was killed. */
int sink_stop(struct sink_process *p);
void sink_remove(struct sink_process *p); /* the folder */

#endif
