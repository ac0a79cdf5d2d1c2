/* Counts in memory what fcgi/db counts, so that its tests can look at it and need no shared file.
 */
#include "support.h"

atomic_llong support_metric[METRIC_MAX];

void metrics_add(enum metric m, i64 n)
{
	atomic_fetch_add(&support_metric[m], n);
}

void metrics_set(enum metric m, i64 value)
{
	atomic_store(&support_metric[m], value);
}
