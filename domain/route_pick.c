#include "route_pick.h"
bool choice_next(struct choice *c, const struct model *model)
{
	for (; c->n_tried < model->n_routes && c->n_tried < 3;) {
		c->route = &model->route[c->n_tried++];
		c->key = c->route->key;
		for (size_t i = 0; c->key == NULL && i < c->route->provider->n_keys; i++)
			if (c->route->provider->key[i].secret != NULL)
				c->key = &c->route->provider->key[i];
		if (c->key != NULL)
			return true;
	}
	return false;
}
void choice_done(struct choice *c, enum choice_outcome outcome, i64 retry_after_s)
{
	(void)c;
	(void)outcome;
	(void)retry_after_s;
}
struct verdict upstream_verdict(int status, const char *type, const char *message)
{
	(void)type;
	if (status == 400)
		return (struct verdict){E_BAD_REQUEST, false, message};
	if (status == 429 || status == 529 || status == 503)
		return (struct verdict){E_UPSTREAM_OVERLOADED, true, NULL};
	return (struct verdict){E_UPSTREAM_ERROR, true, NULL};
}
