/* Answers that are made with the catalog: kept until they are sent. */
#include "encoded.h"

#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"

struct encoded gateway_encoded(struct arena *arena, const struct buf *body)
{
	return (struct encoded){
		body->data, resp_tag_of(arena, body->data, body->length), body->length};
}

static void put_models(void *models)
{
	models_put(models);
}

int gateway_models(struct req *r, const struct models **ret)
{
	const struct models *models = models_get();

	if (models == NULL)
		return fail_later(r->fail, E_UNAVAILABLE, 1);
	arena_defer(r->arena, put_models, (void *)(uintptr_t)models);
	*ret = models;
	return 0;
}

int gateway_answer(struct req *r, const struct encoded *encoded, const char *cache_control)
{
	r->response.cache_control = cache_control;
	TRY(resp_text(r, 200, "application/json", encoded->body, encoded->length));
	return resp_etag_is(r, encoded->tag);
}
