// How the gateway refuses (gateway.md 0.2), on every route of the family that the document lists; the request id and what
// scripts of other origins are told.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, describe, test } from "node:test";
import { STATE, URL_BASE, Visitor, signIn, turnpike } from "../support.mjs";
import { ideToken, isUnauthorized, mint } from "./support.mjs";

const document = JSON.parse(fs.readFileSync(path.join(STATE, "openapi.json"), "utf8"));
const operations = Object.entries(document.paths).flatMap(([template, methods]) => Object.entries(methods)
  .map(([method, operation]) => ({ method: method.toUpperCase(), template, operation, name: `${method.toUpperCase()} ${template}` })))
  .filter(({ operation }) => operation.tags.includes("gateway"));
const url = ({ template }) => template.replace(/\{\w+\}/g, "x");
const signedIn = operations.filter(({ operation }) => operation.security.length > 0);
const withBody = operations.filter(({ operation }) => operation.requestBody);
const limited = operations.filter(({ operation }) => "429" in operation.responses);

// The canonical body: the text, the code, the id that the header has as well.
function says(answer, status, code, why) {
  assert.equal(answer.status, status, `${why}: ${answer.status} ${answer.text}`);
  assert.equal(answer.headers["content-type"], "application/json; charset=utf-8", why);
  assert.equal(answer.headers["cache-control"], "no-store", why);
  assert.equal(typeof answer.body.error, "string", why);
  assert.equal(answer.body.code, code, why);
  assert.equal(answer.body.request_id, answer.headers["x-request-id"], why);
}

test("there is something to test", () => {
  assert.ok(signedIn.length > 0 && withBody.length > 0 && limited.length > 0);
});

test("a bad token, on every route that looks at one", async () => {
  for (const op of signedIn) {
    isUnauthorized(await new Visitor({ token: `cgx_${"A".repeat(43)}` }).send(op.method, url(op)), op.name);
    const isOptional = op.operation.security.some((s) => Object.keys(s).length === 0);
    if (!isOptional) isUnauthorized(await new Visitor().send(op.method, url(op)), `${op.name} without one`);
  }
});

test("a suspended account, on every route that looks at one", async () => {
  const person = await signIn();
  await turnpike(["user", "suspend", person.email]);
  for (const op of signedIn)
    says(await new Visitor({ token: person.token }).send(op.method, url(op)), 403, "forbidden", op.name);
});

test("a body that is none, too large, of another type, on every route that takes one", async () => {
  const person = await signIn();
  for (const op of withBody) {
    const send = (options) => new Visitor({ token: person.token }).send(op.method, url(op), options);
    const broken = await send({ body: "{" });
    says(broken, 400, "validation_failed", op.name);
    assert.match(broken.body.error, /^The body is not valid JSON: /);
    const isForm = "application/x-www-form-urlencoded" in op.operation.requestBody.content;
    const other = isForm ? "text/plain" : "application/x-www-form-urlencoded";
    says(await send({ body: "a=b", headers: { "Content-Type": other } }), 415, "unsupported_media_type", op.name);
    says(await send({ headers: { "Content-Length": 64 * 1024 * 1024 } }), 413, "payload_too_large", op.name);
    says(await send({ body: "{}", headers: { "Content-Encoding": "gzip" } }), 415, "unsupported_media_type", `${op.name} packed`);
    says(await send({ body: "{", headers: { "Content-Type": "" } }), 400, "validation_failed", `${op.name} without a type`);
  }
});

test("too many, on every route that has a limit", async () => {
  // Somebody who used up what there is for everything; routes with less of their own are used up one by one.
  let drained;
  for (const op of limited) {
    const visitor = drained ?? new Visitor();
    let answer;
    for (let i = 0; i <= 200; i++) {
      answer = await visitor.send(op.method, url(op));
      if (answer.status === 429) break;
    }
    says(answer, 429, "rate_limited", op.name);
    assert.equal(answer.body.error, "Too many requests, please try again later");
    assert.match(answer.headers["retry-after"], /^[1-9]\d?$/);
    if (answer.headers["ratelimit-limit"] === "200") drained = visitor;
  }
});

test("other methods, with those that are allowed", async () => {
  for (const template of new Set(operations.map((op) => op.template))) {
    const allowed = operations.filter((op) => op.template === template).map((op) => op.method);
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"].filter((m) => !allowed.includes(m))) {
      const answer = await new Visitor().send(method, url({ template }));
      says(answer, 405, "method_not_allowed", `${method} ${template}`);
      assert.deepEqual(new Set(answer.headers.allow.split(", ").filter((m) => !["HEAD", "OPTIONS"].includes(m))), new Set(allowed));
    }
  }
});

test("what is nowhere", async () => {
  for (const target of ["/v1/nothing", "/v1/", "/v1//x", "/health/x", "/healthy", `/v1/${"x".repeat(2000)}`])
    says(await new Visitor().get(target), 404, "not_found", target);
});

