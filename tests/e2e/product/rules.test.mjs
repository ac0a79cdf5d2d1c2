// What holds for every route of the family alike, read from the OpenAPI document: a new route is covered as soon as it has its row.
// Each call has a visitor of its own, because of the limits per address.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { STATE, URL_BASE, Visitor, signIn, turnpike } from "../support.mjs";

const PARAMETERS = {
  provider: "github", session_id: "sess_000000000000000000000000", credential_id: "dev_000000000000000000000000", platform: "darwin-arm64", quality: "insider", commit: "0000",
}; // nothing is published there: the tests of the feed may run at the same time
const PUBLIC_CACHE = { "/api/billing/v2/catalog": 30, "/api/counter/founding": 30, "/api/v2/status/public": 30 };
const BODY_BYTES = 64 * 1024;

const document = JSON.parse(fs.readFileSync(path.join(STATE, "openapi.json"), "utf8"));
const paths = Object.fromEntries(Object.entries(document.paths).filter(([, methods]) => Object.values(methods).every((o) => o.tags.includes("product"))));
const places = Object.entries(paths).map(([template, methods]) => ({
  template,
  url: template.replace(/\{(\w+)\}/g, (_, name) => PARAMETERS[name] ?? assert.fail(`a value for {${name}}`)),
  methods: Object.keys(methods).map((m) => m.toUpperCase()),
}));
const routes = places.flatMap(({ template, url, methods }) => methods.map((method) => {
  const operation = paths[template][method.toLowerCase()];
  return {
    name: `${method} ${template}`, method, template, url, hasBody: "requestBody" in operation,
    isPublic: operation.security.length === 0, isSignIn: template.startsWith("/api/auth/"),
  };
}));
// Public facts are open to every page; the document does not tell.
const isOpenToAll = ({ template }) => template in PUBLIC_CACHE || /^\/api\/(v2\/health|update\/)/.test(template);
// A browser is sent here by the provider: failures are pages.
const answersPages = ({ template }) => template.endsWith("/callback");

let token;
before(async () => { ({ token } = await signIn()); });

const send = (method, url, options) => new Visitor().send(method, url, options);
const signedIn = (method, url, options) => new Visitor({ token }).send(method, url, options);

test("HEAD is answered wherever GET is, with the same head and no body", async () => {
  for (const { name, url, template } of routes.filter((r) => r.method === "GET")) {
    const get = await signedIn("GET", url), head = await signedIn("HEAD", url);
    assert.equal(head.status, get.status, name);
    assert.equal(head.text, "", name);
    assert.equal(head.headers["content-type"], get.headers["content-type"], name);
    assert.equal(head.headers["cache-control"], get.headers["cache-control"], name);
    // The length where it cannot change in between: public facts may, other tests change them just now.
    if (!/start|callback|export/.test(template) && !isOpenToAll({ template })) assert.equal(head.headers["content-length"], get.headers["content-length"], name);
  }
});

test("a slash at the end changes nothing", async () => {
  for (const { name, method, url } of routes) {
    const plain = await send(method, url), slash = await send(method, `${url}/`);
    assert.equal(slash.status, plain.status, name);
    assert.deepEqual(Object.keys(slash.body ?? {}), Object.keys(plain.body ?? {}), name);
    if (plain.status !== 204 && plain.status !== 302) assert.notEqual(slash.body?.error, "not_found", name);
    assert.equal((await send(method, `${url}//`)).status, plain.status, `${name}: nginx merges slashes`);
  }
});

test("any other method is 405 and Allow names those that there are", async () => {
  for (const { template, url, methods } of places) {
    const allow = ["GET", "POST", "PUT", "PATCH", "DELETE"].filter((m) => methods.includes(m)).map((m) => (m === "GET" ? "GET, HEAD" : m));
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]) {
      if (methods.includes(method === "HEAD" ? "GET" : method)) continue;
      const { status, headers, body } = await signedIn(method, url);
      assert.equal(status, 405, `${method} ${template}`);
      assert.equal(headers.allow, [...allow, "OPTIONS"].join(", "), template);
      if (method !== "HEAD") assert.equal(body.error, "method_not_allowed");
    }
  }
});

