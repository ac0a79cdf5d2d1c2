/* What the catalog's schemas cannot say: names that are plain and stand once, references that lead
 * somewhere, numbers and capabilities that fit each other. */
#include <string.h>

#include "../fcgi/core/str.h"
#include "catalog.h"

#define LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"
#define LETTERS_DIGITS LOWER_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define PLAN_ID_CHARS LOWER_DIGITS "_"
#define PROVIDER_ID_CHARS LOWER_DIGITS "_-"
#define MODEL_ID_CHARS LETTERS_DIGITS "-._~:/@+"

struct check {
	const struct catalog_file *file;
	struct catalog_faults *faults;
};

#define FAULT(c, path, ...) catalog_fault((c)->faults, (path), __VA_ARGS__)
#define PATH_OF(c, ...) arena_printf((c)->faults->arena, __VA_ARGS__)

static void check_plain(
	struct check *c, const char *path, const char *id, const char *chars, const char *words)
{
	if (strspn(id, chars) != strlen(id))
		FAULT(c, path, "'%s' may only have %s", id, words);
}

/* The plan, top-up, tier or pack i of a list whose entries begin with their id. */
static const char *id_in(const void *items, size_t size, size_t i)
{
	return *(const char *const *)(const void *)((const char *)items + i * size);
}

static bool is_in(const void *items, size_t n, size_t size, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal(id_in(items, size, i), id))
			return true;
	return false;
}

static void check_ids(struct check *c, const char *list, const void *items, size_t n, size_t size,
	const char *chars, const char *words)
{
	for (size_t i = 0; i < n; i++) {
		const char *id = id_in(items, size, i), *path = PATH_OF(c, "%s[%zu].id", list, i);
		check_plain(c, path, id, chars, words);
		if (is_in(items, i, size, id))
			FAULT(c, path, "'%s' is there twice", id);
	}
}

#define CHECK_IDS(c, list, chars, words)                                                      \
	check_ids((c), #list, (c)->file->list, (c)->file->n_##list, sizeof(*(c)->file->list), \
		(chars), (words))

static const struct catalog_file_plan *plan_find(const struct catalog_file *file, const char *id)
{
	for (size_t i = 0; i < file->n_plans; i++)
		if (str_equal(file->plans[i].id, id))
			return &file->plans[i];
	return NULL;
}

static void check_plans(struct check *c)
{
	const struct catalog_file *file = c->file;

	CHECK_IDS(c, plans, PLAN_ID_CHARS, "small letters, digits and '_'");
	CHECK_IDS(c, topups, PLAN_ID_CHARS, "small letters, digits and '_'");
	for (size_t i = 0; i < file->n_topups; i++)
		if (plan_find(file, file->topups[i].id) != NULL)
			FAULT(c, PATH_OF(c, "topups[%zu].id", i), "'%s' is the id of a plan, too",
				file->topups[i].id);
	if (plan_find(file, "free") == NULL)
		FAULT(c, "plans",
			"must have a plan with the id 'free': people without a plan are on it");
}

static void check_tiers(struct check *c)
{
	const struct catalog_file *file = c->file;
	bool has_lowest = false;

	CHECK_IDS(c, tiers, PLAN_ID_CHARS, "small letters, digits and '_'");
	for (size_t i = 0; i < file->n_tiers; i++) {
		const struct catalog_file_plan *plan = plan_find(file, file->tiers[i].plan);
		const char *path = PATH_OF(c, "tiers[%zu].plan", i);
		if (plan == NULL) {
			FAULT(c, path, "there is no plan '%s'", file->tiers[i].plan);
			continue;
		}
		if (!str_equal(plan->interval, "month"))
			FAULT(c, path, "the plan '%s' is not a monthly one", plan->id);
		has_lowest = has_lowest || plan->rank == 0;
		for (size_t j = 0; j < i; j++) {
			const struct catalog_file_plan *other =
				plan_find(file, file->tiers[j].plan);
			if (other != NULL && other->rank == plan->rank)
				FAULT(c, path, "has the rank of the plan of tiers[%zu]", j);
		}
	}
	if (file->n_tiers > 0 && !has_lowest)
		FAULT(c, "tiers",
			"must have one whose plan has rank 0: people without a plan are in it");
	CHECK_IDS(c, packs, PLAN_ID_CHARS, "small letters, digits and '_'");
}