describe("for OpenAI's clients, when they ask for it", () => {
  const headers = { "X-Error-Format": "openai" };
  const object = ({ status, body, headers: got }, code, type) => {
    assert.deepEqual(Object.keys(body), ["error"]);
    assert.deepEqual([body.error.code, body.error.type, body.error.param], [code, type, null], `${status}`);
    assert.equal(typeof body.error.message, "string");
    assert.equal(body.error.request_id, got["x-request-id"]);
  };

  test("errors of a worker", async () => {
    object(await new Visitor({ token: "x" }).post("/v1/feedback", {}, { headers }), "unauthorized", "authentication_error");
    object(await new Visitor().post("/v1/feedback", {}, { headers }), "validation_failed", "invalid_request_error");
  });

  test("errors of nginx", async () => {
    object(await new Visitor().get("/v1/nothing", { headers }), "not_found", "not_found_error");
    object(await new Visitor().post("/v1/feedback", undefined, { headers: { ...headers, "Content-Length": 1 << 30 } }), "payload_too_large", "invalid_request_error");
  });

  test("never guessed", async () => {
    for (const other of [{ "User-Agent": "OpenAI/JS 6.49.0" }, { "X-Error-Format": "openai2" }, { "X-Error-Format": "" }, { "X-Stainless-Lang": "js" }])
      assert.equal(typeof (await new Visitor().get("/v1/nothing", { headers: other })).body.error, "string");
  });
});

describe("the request id", () => {
  const from = {
    "a success": (headers) => new Visitor().get("/health", { headers }),
    "a 401": (headers) => new Visitor({ token: "x" }).post("/v1/feedback", {}, { headers }),
    "a 404 of nginx": (headers) => new Visitor().get("/v1/nothing", { headers }),
    "a 413 of nginx": (headers) => new Visitor().post("/v1/feedback", undefined, { headers: { ...headers, "Content-Length": 1 << 30 } }),
    "a 415 of nginx": (headers) => new Visitor().get("/health", { headers: { ...headers, "Content-Encoding": "br" }, check: false }),
  };

  for (const [name, send] of Object.entries(from)) {
    test(`on ${name}`, async () => {
      for (const id of ["a", "A.b_c:d-9", "x".repeat(128)]) assert.equal((await send({ "X-Request-Id": id })).headers["x-request-id"], id);
      const fresh = new Set();
      for (const id of [undefined, "", "x".repeat(129), "a b", "a/b", "a\"b", "ä"]) {
        const got = (await send(id === undefined ? {} : { "X-Request-Id": Buffer.from(id).toString("latin1") })).headers["x-request-id"];
        assert.match(got, /^req_[0-9A-Za-z]{24}$/, `'${id}'`);
        fresh.add(got);
      }
      assert.equal(fresh.size, 7);
    });
  }

  test("of other families keeps their own form", async () => {
    assert.match((await new Visitor().get("/api/v2/health")).headers["x-request-id"], /^[0-9a-f]{32}$/);
    assert.notEqual((await new Visitor().get("/api/v2/health", { headers: { "X-Request-Id": "a:b" } })).headers["x-request-id"], "a:b");
  });
});

describe("scripts of other origins", () => {
  let visitor;
  before(() => { visitor = new Visitor(); });

  test("that are allowed may read the headers of the contract", async () => {
    const { headers } = await visitor.post("/v1/feedback", { message: "x" }, { headers: { Origin: URL_BASE } });
    assert.equal(headers["access-control-allow-origin"], URL_BASE);
    assert.equal(headers.vary, "Origin");
    const exposed = headers["access-control-expose-headers"].toLowerCase().split(", ");
    for (const name of ["x-request-id", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit", "retry-after", "deprecation", "sunset"])
      assert.ok(exposed.includes(name), name);
  });

  test("are told beforehand what they may send", async () => {
    const { status, headers, text } = await visitor.send("OPTIONS", "/v1/feedback", { check: false, headers: { Origin: URL_BASE,
      "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os,x-stainless-retry-count,x-other" } });
    assert.deepEqual([status, text], [204, ""]);
    const allowed = headers["access-control-allow-headers"].toLowerCase().split(", ");
    for (const name of ["authorization", "content-type", "x-request-id", "x-stainless-os", "x-stainless-retry-count"]) assert.ok(allowed.includes(name), name);
    assert.ok(!allowed.includes("x-other"));
    assert.match(headers["access-control-allow-methods"], /POST/);
  });

  test("that are not allowed read nothing", async () => {
    for (const send of [(o) => visitor.post("/v1/feedback", { message: "x" }, o), (o) => visitor.send("OPTIONS", "/v1/feedback", { check: false, ...o }), (o) => visitor.get("/v1/nothing", o)])
      assert.equal((await send({ headers: { Origin: "https://evil.example" } })).headers["access-control-allow-origin"], undefined);
  });

  test("may read what nginx refuses", async () => {
    const { headers } = await visitor.get("/v1/nothing", { headers: { Origin: URL_BASE } });
    assert.equal(headers["access-control-allow-origin"], URL_BASE);
  });
});

test("credentials of every kind are good on every route that looks at one", async () => {
  const person = await signIn();
  const tokens = [person.token, await ideToken(person.email), await mint({ email: person.email, email_verified: true })];
  for (const op of signedIn.filter(({ method }) => method !== "DELETE"))
    for (const token of tokens)
      assert.notEqual((await new Visitor({ token }).send(op.method, url(op), { check: false })).status, 401, op.name);
});