test("pages of any origin may read what is public, of the configured origin the rest", async () => {
  const ours = new URL(URL_BASE).origin, foreign = "https://elsewhere.example";
  for (const route of routes) {
    const { name, method, url } = route;
    const allowed = (origin) => send(method, url, { headers: { Origin: origin } });
    if (isOpenToAll(route)) {
      for (const origin of [ours, foreign, "null"]) {
        assert.equal((await allowed(origin)).headers["access-control-allow-origin"], "*", name);
      }
      continue;
    }
    const { headers } = await allowed(ours);
    assert.equal(headers["access-control-allow-origin"], ours, name);
    assert.match(headers.vary, /\bOrigin\b/, name);
    for (const origin of [foreign, "null", `${ours}.evil.example`, ours.replace("http:", "https:"), `${ours}/`, ours.toUpperCase()]) {
      assert.equal((await allowed(origin)).headers["access-control-allow-origin"], undefined, `${name} for ${origin}`);
    }
    assert.equal(headers["access-control-allow-credentials"], undefined, name);
  }
});

test("a preflight is answered 204 with what is allowed", async () => {
  const ours = new URL(URL_BASE).origin;
  for (const place of places) {
    const { template, url, methods } = place;
    const { status, text, headers } = await send("OPTIONS", url, {
      headers: { Origin: ours, "Access-Control-Request-Method": methods[0], "Access-Control-Request-Headers": "authorization" },
    });
    assert.equal(status, 204, template);
    assert.equal(text, "");
    assert.equal(headers["access-control-allow-origin"], isOpenToAll(place) ? "*" : ours, template);
    for (const method of methods) assert.match(headers["access-control-allow-methods"], new RegExp(`\\b${method}\\b`), template);
    for (const name of ["Authorization", "Content-Type"]) assert.match(headers["access-control-allow-headers"], new RegExp(`\\b${name}\\b`), template);
    const foreign = await send("OPTIONS", url, { headers: { Origin: "https://elsewhere.example", "Access-Control-Request-Method": methods[0] } });
    assert.equal(foreign.status, 204, template);
    assert.equal(foreign.headers["access-control-allow-origin"], isOpenToAll(place) ? "*" : undefined, template);
  }
});

test("only public facts may be kept, and the feed only with asking again", async () => {
  for (const { name, method, template, url, isSignIn } of routes) {
    const answer = await (isSignIn ? send : signedIn)(method, url, { body: method === "DELETE" || method === "GET" ? undefined : "[" });
    const expected = template in PUBLIC_CACHE ? `public, max-age=${PUBLIC_CACHE[template]}`
      : template.startsWith("/api/update/") ? "no-cache" : "no-store";
    assert.equal(answer.headers["cache-control"], expected, name);
    assert.equal((await signedIn("PUT", url)).headers["cache-control"], "no-store", `${name}: an error`);
  }
});

test("every answer has a request id of its own and is not sniffed", async () => {
  const seen = new Set();
  for (const { name, method, url } of routes) {
    const { headers } = await send(method, url);
    assert.match(headers["x-request-id"], /^[A-Za-z0-9._-]{8,64}$/, name);
    assert.equal(headers["x-content-type-options"], "nosniff", name);
    seen.add(headers["x-request-id"]);
  }
  assert.equal(seen.size, routes.length);
});

test("without a good token, what needs one is 401 before anything else is looked at", async () => {
  for (const { name, method, url, hasBody } of routes.filter((r) => !r.isPublic)) {
    for (const headers of [{}, { Authorization: "Bearer session:nonsense" }, { Authorization: `Basic ${token}` }, { Cookie: `token=${token}` }]) {
      const answer = await send(method, url, { headers, body: hasBody ? "[" : undefined });
      assert.equal(answer.status, 401, name);
      assert.equal(answer.body.error, "unauthorized");
      assert.equal(answer.headers["www-authenticate"], "Bearer");
    }
    assert.equal((await send(method, `${url}?token=${token}`)).status, 401, `${name}: a token in the address does not count`);
  }
});

test("with the token of a suspended account, what needs one is 403", async () => {
  const person = await signIn();
  assert.equal((await turnpike(["user", "suspend", person.email])).status, 0);
  for (const { name, method, url } of routes.filter((r) => !r.isPublic)) {
    const { status, body } = await new Visitor({ token: person.token }).send(method, url);
    assert.deepEqual([status, body.error], [403, "forbidden"], name);
  }
});

