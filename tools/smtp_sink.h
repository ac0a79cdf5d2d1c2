/* turnpike-smtp-sink: a mail server for development that keeps every mail in a folder. */
#ifndef TURNPIKE_SMTP_SINK_H
#define TURNPIKE_SMTP_SINK_H

#include <openssl/ssl.h>

#include "fcgi/core/types.h"

enum {
	SINK_LINE_MAX = 2000,		  /* bytes with CRLF */
	SINK_MAIL_MAX = 10 * 1024 * 1024, /* bytes */
	SINK_CONNECTIONS_MAX = 64,
	SINK_IDLE_S = 300,
	SINK_RECIPIENTS_MAX = 100,
	SINK_MAILS_MAX = 1000, /* per connection */
	SINK_ADDRESS_MAX = 256
};

/* What all connections share; written before the first and never after. */
struct sink {
	const char *dir;
	const char *user, *password; /* NULL: no sign-in wanted */
	const char *cert, *key;	     /* NULL: our own */
};

/* smtp_io.c: lines over a socket, with or without TLS. Replies are sent when the input runs dry, so
 * a pipelined group is answered in one piece (RFC 2920). */
struct stream {
	int fd;
	SSL *ssl;
	size_t in_at, in_length, out_length;
	char in[4096], out[4096];
};

enum line { LINE_OK, LINE_TOO_LONG, LINE_CLOSED };

/* One line up to CRLF, which is not part of *ret_length; a lone CR or LF is a byte like others. */
enum line stream_line(struct stream *s, char line[SINK_LINE_MAX], size_t *ret_length);
void stream_reply(struct stream *s, const char *text); /* without its CRLF */
bool stream_flush(struct stream *s);
/* Drops what was received and not read, then shakes hands. */
bool stream_start_tls(struct stream *s, SSL_CTX *tls);
void stream_close(struct stream *s);

/* smtp_store.c: a mail on its way into the folder. */
struct stored {
	char temp_path[512];
	void *file; /* FILE */
	size_t bytes;
	bool has_failed;
};

bool store_open(const char *dir); /* makes the folder, drops unfinished mails of an earlier run */
bool store_begin(struct stored *m, const char *dir);
void store_write(struct stored *m, const char *data, size_t length);
bool store_commit(struct stored *m, const char *dir);
void store_abandon(struct stored *m);

/* smtp_tls.c. Without cert and key a self-signed pair is made in dir, once. */
/* Whether TLS will work; prints why not. Runs in a process of its own: most of OpenSSL's memory is
 * touched by the first use, and many a sink never sees STARTTLS. */
bool tls_check(const struct sink *sink);
/* The context that all connections share, made for the first; NULL when it cannot be. */
SSL_CTX *tls_context(const struct sink *sink);

/* smtp_session.c: one connection from greeting to end. */
void session_run(const struct sink *sink, struct stream *s);

#endif
