/* Idempotency-Key (assurance.md section 2): the first answer is kept and repeated. */
#ifndef TURNPIKE_IDEM_H
#define TURNPIKE_IDEM_H

struct req;

enum { IDEM_KEY_BYTES_MAX = 255 };

/* Claims the key for this request, or answers from the store (then r->response.is_ready).
 * 0, E_BAD_REQUEST (malformed key), E_IDEMPOTENCY_MISMATCH, E_IDEMPOTENCY_RUNNING. */
int idem_replay(struct req *r);
/* After the handler: keeps its answer or its failure, where its transaction has not done so
 * already. */
void idem_finish(struct req *r);

#endif