test("bodies: JSON only, plain, within the limit, well-formed", async () => {
  const padded = (bytes) => `{"x":"${"a".repeat(bytes - 8)}"}`;
  for (const { name, method, url } of routes.filter((r) => r.hasBody)) {
    const cases = [
      ["{", {}, 400, "invalid_json"], ['{"a":1,"a":2}', {}, 400, "invalid_json"], ["{'a':1}", {}, 400, "invalid_json"],
      [Buffer.from([0x22, 0xff, 0x22]), {}, 400, "invalid_json"], ['{"a":NaN}', {}, 400, "invalid_json"], ["[".repeat(100), {}, 400, "invalid_json"],
      ["{}", { "Content-Type": "text/plain" }, 415, "unsupported_media_type"],
      ["{}", { "Content-Type": "application/x-www-form-urlencoded" }, 415, "unsupported_media_type"],
      ["{}", { "Content-Type": "application/jsonx" }, 415, "unsupported_media_type"],
      [gzipSync("{}"), { "Content-Encoding": "gzip" }, 415, "unsupported_media_type"],
      [padded(BODY_BYTES + 1), {}, 413, "payload_too_large"],
    ];
    for (const [body, headers, status, error] of cases) {
      const answer = await signedIn(method, url, { body, headers });
      assert.equal(answer.status, status, `${name} ${String(body).slice(0, 20)} ${JSON.stringify(headers)}`);
      assert.equal(answer.body.error, error, name);
    }
    assert.notEqual((await signedIn(method, url, { body: padded(BODY_BYTES) })).status, 413, `${name}: exactly the limit fits`);
  }
});

test("general limit: 300 a minute for an address, on all routes together", async () => {
  const flooder = new Visitor();
  let sent = 0, first;
  while (first === undefined) {
    assert.ok(sent < 400, "there is a limit");
    const answers = await Promise.all(Array.from({ length: 20 }, () => flooder.get("/api/v2/health")));
    first = answers.find((a) => a.status === 429);
    sent += answers.filter((a) => a.status === 200).length;
  }
  assert.ok(sent >= 300 && sent <= 330, `${sent} went through`);
  for (const { name, method, url } of routes.filter((r) => !r.isSignIn)) {
    // One place becomes free every 200 ms, so of two calls at once at least one finds none.
    const answers = await Promise.all([1, 2].map(() => flooder.send(method, url)));
    const refused = answers.find((a) => a.status === 429);
    assert.ok(refused, name);
    assert.equal(refused.body.error, "rate_limited");
    assert.equal(String(refused.body.retry_after), refused.headers["retry-after"]);
    assert.ok(refused.body.retry_after >= 1);
    assert.equal(refused.headers["cache-control"], "no-store");
  }
  assert.equal((await new Visitor().get("/api/v2/health")).status, 200, "another address is not touched");
});

test("sign-in limit: the sixth call of a minute is refused, whichever route it is for", async () => {
  const signIns = routes.filter((r) => r.isSignIn), open = signIns.filter((r) => r.isPublic);
  for (const { name, method, url, template } of signIns) {
    const visitor = new Visitor({ token });
    for (let i = 0; i < 5; i++) {
      const other = open[i % open.length];
      assert.notEqual((await visitor.send(other.method, other.url)).status, 429, `${other.name}, call ${i + 1}`);
    }
    const { status, body, headers } = await visitor.send(method, url);
    assert.equal(status, 429, name);
    assert.ok(headers["retry-after"] >= 1 && headers["retry-after"] <= 60, name);
    if (answersPages({ template })) assert.match(headers["content-type"], /^text\/html/);
    else assert.deepEqual([body.error, String(body.retry_after)], ["rate_limited", headers["retry-after"]], name);
    assert.equal((await visitor.get("/api/account/me")).status, 200, `${name}: it did nothing, and the rest goes on`);
  }
});

test("names in an address that are not there are 404", async () => {
  const wrong = { provider: "gitlab", platform: "beos-x64", quality: "nightly" };
  for (const { template, method } of routes.filter((r) => r.template.includes("{"))) {
    for (const [parameter, value] of Object.entries(wrong).filter(([p]) => template.includes(`{${p}}`))) {
      const url = template.replace(/\{(\w+)\}/g, (_, name) => (name === parameter ? value : PARAMETERS[name]));
      const answer = await send(method, url);
      assert.equal(answer.status, 404, `${method} ${url}`);
      assert.match(answer.headers["content-type"], answersPages({ template }) ? /^text\/html/ : /^application\/json/);
    }
  }
});
