/* The chain: each entry's hash covers the one before it in its account, so that none can be
 * changed, taken out or put in without changing all that follow and the account's last_hash. */
#include <endian.h>
#include <string.h>

#include "ledger_book.h"

struct sha256 ledger_hash(const struct sha256 *previous, u64 account_id, u64 seq, u64 transfer_id,
	i64 amount, i64 balance_after)
{
	struct {
		struct sha256 previous;
		u64 number[5]; /* big-endian */
	} content = {*previous, {htobe64(account_id), htobe64(seq), htobe64(transfer_id),
					htobe64((u64)amount), htobe64((u64)balance_after)}};

	return sha256(&content, sizeof(content));
}
