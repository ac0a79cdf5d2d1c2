// The models (gateway.md 2.6): lists, one, a tier; what a plan includes; the makers' client.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import { before, test } from "node:test";
import OpenAI from "openai";
import { URL_BASE, Visitor, randomAddress, signIn, sql } from "../support.mjs";

const seed = JSON.parse(fs.readFileSync(new URL("../../../tools/seed/catalog.json", import.meta.url), "utf8"));
const visitor = new Visitor();
const ROUTES = ["/v1/models", "/v1/models/sandbox-chat", "/v1/models/tiers/balanced"];

// What the demo file makes of a model.
const shown = (m) => ({
  id: m.id, object: "model", created: m.created_at, owned_by: m.owned_by, name: m.name, provider: m.owned_by, tier: m.tier,
  context_window: m.context_window, max_output_tokens: m.max_output_tokens, aliases: m.aliases ?? [], deprecated: m.deprecated ?? false,
  capabilities: m.capabilities, pricing: {
    input_per_mtok: m.input_usd_per_mtok, output_per_mtok: m.output_usd_per_mtok,
    cached_input_per_mtok: m.cached_input_usd_per_mtok ?? m.input_usd_per_mtok,
    cache_write_per_mtok: m.cache_write_usd_per_mtok ?? m.input_usd_per_mtok,
    cache_write_1h_per_mtok: m.cache_write_1h_usd_per_mtok ?? m.cache_write_usd_per_mtok ?? m.input_usd_per_mtok,
    reasoning_per_mtok: m.reasoning_usd_per_mtok ?? m.output_usd_per_mtok,
  },
});

let person;
before(async () => (person = await signIn()));
const setPlan = (plan) => sql(`UPDATE users SET plan = '${plan}' WHERE email = '${person.email}'`);

test("anybody gets the whole list, without entitlements", async () => {
  const { status, body, headers } = await visitor.get("/v1/models");
  assert.equal(status, 200);
  assert.deepEqual(body, { object: "list", data: seed.models.map(shown) });
  assert.equal(headers["cache-control"], "public, no-cache");
  assert.match(headers.vary, /Authorization/);
  for (const name of ["ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit", "x-request-id"])
    assert.ok(headers[name], name);
});

test("who signed in sees what the plan includes, and what is needed for the rest", async () => {
  const needs = Object.fromEntries(seed.models.map((m) => [m.id, m.requires_tier ?? null]));
  assert.ok(Object.values(needs).includes("pro") && Object.values(needs).includes(null), "the demo has both kinds");
  for (const [plan, rank] of [["free", 0], ["pro", 1], ["pro_plus", 2], ["lifetime", 2], ["team", 3], ["gone", 0]]) {
    await setPlan(plan);
    const { body } = await person.get("/v1/models");
    assert.deepEqual(body.data.map((m) => [m.id, m.entitled, m.requires_tier]),
      seed.models.map((m) => [m.id, needs[m.id] === null || rank >= 1, needs[m.id]]), plan);
    for (const m of body.data) {
      assert.deepEqual((await person.get(`/v1/models/${m.id}`)).body, m, "one model is the list's entry");
      const { entitled, requires_tier, ...rest } = m;
      assert.deepEqual(rest, shown(seed.models.find(({ id }) => id === m.id)), "and the rest is as for anybody");
    }
  }
});

test("one model, by its id or an alias, encoded or not", async () => {
  for (const name of ["sandbox-chat", "sandbox/chat:latest", "sandbox%2Fchat:latest", "sandbox%2fchat%3Alatest", "sandbox/chat%3alatest", "sandbox-chat/"]) {
    const { status, body } = await visitor.get(`/v1/models/${name}`);
    assert.equal(status, 200, name);
    assert.deepEqual(body, shown(seed.models.find((m) => m.id === "sandbox-chat")), name);
  }
  for (const name of ["nope", "Sandbox-Chat", "sandbox", "sandbox/", "sandbox/chat", "tiers", "tiers/a/b", "x".repeat(101), "%20", "%F0%9F%90%88"]) {
    const { status, body } = await visitor.get(`/v1/models/${name}`);
    assert.deepEqual([status, body.code], [404, name === "tiers" ? "not_found" : "model_not_found"], name);
    assert.match(body.request_id, /^req_/);
  }
  const { status, body } = await visitor.get("/v1/models/a%5Cb");
  assert.deepEqual([status, body.code], [400, "validation_failed"], "in the words of the family");
});

