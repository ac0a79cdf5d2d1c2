/* Seeds for a fuzz target. tests/fuzz/run calls each target once with FUZZ_SEEDS=FOLDER; a target
 * that has some writes them from LLVMFuzzerInitialize() and leaves. */
#ifndef TURNPIKE_FUZZ_SEEDS_H
#define TURNPIKE_FUZZ_SEEDS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One more file of the corpus; stops the program when it cannot be written. */
static inline void seed_write(const void *data, size_t size)
{
	static unsigned n_written;
	char path[4096];

	snprintf(path, sizeof(path), "%s/seed-%03u", getenv("FUZZ_SEEDS"), n_written++);
	FILE *f = fopen(path, "w");
	if (f == NULL || fwrite(data, 1, size, f) != size || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

#endif