static bool is_plain_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static void check_url(struct check *c, const struct catalog_file_provider *p, size_t i)
{
	const char *path = PATH_OF(c, "providers[%zu].base_url", i), *url = p->base_url;
	const char *host = strstr(url, "://");

	if (!str_starts(url, "https://") && !str_starts(url, "http://"))
		FAULT(c, path, "must begin with https:// or http://");
	else if (!is_plain_ascii(url) || strpbrk(url, "@?#\"\\<>") != NULL || host[3] == '/')
		FAULT(c, path, "must be a plain address without user, query and fragment");
	else if (url[strlen(url) - 1] == '/')
		FAULT(c, path, "must not end with '/'");
	if (p->path != NULL && (p->path[0] != '/' || !is_plain_ascii(p->path)))
		FAULT(c, PATH_OF(c, "providers[%zu].path", i), "must begin with '/' and be plain");
	if (p->api_version != NULL && !is_plain_ascii(p->api_version))
		FAULT(c, PATH_OF(c, "providers[%zu].api_version", i), "must be plain");
}

static void check_keys(struct check *c, const struct catalog_file_provider *p, size_t i)
{
	bool wants_key = !str_equal(p->auth, "none");

	if (wants_key != (p->n_keys > 0))
		FAULT(c, PATH_OF(c, "providers[%zu].keys", i), "%s",
			wants_key ? "must have one, unless auth is none"
				  : "auth is none, so there is nothing for a key");
	for (size_t k = 0; k < p->n_keys; k++) {
		const struct catalog_file_key *key = &p->keys[k];
		const char *path = PATH_OF(c, "providers[%zu].keys[%zu].label", i, k);
		check_plain(c, path, key->label, PROVIDER_ID_CHARS,
			"small letters, digits, '_' and '-'");
		if (is_in(p->keys, k, sizeof(*key), key->label))
			FAULT(c, path, "'%s' is there twice", key->label);
		if (key->secret_file[0] != '/')
			FAULT(c, PATH_OF(c, "providers[%zu].keys[%zu].secret_file", i, k),
				"must be the whole path of the file that holds the key, from '/' "
				"on");
	}
}

static void check_providers(struct check *c)
{
	CHECK_IDS(c, providers, PROVIDER_ID_CHARS, "small letters, digits, '_' and '-'");
	for (size_t i = 0; i < c->file->n_providers; i++) {
		check_url(c, &c->file->providers[i], i);
		check_keys(c, &c->file->providers[i], i);
	}
}

/* A model's id or alias: it stands in addresses, so no segment of it is empty, "." or "..". */
static void check_model_id(struct check *c, const char *path, const char *id)
{
	bool bad = id[0] == '\0' || strlen(id) > 128 || strspn(id, MODEL_ID_CHARS) != strlen(id);

	for (const char *p = id; !bad; p += strcspn(p, "/") + 1) {
		size_t length = strcspn(p, "/");
		bad = length == 0 || (length <= 2 && strspn(p, ".") >= length);
		if (p[length] == '\0')
			break;
	}
	if (bad)
		FAULT(c, path,
			"'%s' must be 1 to 128 letters, digits and any of -._~:/@+, without empty "
			"parts between '/'",
			id);
	else if (str_equal(id, "tiers") || str_starts(id, "tiers/"))
		FAULT(c, path, "'tiers' is an address of its own");
}

static bool has_capability(const struct catalog_file_model *m, const char *name)
{
	for (size_t i = 0; i < m->n_capabilities; i++)
		if (str_equal(m->capabilities[i], name))
			return true;
	return false;
}

static void check_capabilities(struct check *c, const struct catalog_file_model *m, size_t i)
{
	static const char *const known[] = {
		"chat", "tools", "vision", "reasoning", "fim", "streaming"};
	const char *path = PATH_OF(c, "models[%zu].capabilities", i);

	for (size_t k = 0; k < m->n_capabilities; k++) {
		bool is_known = false;
		for (size_t j = 0; j < ARRAY_LEN(known); j++)
			is_known = is_known || str_equal(known[j], m->capabilities[k]);
		if (!is_known)
			FAULT(c, path,
				"'%s' is none of chat, tools, vision, reasoning, fim, streaming",
				m->capabilities[k]);
		for (size_t j = 0; j < k; j++)
			if (str_equal(m->capabilities[j], m->capabilities[k]))
				FAULT(c, path, "'%s' is there twice", m->capabilities[k]);
	}
	if (has_capability(m, "chat") == has_capability(m, "fim"))
		FAULT(c, path, "must have either chat or fim");
	if (m->reasoning.value && !has_capability(m, "reasoning"))
		FAULT(c, PATH_OF(c, "models[%zu].reasoning", i),
			"is on, but the model has not the capability 'reasoning'");
}