test("the models of a tier", async () => {
  for (const tier of ["efficient", "balanced", "flagship"]) {
    const { body } = await visitor.get(`/v1/models/tiers/${tier}`);
    assert.deepEqual(body, { object: "list", data: seed.models.filter((m) => m.tier === tier).map(shown) });
    assert.ok(body.data.length > 0);
    const mine = (await person.get(`/v1/models/tiers/${tier}`)).body.data;
    assert.ok(mine.every((m) => typeof m.entitled === "boolean" && "requires_tier" in m));
  }
  for (const tier of ["Balanced", "free", "x"]) {
    const { status, body } = await visitor.get(`/v1/models/tiers/${tier}`);
    assert.deepEqual([status, body.code], [404, "not_found"]);
    assert.match(body.error, /efficient, balanced, flagship/);
  }
  assert.equal((await visitor.get("/v1/models/tiers/a%5Cb")).status, 400);
});

test("an ETag for each kind of caller answers 304", async () => {
  await setPlan("pro");
  for (const url of ROUTES) {
    const [anonymous, pro] = [await visitor.get(url), await person.get(url)];
    assert.notEqual(anonymous.headers.etag, pro.headers.etag, url);
    for (const [who, seen] of [[visitor, anonymous], [person, pro]]) {
      const again = await who.get(url, { headers: { "If-None-Match": seen.headers.etag } });
      assert.deepEqual([again.status, again.text, again.headers.etag], [304, "", seen.headers.etag]);
      assert.equal(seen.headers["cache-control"], who === person ? "no-store" : "public, no-cache");
    }
    assert.equal((await visitor.get(url, { headers: { "If-None-Match": pro.headers.etag } })).status, 200, "another's");
    const head = await visitor.send("HEAD", url);
    assert.deepEqual([head.status, head.text, head.headers.etag], [200, "", anonymous.headers.etag]);
  }
});

test("a bad token is refused, an absent one is nobody", async () => {
  for (const url of ROUTES)
    for (const token of ["session:nope", "cgx_nope", "x", "a.b.c"]) {
      const { status, body, headers } = await new Visitor({ token }).get(url);
      assert.deepEqual([status, body.code, headers["www-authenticate"]], [401, "unauthorized", "Bearer"], `${url} ${token}`);
    }
});

test("only reading", async () => {
  for (const url of ROUTES)
    for (const method of ["POST", "DELETE"]) {
      const { status, headers } = await visitor.send(method, url);
      assert.deepEqual([status, headers.allow], [405, "GET, HEAD, OPTIONS"], `${method} ${url}`);
    }
});

test("200 in a minute from one address, all paths together", async () => {
  const often = new Visitor(), agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const codes = [];
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let i = 0; i < 53; i++) codes.push((await often.get("/v1/models/tiers/flagship", { agent })).status);
  }));
  assert.equal(codes.filter((status) => status === 200).length, 200);
  for (const url of ROUTES) {
    const { status, body, headers } = await often.get(url, { agent });
    assert.deepEqual([status, body.code, headers["ratelimit-remaining"]], [429, "rate_limited", "0"]);
    assert.ok(Number(headers["retry-after"]) >= 1);
  }
  agent.destroy();
});

test("npm openai: list, retrieve, its classes of errors", async () => {
  await setPlan("free");
  const client = new OpenAI({ baseURL: `${URL_BASE}/v1`, apiKey: person.token, maxRetries: 0 });
  const page = await client.models.list();
  assert.deepEqual(page.data.map((m) => m.id), seed.models.map((m) => m.id));
  const seen = [];
  for await (const model of client.models.list()) seen.push(model.id);
  assert.equal(seen.length, seed.models.length, "it asks for no second page");
  assert.equal((await client.models.retrieve("claude-sonnet-4-6")).owned_by, "anthropic");
  assert.equal((await client.models.retrieve("sandbox/chat:latest")).id, "sandbox-chat");
  assert.equal((await client.models.retrieve("sandbox-flagship")).entitled, false);
  await assert.rejects(client.models.retrieve("no/such:model"), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.match(error.message, /There is no model 'no\/such:model'/);
    return true;
  });
  await assert.rejects(new OpenAI({ baseURL: `${URL_BASE}/v1`, apiKey: "bad", maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);
  await assert.rejects(client.models.retrieve("nope", { headers: { "X-Error-Format": "openai" } }), (error) => {
    assert.deepEqual([error.code, error.type], ["model_not_found", "not_found_error"]);
    return true;
  });
});
