/* TLS of the mail sink: a given certificate, or one made for this machine and kept in the folder so
 * that a client's trust in ca.pem survives a restart. */
#include "tools/smtp_sink.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CERT_DAYS = 3650, CERT_DAYS_LEFT_MIN = 30 };

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool is_added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return is_added;
}

static bool fill_certificate(X509 *cert, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(cert);
	const unsigned char text[] = "turnpike-smtp-sink";
	unsigned long serial;

	return RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) == 1 &&
	       X509_set_version(cert, X509_VERSION_3) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
	       X509_time_adj_ex(X509_getm_notAfter(cert), CERT_DAYS, 0, NULL) != NULL &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
	       add_extension(cert, NID_basic_constraints, "critical,CA:TRUE") &&
	       add_extension(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

static bool write_pem(const char *path, X509 *cert, EVP_PKEY *key)
{
	char temp[600];

	snprintf(temp, sizeof(temp), "%s.new", path);
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, cert != NULL ? 0644 : 0600);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (file == NULL)
		return false;
	bool is_written = cert != NULL
				  ? PEM_write_X509(file, cert) == 1
				  : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
	is_written = fclose(file) == 0 && is_written;
	return is_written && rename(temp, path) == 0;
}

static bool make_certificate(const char *cert_path, const char *key_path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	bool is_made = key != NULL && cert != NULL && fill_certificate(cert, key) &&
		       write_pem(key_path, NULL, key) && write_pem(cert_path, cert, NULL);

	X509_free(cert);
	EVP_PKEY_free(key);
	return is_made;
}

static bool load_pair(SSL_CTX *tls, const char *cert, const char *key)
{
	return SSL_CTX_use_certificate_chain_file(tls, cert) == 1 &&
	       SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1 &&
	       SSL_CTX_check_private_key(tls) == 1;
}

static bool lasts(SSL_CTX *tls)
{
	time_t limit = time(NULL) + CERT_DAYS_LEFT_MIN * 86400L;

	return X509_cmp_time(X509_get0_notAfter(SSL_CTX_get0_certificate(tls)), &limit) > 0;
}

static SSL_CTX *load(const char *dir, const char *cert, const char *key)
{
	char own_cert[512], own_key[512];
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	bool is_loaded = false;

	snprintf(own_cert, sizeof(own_cert), "%s/ca.pem", dir);
	snprintf(own_key, sizeof(own_key), "%s/key.pem", dir);
	if (tls != NULL && SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1) {
		SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
		if (cert != NULL)
			is_loaded = load_pair(tls, cert, key);
		else
			is_loaded = (load_pair(tls, own_cert, own_key) && lasts(tls)) ||
				    (make_certificate(own_cert, own_key) &&
					    load_pair(tls, own_cert, own_key));
	}
	if (!is_loaded) {
		fprintf(stderr, "turnpike-smtp-sink: no certificate could be read or made: %s\n",
			cert != NULL ? cert : own_cert);
		SSL_CTX_free(tls);
		return NULL;
	}
	return tls;
}

bool tls_check(const struct sink *sink)
{
	int status = 1;
	pid_t child = fork();

	if (child == 0)
		_exit(load(sink->dir, sink->cert, sink->key) != NULL ? 0 : 1);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

SSL_CTX *tls_context(const struct sink *sink)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static SSL_CTX *tls;

	pthread_mutex_lock(&lock);
	if (tls == NULL)
		tls = load(sink->dir, sink->cert, sink->key);
	pthread_mutex_unlock(&lock);
	return tls;
}
