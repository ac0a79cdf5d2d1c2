// What holds for every route of the family alike, read from the OpenAPI document: a new route is covered as soon as it has its
// row. Who may call it is the matrix's matter (matrix.test.mjs).
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { STATE, Visitor, signIn, turnpike } from "../support.mjs";

const BODY_BYTES = 64 * 1024;
const document = JSON.parse(fs.readFileSync(path.join(STATE, "openapi.json"), "utf8"));
const routes = Object.entries(document.paths).flatMap(([template, methods]) => Object.entries(methods)
  .filter(([, operation]) => operation.tags[0] === "account" || (template === "/api/auth/signout" || template === "/api/account/export"))
  .map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${template}`, method: method.toUpperCase(), url: template, template,
    hasBody: "requestBody" in operation && operation.tags[0] === "account",
    hasQuery: (operation.parameters ?? []).some((p) => p.in === "query" && p.schema.maxLength),
    needsSomebody: operation.security.length === 1, isForAnybody: operation.security.length !== 1,
    isAccount: operation.tags[0] === "account", responses: Object.keys(operation.responses),
  })));
const own = routes.filter((r) => r.isAccount);

const send = (method, url, options) => new Visitor().send(method, url, options);

test("the document knows the family", () => assert.ok(own.length > 20, `${own.length} routes`));

test("without a credential, what needs one is a bare 401", async () => {
  for (const { name, method, url, needsSomebody } of own) {
    if (!needsSomebody) continue;
    for (const headers of [{}, { Authorization: "Bearer session:nonsense" }, { Cookie: "authjs.session-token=nonsense" }]) {
      const { status, body } = await send(method, url, { headers, body: method === "GET" ? undefined : {} });
      assert.deepEqual([status, body], [401, { category: "unauthorized" }], name);
    }
  }
});

test("a suspended account is refused wherever somebody may be signed in", async () => {
  const person = await signIn();
  assert.equal((await turnpike(["user", "suspend", person.email])).status, 0);
  for (const { name, method, url, responses } of own.filter((r) => r.responses.includes("401") || /auth\/session/.test(r.url))) {
    if (/cron/.test(url)) continue;
    const { status, body } = await new Visitor({ token: person.token }).send(method, url);
    assert.deepEqual([status, body.category], [403, "forbidden"], `${name} ${responses}`);
  }
});

test("requests of other origins change nothing", async () => {
  for (const { name, method, url } of own.filter((r) => r.method !== "GET" && !r.url.startsWith("/api/auth/"))) {
    const { status, body } = await send(method, url, { headers: { Origin: "https://evil.test" }, body: {} });
    assert.deepEqual([status, body.category], [403, "forbidden"], name);
  }
});

test("bodies: JSON whatever they say they are, within the limit, well-formed", async () => {
  for (const { name, method, url, responses, needsSomebody } of own.filter((r) => r.hasBody)) {
    const somebody = needsSomebody ? await signIn() : undefined; // whose tries are counted
    const ask = needsSomebody ? (...all) => new Visitor({ token: somebody.token }).send(...all) : send;
    const large = await ask(method, url, { body: `{"x":"${"a".repeat(BODY_BYTES)}"}` });
    assert.deepEqual([large.status, large.body.category], [413, "too_large"], name);
    for (const body of ["{", '{"a":1,"a":2}', "[".repeat(100)]) {
      const { status, body: said } = await ask(method, url, { body });
      assert.deepEqual([status, said.category], [400, "validation"], `${name} ${body.slice(0, 10)}`);
    }
    const typed = await ask(method, url, { body: "{", headers: { "Content-Type": "text/x-unheard-of" } });
    assert.equal(typed.status, 400, `${name}: it was read as JSON`);
    if (responses.includes("415")) {
      const wrong = await ask(method, url, { body: "a=1", headers: { "Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip" } });
      assert.equal(wrong.status, 415, name);
    }
  }
});

test("the sign-out that another family has, too: the same rules for a browser with a cookie", async () => {
  const cookie = { Cookie: "authjs.session-token=nobody" }, url = "/api/auth/signout";
  for (const [body, headers, status, category] of [
    ["{", {}, 400, "validation"], [`{"x":"${"a".repeat(BODY_BYTES)}"}`, {}, 413, "too_large"], ["a=1", { "Content-Encoding": "gzip" }, 415, undefined],
  ]) {
    const answer = await send("POST", url, { body, headers: { ...cookie, ...headers } });
    assert.equal(answer.status, status, answer.text);
    if (category && answer.body.category) assert.equal(answer.body.category, category);
  }
});

test("a query that is too long is refused", async () => {
  for (const { name, method, url, template } of own.filter((r) => r.hasQuery)) {
    const { name: parameter } = document.paths[template][method.toLowerCase()].parameters.find((p) => p.in === "query" && p.schema.maxLength);
    const { status, body } = await send(method, `${url}?${parameter}=${"a".repeat(5000)}`);
    assert.deepEqual([status, body.category], [400, "validation"], name);
  }
});

test("general limit: 300 a minute for an address, on all routes together", async () => {
  const flooder = new Visitor();
  let isFull = false;
  for (let i = 0; i < 20 && !isFull; i++)
    isFull = (await Promise.all(Array.from({ length: 20 }, () => flooder.get("/api/auth/providers")))).some((a) => a.status === 429);
  assert.ok(isFull, "there is a limit");
  for (const { name, method, url } of routes.filter((r) => r.url !== "/api/auth/signout")) { // which has a limit of its own
    // One place becomes free every 200 ms, so of two calls at once at least one finds none.
    const answers = await Promise.all([1, 2, 3].map(() => flooder.send(method, url)));
    const refused = answers.find((a) => a.status === 429);
    assert.ok(refused, name);
    assert.ok(refused.headers["retry-after"] >= 1, name);
    assert.equal(refused.body.category ?? refused.body.error, "rate_limited", name);
    assert.equal(refused.headers["cache-control"], "no-store", name);
  }
});
