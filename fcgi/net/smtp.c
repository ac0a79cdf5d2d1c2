/* Sends mails over libcurl: TLS with a verified server, or nothing at all unless the server is on
 * this machine. The connection stays open for the next mail. */
#include <stdio.h>
#include <string.h>

#include "../core/clock.h"
#include "../core/metrics.h"
#include "../core/str.h"
#include "lane.h"
#include "mime.h"
#include "net.h"

enum { CONNECT_MS = 5000, MAIL_TIMEOUT_MS = 30000 };

struct upload {
	const char *data;
	size_t length, at;
};

static size_t give_mail(char *to, size_t size, size_t n, void *arg)
{
	struct upload *u = arg;
	size_t length = u->length - u->at < size * n ? u->length - u->at : size * n;

	memcpy(to, u->data + u->at, length);
	u->at += length;
	return length;
}

/* Connections that were made by other options are not used again. */
static bool lane_for_server(struct net *net, const struct options *o)
{
	char server[sizeof(net->mail_server)];
	int n = snprintf(server, sizeof(server), "%s\n%s\n%s\n%s\n%s", o->smtp_url,
		o->smtp_starttls, o->smtp_ca_file, o->smtp_user, o->smtp_password);

	if (n >= (int)sizeof(server))
		return false;
	if (str_equal(server, net->mail_server))
		return true;
	lane_close(&net->mail_lane);
	memcpy(net->mail_server, server, sizeof(server));
	return true;
}

#define SET(option, value) (curl_easy_setopt(lane->easy, (option), (value)) == CURLE_OK)

static bool set_server(struct lane *lane, const struct options *o)
{
	bool has_ca = o->smtp_ca_file[0] != '\0';
	bool has_user = o->smtp_user[0] != '\0';
	bool wants_tls = !str_equal(o->smtp_starttls, "off");

	/* A CA file stands instead of the system's store, not beside it. */
	return SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps") && SET(CURLOPT_URL, o->smtp_url) &&
	       (!wants_tls || SET(CURLOPT_USE_SSL, (long)CURLUSESSL_ALL)) &&
	       SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
	       (!has_ca || (SET(CURLOPT_CAINFO, o->smtp_ca_file) && SET(CURLOPT_CAPATH, NULL))) &&
	       (!has_user || (SET(CURLOPT_USERNAME, o->smtp_user) &&
				     SET(CURLOPT_PASSWORD, o->smtp_password)));
}

static bool set_mail(
	struct lane *lane, const struct options *o, const struct mail *mail, struct upload *upload)
{
	if (!lane_header(lane, mail->to)) /* the list of recipients; freed with the lane's call */
		return false;
	return SET(CURLOPT_MAIL_FROM, o->smtp_from) && SET(CURLOPT_MAIL_RCPT, lane->list) &&
	       SET(CURLOPT_UPLOAD, 1L) && SET(CURLOPT_READFUNCTION, give_mail) &&
	       SET(CURLOPT_READDATA, upload) &&
	       SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)upload->length);
}

/* Whether the server refused this mail for good. A refused sign-in or greeting is no verdict on the
 * mail: a later try may find the server repaired. */
static bool is_permanent(CURLcode code, long reply, const struct upload *upload)
{
	bool is_about_mail = code == CURLE_SEND_ERROR || /* MAIL, RCPT or DATA */
			     (code == CURLE_WEIRD_SERVER_REPLY && upload->at > 0);

	if (reply == 530 || reply == 534 || reply == 535 || reply == 538)
		return false; /* sign in first, sign-in refused, TLS first (RFC 4954, 3207) */
	return is_about_mail && reply >= 500 && reply < 600;
}

static bool is_smtp_url(const char *url)
{
	return str_starts(url, "smtp://") || str_starts(url, "smtps://");
}

int mail_send(struct net *net, const struct options *options, const struct mail *mail,
	bool *ret_permanent, struct arena *arena, struct fail *fail)
{
	bool is_plain = str_equal(options->smtp_starttls, "off") &&
			!str_starts(options->smtp_url, "smtps://");
	struct upload upload = {.data = NULL};
	struct lane *lane = &net->mail_lane;
	long reply = 0;

	*ret_permanent = false;
	const char *fault = mime_fault(options, mail);
	if (fault != NULL)
		return fail_cause(fail, E_BAD_REQUEST, "mail: malformed %s", fault);
	if (!is_smtp_url(options->smtp_url))
		return fail_cause(fail, E_UPSTREAM_ERROR, "[smtp] url is not smtp:// or smtps://");
	upload.data = mime_message(arena, options, mail, clock_now_us(), &upload.length);

	if (!lane_for_server(net, options) ||
		!lane_begin(lane, is_plain ? LANE_LOOPBACK : LANE_ANY, CONNECT_MS, 0) ||
		!set_server(lane, options) || !set_mail(lane, options, mail, &upload)) {
		metrics_add(METRIC_MAIL_FAILED, 1);
		return fail_cause(fail, E_UPSTREAM_ERROR, "mail: libcurl cannot be set up");
	}
	enum net_end end = lane_run(lane, &(const struct lane_wait){.total_ms = MAIL_TIMEOUT_MS});
	metrics_add(end == NET_DONE ? METRIC_MAIL_SENT : METRIC_MAIL_FAILED, 1);
	if (end == NET_DONE)
		return 0;
	curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &reply);
	*ret_permanent = is_permanent(lane->code, reply, &upload);
	if (lane->is_refused)
		return fail_cause(fail, E_UPSTREAM_ERROR,
			"mail: [smtp] starttls = off is only for a server on this machine");
	return fail_cause(fail,
		end == NET_TIMEOUT_CONNECT || end == NET_TIMEOUT_TOTAL ? E_UPSTREAM_TIMEOUT
								       : E_UPSTREAM_ERROR,
		"mail: %s (reply %ld)", lane_cause(lane, end), reply);
}
