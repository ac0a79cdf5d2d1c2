/* How the providers of models answer: the last calls of each, noted by every process of this host
 * that makes them and read by whoever tells (product.md section 3, status; gateway.md section 9).
 */
#ifndef TURNPIKE_PROVIDER_HEALTH_H
#define TURNPIKE_PROVIDER_HEALTH_H

#include "models.h"
#include "status.h"

struct provider_health {
	size_t n_calls, n_failed; /* of the last ones, as status.h says */
	enum status_state state;
};

/* Shares the notes with all processes that give this folder; before the threads. False and errno:
 * they stay with this process. */
bool provider_health_share(const char *dir);
/* One call to a provider (its identity) has ended. now_us: monotonic. */
void provider_health_note(u64 provider, bool is_good, i64 now_us);
struct provider_health provider_health_of(u64 provider, i64 now_us);
/* Of all that are in the catalog: down when every one that was called is. models may be NULL. */
enum status_state provider_health_of_all(const struct models *models, i64 now_us);

#endif