static void check_template(struct check *c, const struct catalog_file_model *m, size_t i)
{
	const char *path = PATH_OF(c, "models[%zu].fim_template", i);
	static const char *const holes[] = {"{prefix}", "{suffix}"};

	if (m->fim_template == NULL)
		return;
	if (!has_capability(m, "fim"))
		FAULT(c, path, "is for models with the capability 'fim'");
	for (size_t h = 0; h < ARRAY_LEN(holes); h++) {
		const char *at = strstr(m->fim_template, holes[h]);
		if (at == NULL || strstr(at + 1, holes[h]) != NULL)
			FAULT(c, path, "must have %s once", holes[h]);
	}
}

static void check_route(
	struct check *c, const struct catalog_file_model *m, size_t i, const size_t r)
{
	const struct catalog_file_route *route = &m->routes[r];
	const struct catalog_file_provider *p = NULL;

	for (size_t k = 0; k < c->file->n_providers; k++)
		if (str_equal(c->file->providers[k].id, route->provider))
			p = &c->file->providers[k];
	if (p == NULL) {
		FAULT(c, PATH_OF(c, "models[%zu].routes[%zu].provider", i, r),
			"there is no provider '%s'", route->provider);
		return;
	}
	if (str_starts(p->dialect, "fim_") != has_capability(m, "fim"))
		FAULT(c, PATH_OF(c, "models[%zu].routes[%zu].provider", i, r),
			"'%s' speaks %s, which is %s", p->id, p->dialect,
			has_capability(m, "fim") ? "not for filling in" : "only for filling in");
	if (route->key != NULL && !is_in(p->keys, p->n_keys, sizeof(*p->keys), route->key))
		FAULT(c, PATH_OF(c, "models[%zu].routes[%zu].key", i, r),
			"the provider '%s' has no key '%s'", p->id, route->key);
}

static void check_model(struct check *c, size_t i)
{
	const struct catalog_file_model *m = &c->file->models[i];

	check_model_id(c, PATH_OF(c, "models[%zu].id", i), m->id);
	for (size_t k = 0; k < m->n_aliases; k++)
		check_model_id(c, PATH_OF(c, "models[%zu].aliases[%zu]", i, k), m->aliases[k]);
	check_capabilities(c, m, i);
	check_template(c, m, i);
	if (m->max_output_tokens > m->context_window)
		FAULT(c, PATH_OF(c, "models[%zu].max_output_tokens", i),
			"is more than context_window");
	if (m->default_max_output.value > m->max_output_tokens)
		FAULT(c, PATH_OF(c, "models[%zu].default_max_output", i),
			"is more than max_output_tokens");
	if (m->requires_tier != NULL &&
		!is_in(c->file->tiers, c->file->n_tiers, sizeof(*c->file->tiers), m->requires_tier))
		FAULT(c, PATH_OF(c, "models[%zu].requires_tier", i), "there is no tier '%s'",
			m->requires_tier);
	if (m->n_routes == 0 && m->enabled.value)
		FAULT(c, PATH_OF(c, "models[%zu].routes", i),
			"must have one, unless enabled is false");
	for (size_t r = 0; r < m->n_routes; r++)
		check_route(c, m, i, r);
}

/* Whether a model of [0, n) goes by this name. */
static bool is_named(const struct catalog_file *file, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		const struct catalog_file_model *m = &file->models[i];
		if (str_equal(m->id, name))
			return true;
		for (size_t k = 0; k < m->n_aliases; k++)
			if (str_equal(m->aliases[k], name))
				return true;
	}
	return false;
}

static void check_names(struct check *c, size_t i)
{
	const struct catalog_file_model *m = &c->file->models[i];

	if (is_named(c->file, i, m->id))
		FAULT(c, PATH_OF(c, "models[%zu].id", i), "'%s' names another model, too", m->id);
	for (size_t k = 0; k < m->n_aliases; k++) {
		bool taken = is_named(c->file, i, m->aliases[k]) || str_equal(m->aliases[k], m->id);
		for (size_t j = 0; j < k; j++)
			taken = taken || str_equal(m->aliases[j], m->aliases[k]);
		if (taken)
			FAULT(c, PATH_OF(c, "models[%zu].aliases[%zu]", i, k),
				"'%s' is there twice, or names another model, too", m->aliases[k]);
	}
}

void catalog_check(const struct catalog_file *file, struct catalog_faults *faults)
{
	struct check c = {file, faults};

	check_plans(&c);
	check_tiers(&c);
	check_providers(&c);
	for (size_t i = 0; i < file->n_models; i++) {
		check_names(&c, i);
		check_model(&c, i);
	}
}
