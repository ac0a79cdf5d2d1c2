/* How many passwords a second the processor can hash: `argon2_bench THREADS SECONDS` runs plain
 * libargon2 with our parameters and prints the rate. What sign-ins are compared with. */
#include <argon2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/stored_hash.h"
#include "fcgi/core/clock.h"

enum { THREADS_MAX = 64 };

static i64 end_us;
static atomic_long n_hashed;

static void *hash(void *arg)
{
	static const char password[] = "tweed moat gutter plank", salt[] = "0123456789abcdef";
	unsigned char tag[ARGON_TAG_BYTES];

	(void)arg;
	while (clock_mono_us() < end_us) {
		if (argon2id_hash_raw(ARGON_PASSES, ARGON_MEMORY_KIB, ARGON_LANES, password,
			    sizeof(password) - 1, salt, ARGON_SALT_BYTES, tag,
			    sizeof(tag)) != ARGON2_OK)
			abort();
		atomic_fetch_add(&n_hashed, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[1]) : 0, seconds = argc == 3 ? atoi(argv[2]) : 0;
	pthread_t thread[THREADS_MAX];

	if (n < 1 || n > THREADS_MAX || seconds < 1) {
		fputs("usage: argon2_bench THREADS SECONDS\n", stderr);
		return 64;
	}
	i64 start_us = clock_mono_us();
	end_us = start_us + S_TO_US(seconds);
	for (int i = 0; i < n; i++)
		if (pthread_create(&thread[i], NULL, hash, NULL) != 0)
			return 1;
	for (int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	double took_s = (double)(clock_mono_us() - start_us) / US_PER_S;
	printf("%.2f\n", (double)atomic_load(&n_hashed) / took_s);
	return 0;
}
