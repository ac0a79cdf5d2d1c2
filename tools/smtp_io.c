/* Lines over a socket of the mail sink. */
#include "tools/smtp_sink.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool send_all(struct stream *s)
{
	for (size_t at = 0; at < s->out_length;) {
		size_t left = s->out_length - at;
		ssize_t n = s->ssl != NULL ? SSL_write(s->ssl, s->out + at, (int)left)
					   : send(s->fd, s->out + at, left, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

bool stream_flush(struct stream *s)
{
	bool is_sent = send_all(s);

	s->out_length = 0;
	return is_sent;
}

static bool fill(struct stream *s)
{
	if (!stream_flush(s))
		return false;
	ssize_t n = s->ssl != NULL ? SSL_read(s->ssl, s->in, sizeof(s->in))
				   : recv(s->fd, s->in, sizeof(s->in), 0);
	s->in_at = 0;
	s->in_length = n > 0 ? (size_t)n : 0;
	return n > 0;
}

enum line stream_line(struct stream *s, char line[SINK_LINE_MAX], size_t *ret_length)
{
	bool is_too_long = false;
	size_t n = 0;

	for (char before = '\0';;) {
		if (s->in_at == s->in_length && !fill(s))
			return LINE_CLOSED;
		char c = s->in[s->in_at++];
		if (c == '\n' && before == '\r')
			break;
		if (n < SINK_LINE_MAX)
			line[n++] = c;
		else
			is_too_long = true;
		before = c;
	}
	if (is_too_long)
		return LINE_TOO_LONG;
	line[--n] = '\0'; /* over the CR */
	*ret_length = n;
	return LINE_OK;
}

void stream_reply(struct stream *s, const char *text)
{
	size_t n = strlen(text);

	if (s->out_length + n + 2 > sizeof(s->out) && !stream_flush(s))
		return; /* the next read finds the connection closed */
	memcpy(s->out + s->out_length, text, n);
	memcpy(s->out + s->out_length + n, "\r\n", 2);
	s->out_length += n + 2;
}

bool stream_start_tls(struct stream *s, SSL_CTX *tls)
{
	/* Whatever was sent in clear behind STARTTLS counts for nothing. */
	s->in_at = s->in_length = 0;
	if (!stream_flush(s))
		return false;
	s->ssl = SSL_new(tls);
	return s->ssl != NULL && SSL_set_fd(s->ssl, s->fd) == 1 && SSL_accept(s->ssl) == 1;
}

void stream_close(struct stream *s)
{
	stream_flush(s);
	if (s->ssl != NULL) {
		SSL_shutdown(s->ssl);
		SSL_free(s->ssl);
		s->ssl = NULL;
	}
}
