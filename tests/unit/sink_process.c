/* Runs turnpike-smtp-sink for a test. */
#include "tests/unit/sink_process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void sink_exec(const char *dir, const char *auth)
{
	const char *program = getenv("SMTP_SINK");

	prctl(PR_SET_PDEATHSIG, SIGTERM); /* a failed test leaves nothing behind */
	execl(program != NULL ? program : "./turnpike-smtp-sink", "turnpike-smtp-sink", "--listen",
		"127.0.0.1:0", "--dir", dir, auth != NULL ? "--auth" : NULL, auth, NULL);
	_exit(127);
}

bool sink_start(struct sink_process *p, const char *dir, const char *auth)
{
	int out[2];
	char line[256] = "", fresh[] = "/tmp/turnpike-mail-XXXXXX";

	snprintf(p->dir, sizeof(p->dir), "%s", dir != NULL ? dir : mkdtemp(fresh));
	if (pipe(out) != 0)
		return false;
	p->pid = fork();
	if (p->pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		sink_exec(p->dir, auth);
	}
	close(out[1]);
	FILE *ready = fdopen(out[0], "r");
	bool is_ready =
		fgets(line, sizeof(line), ready) != NULL &&
		sscanf(line, "turnpike-smtp-sink: listening on 127.0.0.1:%u,", &p->port) == 1;
	fclose(ready);
	snprintf(p->url, sizeof(p->url), "smtp://127.0.0.1:%u", p->port);
	snprintf(p->ca_file, sizeof(p->ca_file), "%s/ca.pem", p->dir);
	return is_ready;
}

int sink_stop(struct sink_process *p)
{
	int status = 0;

	kill(p->pid, SIGTERM);
	waitpid(p->pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void sink_remove(struct sink_process *p)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", p->dir);
	if (system(command) != 0)
		perror(p->dir);
}
