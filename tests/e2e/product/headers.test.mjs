// The edge with the whole product behind it: what reaches a worker, what answers carry, what logs tell (assurance.md
// 3.5, F-76, F-77, F-79, F-93). What nginx refuses by itself is in tests/e2e/edge.test.mjs.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { before, test } from "node:test";
import { askCode, exchange, freshCode, verify } from "../signing.mjs";
import { STATE, URL_BASE, Visitor, codeOf, eventually, mailTo, randomAddress, randomEmail, request, signIn, sql } from "../support.mjs";

let alice, bob;
before(async () => {
  [alice, bob] = await Promise.all([signIn(), signIn()]);
});

const usedBy = async ({ token }) => (await new Visitor({ token }).get("/api/usage/check")).body.used;

// Writes the text and reads until the other side closes, or is silent for a while: [{status, headers, text}] of each answer.
function raw(text, { silence = 700 } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port: Number(new URL(URL_BASE).port), host: "127.0.0.1", localAddress: randomAddress() });
    let got = "";
    const done = () => {
      socket.destroy();
      resolve({ answers: got.split(/(?=HTTP\/1\.1 \d{3} )/).filter((part) => part !== "").map(parse) });
    };
    socket.on("data", (data) => { got += data.toString("latin1"); }).on("end", done);
    socket.setTimeout(silence, done);
    socket.on("error", (error) => (got ? done() : reject(error)));
    socket.on("connect", () => socket.write(Buffer.from(text, "latin1")));
  });
}

function parse(part) {
  const [head, ...body] = part.split("\r\n\r\n"), [status, ...fields] = head.split("\r\n"), headers = {};
  for (const field of fields) {
    const colon = field.indexOf(":");
    (headers[field.slice(0, colon).toLowerCase()] ??= []).push(field.slice(colon + 2));
  }
  return { status: Number(status.split(" ")[1]), headers, text: body.join("\r\n\r\n") };
}

const head = (line, fields = []) => `${line} HTTP/1.1\r\n${["Host: turnpike.test", ...fields].join("\r\n")}\r\n\r\n`;

test("no way of framing a body makes a second request of it (F-58)", async () => {
  const hidden = head("POST /api/usage/increment", [`Authorization: Bearer ${alice.token}`, "Content-Length: 0"]);
  const size = `Content-Length: ${hidden.length}`, chunked = "Transfer-Encoding: chunked";
  const post = (fields, body = `0\r\n\r\n${hidden}`) => head("POST /api/auth/exchange", ["Content-Type: application/json", ...fields]) + body;
  const cases = {
    "length and chunks": post(["Content-Length: 5", chunked]),
    "chunks and length": post([chunked, "Content-Length: 5"]),
    "length and chunks, large": post(["Content-Length: 65537", chunked]),
    "two lengths": post(["Content-Length: 0", size], hidden),
    "the same length twice": post([size, size], hidden),
    "list of lengths": post([`Content-Length: 0, ${hidden.length}`], hidden),
    "signed length": post([`Content-Length: +${hidden.length}`], hidden),
    "negative length": post(["Content-Length: -1"], hidden),
    "hexadecimal length": post(["Content-Length: 0x10"], hidden),
    "length with a blank inside": post(["Content-Length: 1 0"], hidden),
    "empty length": post(["Content-Length:"], hidden),
    "huge length": post(["Content-Length: 18446744073709551616"], hidden),
    "unknown coding": post(["Transfer-Encoding: xchunked"]),
    "two codings": post(["Transfer-Encoding: gzip, chunked"]),
    "chunked, then identity": post(["Transfer-Encoding: chunked, identity"]),
    "coding twice": post([chunked, "Transfer-Encoding: identity"]),
    "quoted coding": post(['Transfer-Encoding: "chunked"']),
    "vertical tab before the coding": post(["Transfer-Encoding: \x0bchunked"]),
    "blank before the colon": post(["Transfer-Encoding : chunked", "Content-Length: 5"]),
    "blank before the colon of a length": post([`Content-Length : ${hidden.length}`], hidden),
    "folded header": post(["X-Folded: a\r\n b", "Content-Length: 0"], hidden),
    "folded coding": post(["Transfer-Encoding:\r\n chunked", "Content-Length: 5"]),
    "first line of the fields begins with a blank": head("POST /api/auth/exchange").replace("Host", " Host") + hidden,
    "control character in a name": post(["X-\x01A: b", "Content-Length: 0"], hidden),
    "NUL in a value": post(["X-A: b\x00c", "Content-Length: 0"], hidden),
    "carriage return alone": head("POST /api/auth/exchange", [`X-A: b\rContent-Length: ${hidden.length}`, "Content-Length: 0", "X-B: \x00"]) + hidden,
    "chunk size with a sign": post([chunked], `+0\r\n\r\n${hidden}`),
    "chunk size with 0x": post([chunked], `0x0\r\n\r\n${hidden}`),
    "chunk size that overflows": post([chunked], `ffffffffffffffff1\r\n\r\n${hidden}`),
    "chunk without its end": post([chunked], `1\r\nab\r\n0\r\n\r\n${hidden}`),
    "version 2.0": `POST /api/auth/exchange HTTP/2.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n${hidden}`,
  };
  const before = await usedBy(alice);
  for (const [name, text] of Object.entries(cases)) {
    const { answers } = await raw(text);
    assert.equal(answers.length, 1, `${name}: ${answers.map((a) => a.status)}`);
    assert.ok([400, 405, 501, 505].includes(answers[0].status), `${name}: ${answers[0].status}`);
    assert.deepEqual(answers[0].headers.connection, ["close"], `${name}: what is left of the connection is not read as a request`);
    assert.match(answers[0].text, /^\{"error":"/, name);
  }
  assert.equal(await usedBy(alice), before, "the hidden request was never executed");

  const { answers } = await raw(post([chunked], `0;name=value\r\nX-Trailer: x\r\n\r\n`) + head("GET /api/v2/health", ["Connection: close"]));
  assert.deepEqual(answers.map((a) => a.status), [400, 200], "chunk extensions and trailers are skipped; the next request is the next");
});

test("lines that end in LF alone are lines for all of us (F-58)", async () => {
  // nginx takes them, as RFC 9112 2.2 allows; nobody stands in front of it who could see it differently.
  const before = await usedBy(alice);
  const text = head("POST /api/auth/exchange", ["Content-Length: 4"]).replaceAll("\r\n", "\n") + "GET ";
  const { answers } = await raw(text + head("GET /api/v2/health", ["Connection: close"]));
  assert.equal(answers.length, 2);
  assert.deepEqual(answers.map((a) => a.status), [415, 200]);
  assert.equal(await usedBy(alice), before);
});

test("names with underscores and addresses from headers are not believed (F-59, A-16)", async () => {
  const lie = "203.0.113.9";
  const headers = { "X_Forwarded_For": lie, "X-Forwarded-For": lie, "X-Real-IP": lie, "Remote_Addr": lie, "REMOTE-ADDR": lie, "Client-IP": lie, "X_Request_Id": "underscore-1" };
  const email = randomEmail(), code = await freshCode(email), visitor = new Visitor();
  const answer = await visitor.post("/api/auth/verify", { email, code, device: "liar" }, { headers });
  assert.notEqual(answer.headers["x-request-id"], "underscore-1");
  const { body } = await new Visitor({ token: answer.body.token }).get("/api/account/sessions", { headers });
  assert.deepEqual(body.sessions.map((s) => s.ip), [visitor.address]);
});

test("a header that decides something may come once (F-59)", async () => {
  const twice = (name, first, second) => raw(head("POST /api/usage/increment", [`Authorization: Bearer ${alice.token}`, "Connection: close", "Content-Length: 0"])
    .replace("Connection", `${name}: ${first}\r\n${name}: ${second}\r\nConnection`));
  const before = await usedBy(alice);
  const cases = [
    ["Authorization", `Bearer ${bob.token}`, "Bearer x"], ["authorization", `Bearer ${alice.token}`, `Bearer ${alice.token}`],
    ["Host", "a.test", "b.test"], ["Cookie", "a=1", "b=2"],
  ];
  for (const [name, first, second] of cases) {
    const { answers } = await twice(name, first, second);
    assert.equal(answers[0].status, 400, name);
  }
  const { answers: [of_two] } = await raw(head("GET /api/account/me", [`Authorization: Bearer ${alice.token}`, "Connection: close", `Origin: ${URL_BASE}`, `Origin: ${URL_BASE}`]));
  assert.equal(of_two.headers["access-control-allow-origin"], undefined, "two origins are none of ours");
  assert.equal(await usedBy(alice), before);
});

test("a Proxy header sends nobody anywhere (F-55)", async () => {
  let connections = 0;
  const proxy = net.createServer((socket) => { connections++; socket.destroy(); });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const headers = { Proxy: `http://127.0.0.1:${proxy.address().port}` }, browser = new Visitor();
  const started = await browser.get("/api/auth/oauth/github/start", { headers });
  const state = new URL(started.headers.location).searchParams.get("state"), Cookie = started.headers["set-cookie"][0].split(";")[0];
  const answer = await browser.get(`/api/auth/oauth/github/callback?code=nonsense&state=${state}`, { headers: { ...headers, Cookie } });
  proxy.close();
  assert.equal(answer.status, 400, "the provider was asked, and refused the code");
  assert.equal(connections, 0);
});

// --- Paths and methods --------------------------------------------------------------------------

// The document as far as it is of the product: other families have their own words and tests.
function contract() {
  const document = JSON.parse(fs.readFileSync(path.join(STATE, "openapi.json"), "utf8"));
  return { paths: Object.fromEntries(Object.entries(document.paths).filter(([, of]) => Object.values(of)[0].tags[0] === "product")) };
}

test("every path: HEAD is GET without a body, the rest is 405 with what is allowed (F-64)", async () => {
  const { paths } = contract();
  assert.ok(Object.keys(paths).length > 15);
  for (const [template, operations] of Object.entries(paths)) {
    const url = template.replace("{provider}", "github").replace(/\{\w+\}/g, "x"), has = Object.keys(operations).map((m) => m.toUpperCase());
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "PROPFIND"]) {
      if (has.includes(method)) continue;
      const { answers: [answer] } = await raw(head(`${method} ${url}`, ["Content-Length: 0", "Connection: close"]));
      assert.equal(answer.status, 405, `${method} ${template}`);
      if (method !== "TRACE") assert.ok(has.every((m) => answer.headers.allow?.[0].split(", ").includes(m)), `${method} ${template}: Allow: ${answer.headers.allow}`);
      const { error, code } = JSON.parse(answer.text); // as the family says it
      assert.equal(code ?? error, "method_not_allowed", `${method} ${template}`);
    }
    const options = await new Visitor().send("OPTIONS", url, { check: false });
    assert.equal(options.status, 204, `OPTIONS ${template}`);
    assert.equal(options.text, "");
    if (!has.includes("GET")) continue;
    const { answers: [get] } = await raw(head(`GET ${url}`, ["Connection: close"])), { answers: [headed] } = await raw(head(`HEAD ${url}`, ["Connection: close"]));
    assert.equal(headed.status, get.status, `HEAD ${template}`);
    assert.equal(headed.text, "", `HEAD ${template}`);
    assert.deepEqual(headed.headers["content-type"], get.headers["content-type"], `HEAD ${template}`);
  }
});

test("a path has one spelling, but for a final slash", async () => {
  const visitor = () => new Visitor({ token: alice.token });
  for (const url of ["/api/account/me", "/api/account/me/", "/api//account/me", "/api/./account/me", "/api/x/../account/me", "/api/account/%6De"])
    assert.equal((await visitor().get(url, { check: false })).body?.id, alice.user.id, url);
  for (const url of ["/api/account%2fme", "/api/account%2Fme", "/api%2faccount/me", "/api/account/me%00", "/api/account/sessions/%00"]) {
    const answer = await visitor().get(url, { check: false });
    assert.equal(answer.status, 400, url);
    assert.equal(answer.body.error, "bad_request", url);
  }
  for (const url of ["/API/account/me", "/api/account/mE", "/api/account/me;x=1", "/api/account/me.json", "/api/account/me/x", "/api", "/", "/api/account%5cme", "/api/account%5c..%5cme"]) {
    const answer = await visitor().get(url, { check: false });
    assert.ok([404, 302].includes(answer.status) && answer.headers.location !== "/api/account/me", `${url}: ${answer.status}`);
  }
});

test("too large a head is refused in JSON (F-61)", async () => {
  const long = (n) => "a".repeat(n);
  const cases = {
    "address of 9 KiB": [head(`GET /api/v2/health?${long(9000)}`, ["Connection: close"]), 414],
    "field of 9 KiB": [head("GET /api/account/me", [`Authorization: Bearer ${long(9000)}`, "Connection: close"]), 431],
    "40 KiB of fields": [head("GET /api/account/me", Array.from({ length: 10 }, (_, i) => `X-${i}: ${long(4096)}`)), 431],
    "300 fields": [head("GET /api/account/me", [...Array.from({ length: 300 }, (_, i) => `X-${i}: a`), "Connection: close"]), 431],
  };
  for (const [name, [text, status]] of Object.entries(cases)) {
    const { answers: [answer] } = await raw(text);
    assert.equal(answer.status, status, name);
    assert.equal(typeof JSON.parse(answer.text).message, "string", name);
  }
});

// --- What answers carry -------------------------------------------------------------------------

test("every answer has its security headers, once (A-13, A-15)", async () => {
  const bearer = `Authorization: Bearer ${alice.token}`, close = "Connection: close";
  const cases = {
    "200 of a worker": [head("GET /api/account/me", [bearer, close]), 200],
    "200 public": [head("GET /api/billing/v2/catalog", [close]), 200],
    "200 from the cache": [head("GET /api/billing/v2/catalog", [close]), 200],
    "200 of the contract": [head("GET /.well-known/openapi.json", [close]), 200],
    "200 of a page": [head("GET /signin", [close]), 200],
    "204": [head("OPTIONS /api/account/me", [close]), 204],
    "302": [head("GET /api/auth/oauth/github/start", [close]), 302],
    "302 of nginx": [head("GET /", [close]), 302],
    "400 of a worker": [head("POST /api/auth/verify", [close, "Content-Length: 0"]), 400],
    "400 as a page": [head("GET /api/auth/oauth/github/callback", [close]), 400],
    "400 of nginx": ["GET / HTTP/1.1\r\n\r\n", 400],
    "401": [head("GET /api/account/me", [close]), 401],
    "404 of a worker": [head("GET /api/nothing", [close]), 404],
    "404 of nginx": [head("GET /nothing", [close]), 404],
    "405 of a worker": [head("PUT /api/account/me", [close, "Content-Length: 0"]), 405],
    "405 of nginx": [head("TRACE /api/account/me", [close]), 405],
    "413": [head("POST /api/auth/verify", [close, "Content-Length: 65537"]), 413],
    "414": [head(`GET /${"a".repeat(9000)}`, [close]), 414],
    "415 of a worker": [head("POST /api/auth/verify", [close, "Content-Length: 2", "Content-Type: text/plain"]) + "{}", 415],
    "415 of nginx": [head("POST /api/auth/verify", [close, "Content-Length: 2", "Content-Encoding: gzip"]) + "{}", 415],
    "431": [head("GET /", [`X: ${"a".repeat(9000)}`]), 431],
  };
  for (const [name, [text, status]] of Object.entries(cases)) {
    const { answers: [{ status: got, headers, text: body }] } = await raw(text);
    assert.equal(got, status, name);
    for (const field of ["x-request-id", "x-content-type-options", "x-frame-options", "referrer-policy", "permissions-policy", "content-security-policy"])
      assert.equal(headers[field]?.length, 1, `${name}: ${field}: ${headers[field]}`);
    assert.equal(headers["x-content-type-options"][0], "nosniff", name);
    assert.equal(headers["referrer-policy"][0], "no-referrer", name);
    assert.equal(headers["x-frame-options"][0], "DENY", name);
    assert.match(headers["permissions-policy"][0], /camera=\(\), geolocation=\(\), microphone=\(\)/, name);
    assert.match(headers["content-security-policy"][0], /default-src 'none'.*frame-ancestors 'none'/, name);
    assert.match(headers["x-request-id"][0], /^[0-9a-f]{32}$/, name);
    assert.deepEqual(headers.server, ["nginx"], `${name}: no version`);
    assert.equal(headers["x-powered-by"], undefined, name);
    assert.equal(headers["strict-transport-security"], undefined, `${name}: only over HTTPS`);
    if (status === 302) continue;
    if (body !== "") assert.match(headers["content-type"]?.[0], /; charset=utf-8$/, `${name} ${body.slice(0, 100)}`);
    if (status >= 400) assert.match(headers["content-type"][0], /^(application\/json|text\/html);/, name);
    assert.doesNotMatch(body, /nginx|MariaDB|\.c:\d|\/tmp\/|errno/, name);
  }
});

test("nobody stores an answer that needs a token (A-38)", async () => {
  const { paths } = contract(), session = alice.user && (await new Visitor({ token: alice.token }).get("/api/account/sessions")).body.sessions[0].id;
  let seen = 0;
  for (const [template, operations] of Object.entries(paths))
    for (const [method, operation] of Object.entries(operations)) {
      if (!operation.security?.length || template.startsWith("/api/auth/") || (method === "delete" && template === "/api/account")) continue;
      const url = template.replace("{session_id}", method === "delete" ? "sess_nobody" : session);
      for (const token of [alice.token, undefined]) {
        const answer = await new Visitor({ token }).send(method.toUpperCase(), url, { ...(method !== "get" && { body: {} }) });
        assert.equal(answer.headers["cache-control"], "no-store", `${method} ${url} ${answer.status}`);
        seen++;
      }
    }
  assert.ok(seen >= 20, `${seen} answers`);
});

test("other origins read what is public, our own reads the rest (A-12)", async () => {
  const from = (Origin, method, url, more = {}) => new Visitor({ token: alice.token }).send(method, url, { headers: { Origin, ...more } });
  for (const url of ["/api/v2/health", "/api/billing/v2/catalog", "/api/counter/founding", "/api/v2/status/public", "/api/update/linux-x64/stable/abcd1234"])
    assert.equal((await from("http://evil.test", "GET", url)).headers["access-control-allow-origin"], "*", url);
  for (const origin of ["http://evil.test", "null", `${URL_BASE}.evil.test`, URL_BASE.replace("http:", "https:"), `${URL_BASE}/`]) {
    for (const [method, url] of [["GET", "/api/account/me"], ["OPTIONS", "/api/account/me"], ["OPTIONS", "/api/auth/verify"]]) {
      const { headers } = await from(origin, method, url, { "Access-Control-Request-Method": "PATCH" });
      assert.deepEqual(Object.keys(headers).filter((name) => name.startsWith("access-control-")), [], `${origin} ${method} ${url}`);
    }
  }
  const own = await from(URL_BASE, "OPTIONS", "/api/account/me", { "Access-Control-Request-Method": "PATCH" });
  assert.equal(own.headers["access-control-allow-origin"], URL_BASE);
  assert.equal(own.headers.vary, "Origin");
  assert.match(own.headers["access-control-allow-methods"], /PATCH/);
  assert.match(own.headers["access-control-allow-headers"], /Authorization, Content-Type/);
  assert.equal(own.headers["access-control-allow-credentials"], undefined, "no cookies");
});

test("nothing in a request becomes a header of the answer (F-63)", async () => {
  const injected = "x%0d%0aX-Injected:%20yes%0d%0a";
  const urls = [`/api/auth/oauth/${injected}/start`, `/api/auth/oauth/github/start?from=${injected}`, `/api/auth/oauth/github/start?challenge=${injected}`,
    `/api/auth/oauth/github/callback?error=${injected}&state=${injected}`, `/api/update/linux-x64/stable/${injected}`, `/api/${injected}`, `/${injected}`, `/signin?from=${injected}`,
    `/sandbox/mail?to=${injected}`];
  for (const url of urls) {
    const { answers } = await raw(head(`GET ${url}`, ["Connection: close", `Origin: ${URL_BASE}`]));
    assert.equal(answers.length, 1, url);
    assert.equal(answers[0].headers["x-injected"], undefined, url);
    assert.ok(!(answers[0].headers.location?.[0] ?? "").includes("\n"), url);
  }
});

test("a request id of the client comes back when it is a plain one, and names the request in the logs", async () => {
  const id = `trace-${randomBytes(6).toString("hex")}`;
  for (const [method, url] of [["GET", "/api/account/me"], ["GET", "/api/nothing"], ["PUT", "/api/account/me"], ["GET", "/signin"], ["GET", "/nothing"]])
    assert.equal((await new Visitor().send(method, url, { headers: { "X-Request-Id": id } })).headers["x-request-id"], id, url);
  for (const bad of ["short", "a".repeat(65), "semi;colon-123", "\"quoted-123\"", "blank blank", "<script>alert"])
    assert.match((await new Visitor().get("/api/account/me", { headers: { "X-Request-Id": bad } })).headers["x-request-id"], /^[0-9a-f]{32}$/, bad);
  await eventually(() => assert.equal(logLines("access.log").filter((line) => line.request_id === id).length, 5));
});

// --- One request does not see another -----------------------------------------------------------

test("two people taking turns on one connection never see each other (F-66)", { timeout: 120_000 }, async () => {
  const people = [alice, bob].map(({ token, user, email }) => ({ token, user, email }));
  // Four connections, so that the threads of the workers serve both people in any order; 60 addresses, for the limits.
  const turns = 10_000, lanes = 4;
  let done = 0;
  await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
    let agent, visitor;
    for (let i = lane; i < turns; i += lanes) {
      if (i % 800 < lanes) {
        agent?.destroy();
        agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        visitor = new Visitor();
      }
      const { token, user, email } = people[(i + Math.floor(i / lanes)) % 2], other = people.find((p) => p.token !== token);
      const answer = await visitor.get("/api/account/me", { agent, headers: { Authorization: `Bearer ${token}` }, check: i < 8 });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.body.id, user.id);
      assert.equal(answer.body.email, email);
      assert.ok(!answer.text.includes(other.user.id) && !answer.text.includes(other.email));
      done++;
      if (i % 50 === lane) assert.equal((await visitor.get("/api/account/me", { agent, check: false })).status, 401, "without a token it is nobody");
    }
    agent.destroy();
  }));
  assert.equal(done, turns);
});

test("fields that nobody offers change nothing (F-76)", async () => {
  const row = async () => (await sql(`SELECT public_id, email, plan, founding, overage_enabled, allowance_micro, topup_micro, seats, renews_at_us, created_at_us, deleted_at_us FROM users WHERE public_id = '${alice.user.id}'`))[0];
  const extra = { id: bob.user.id, user_id: 1, public_id: bob.user.id, email: bob.email, role: "admin", plan: "lifetime", balance_cents: 1e6, balance: 1e6, topup_balance_cents: 1e6,
    allowance_micro: 1e9, topup_micro: 1e9, founding: true, seats: 500, granted_by_admin: true, emailVerified: true, is_admin: true, created_at: 1, deleted_at_us: 1,
    __proto__x: 1, constructor: { prototype: {} }, expires_at: 4e9 };
  const before = await row(), visitor = new Visitor({ token: alice.token });
  assert.equal((await visitor.patch("/api/account/me", { ...extra, display_name: "Alice" })).status, 200);
  assert.equal((await visitor.post("/api/usage/increment", { ...extra, used: 0, limit: null })).status, 200);
  assert.equal((await visitor.post("/api/usage/record", { ts: 1714000000, model: "m", provider: "p", ...extra, id: "its-own" })).status, 200);
  assert.deepEqual(await row(), before);
  const [[foreign]] = await sql(`SELECT COUNT(*) FROM usage_event JOIN users USING (user_id) WHERE public_id = '${bob.user.id}'`);
  assert.equal(foreign, "0");

  const email = randomEmail("mass");
  const answer = await verify(email, await freshCode(email), { ...extra, email, plan: "team", user: { plan: "team" } });
  assert.equal(answer.body.user.plan, "free");
  assert.equal(answer.body.user.founding, false);
  assert.notEqual(answer.body.user.id, bob.user.id);
});

test("ids of others are unknown ids (F-77)", async () => {
  const visitor = () => new Visitor({ token: alice.token });
  const [{ id: foreign }] = (await new Visitor({ token: bob.token }).get("/api/account/sessions")).body.sessions;
  const unknown = `sess_${"A".repeat(24)}`;
  for (const method of ["DELETE", "GET", "PUT", "POST", "PATCH"]) {
    const [theirs, none] = [await visitor().send(method, `/api/account/sessions/${foreign}`, { check: false }), await visitor().send(method, `/api/account/sessions/${unknown}`, { check: false })];
    assert.equal(theirs.status, method === "DELETE" ? 404 : 405);
    assert.equal(theirs.text.replace(foreign, unknown), none.text, "the same words as for an id that nobody has");
  }
  assert.equal((await new Visitor({ token: bob.token }).get("/api/account/me")).status, 200, "still signed in");
  for (const url of ["/api/account/sessions", "/api/account/orders", "/api/account/wallet", "/api/account/export"]) {
    const { status, text } = await visitor().get(`${url}?user_id=${bob.user.id}&id=${bob.user.id}&email=${bob.email}`);
    assert.equal(status, 200, url);
    assert.ok(!text.includes(bob.user.id) && !text.includes(bob.email) && !text.includes(foreign), url);
  }
  assert.equal((await visitor().delete("/api/account", { confirm_email: bob.email })).status, 403);
  assert.equal((await new Visitor({ token: bob.token }).get("/api/account/me")).status, 200);
});

// --- Logs ---------------------------------------------------------------------------------------

const logText = (name) => fs.readFileSync(path.join(STATE, "log", name), "utf8");
const logLines = (name) => logText(name).split("\n").filter((line) => line.startsWith("{")).map(JSON.parse);

test("what clients send stays inside its line of the log (F-79)", async () => {
  const tag = randomBytes(6).toString("hex");
  const evil = `${tag}"}\\n{"event":"forged","x":"\\u001b[31m`;
  const fields = [`User-Agent: ${evil}`, `Referer: ${evil}`, `X-Request-Id: ${evil}`, `Origin: ${evil}`, `Cookie: a=${evil}`, "Connection: close"];
  for (const url of [`/api/${tag}%0a%7b%22event%22:%22forged%22%7d`, `/api/account/me?x=${tag}%0d%0aforged`, `/${tag}%1b[31m%22,%22status%22:200`, `/api/${tag}"quoted"\\`])
    await raw(head(`GET ${url}`, fields));
  await raw(`${tag}\x1b[31m /api HTTP/1.1\r\n\r\n`);
  const email = randomEmail("log");
  await verify(email, await freshCode(email), { device: `${tag}\r\n{"event":"forged"}`, device_name: "\u001b[31m\u2028\u0085" });

  const last = `end-${tag}`;
  await new Visitor().get("/api/account/me", { headers: { "X-Request-Id": last } });
  await eventually(() => assert.ok(logText("access.log").includes(last)));
  for (const name of ["access.log", "events.log"]) {
    const text = logText(name);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f]/, `${name}: a control character`);
    for (const line of text.split("\n").filter((l) => l.startsWith("{"))) assert.notEqual(JSON.parse(line).event, "forged", line);
    assert.ok(text.split("\n").filter((l) => l.includes("forged")).every((l) => JSON.parse(l).event !== "forged" && JSON.parse(l).ts), name);
  }
});

test("no log, no process list and no error tells a secret (F-93)", async () => {
  const canaries = {}, email = `canary-${randomBytes(8).toString("hex")}@example.org`;
  const plant = (name, value) => {
    assert.ok(value && value.length >= 6, name);
    canaries[name] = value;
    return value;
  };
  plant("address", email);
  plant("address, encoded", encodeURIComponent(email));
  plant("name in front of the @", email.split("@")[0]);
  await askCode(email, { from: "ide" });
  const code = codeOf(await mailTo(email));
  await verify(email, "000000");
  const signedIn = await verify(email, code, { device_name: plant("device name", `dev-${randomBytes(8).toString("hex")}`) });
  const token = plant("token", signedIn.body.token.slice("session:".length));
  const handoff = plant("hand-off", signedIn.body.redirect.split("=")[1]);
  plant("token of the hand-off", (await exchange(handoff)).body.token.slice("session:".length));
  const visitor = () => new Visitor({ token });
  await visitor().get(`/api/account/me?token=${token}&hypex_token=${token}&code=${code}`, { headers: { Referer: `${URL_BASE}/signin#handoff=${handoff}`, Cookie: `t=${token}` } });
  await visitor().get(`/${token}`).catch(() => {});
  await visitor().patch("/api/account/me", { display_name: plant("display name", `Canary ${randomBytes(8).toString("hex")}`) });
  await visitor().post("/api/usage/record", { ts: 1714000000, model: "m", provider: "p", prompt: plant("prompt", randomBytes(12).toString("hex")), cwd: "/srv/canary" });
  await visitor().post("/api/usage/increment", {}, { idempotencyKey: plant("idempotency key", randomBytes(12).toString("hex")) });

  const browser = new Visitor(), started = await browser.get("/api/auth/oauth/github/start");
  const state = plant("state", new URL(started.headers.location).searchParams.get("state")), Cookie = started.headers["set-cookie"][0].split(";")[0];
  plant("cookie", Cookie.split("=")[1]);
  await browser.get(`/api/auth/oauth/github/callback?code=${plant("OAuth code", `unreachable${randomBytes(12).toString("hex")}`)}&state=${state}`, { headers: { Cookie } });
  await visitor().delete("/api/account", { confirm_email: email });

  const conf = fs.readFileSync(path.join(STATE, "turnpike.conf"), "utf8");
  for (const [, name, value] of conf.matchAll(/^(config_key|password|client_secret) = (.+)$/gm)) plant(`${name} ${value.slice(0, 2)}`, value);

  const last = `end-${randomBytes(6).toString("hex")}`;
  await new Visitor().get("/api/account/me", { headers: { "X-Request-Id": last } });
  await eventually(() => assert.ok(logText("access.log").includes(last)));
  const logs = fs.readdirSync(path.join(STATE, "log")).map((name) => [name, logText(name)]);
  assert.ok(logs.some(([name]) => name === "events.log") && logs.some(([name]) => name === "nginx-error.log"));
  for (const [name, text] of logs) {
    // The path that a client made up of a token is the client's own telling; it is looked at below.
    const own = text.split("\n").filter((line) => !line.includes(`"path":"/${token}"`)).join("\n");
    for (const [what, value] of Object.entries(canaries)) assert.ok(!own.includes(value), `${name} tells the ${what}`);
    assert.doesNotMatch(own, /session:[A-Za-z0-9_-]{43}/, `${name}: a token of any test`);
    assert.doesNotMatch(own, /[\w.-]+@example\.org/, `${name}: an address of any test`);
    assert.doesNotMatch(own, new RegExp(`(code|text|body)\\W{1,5}${code}\\b`), `${name}: the code`);
  }
  for (const pid of fs.readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    let shown = "";
    try {
      shown = fs.readFileSync(`/proc/${pid}/cmdline`, "latin1");
    } catch { /* it has ended */ }
    if (!shown.includes(STATE) || Number(pid) === process.pid) continue;
    for (const [what, value] of Object.entries(canaries)) assert.ok(!shown.includes(value), `the process list tells the ${what}`);
  }

  // After the account's end no table knows who it was.
  const { stdout } = await import("node:child_process").then(({ execFileSync }) => ({ stdout: execFileSync("mariadb-dump",
    ["--no-defaults", `--socket=${STATE}/run/mysql.sock`, "-uroot", "--skip-extended-insert", "--hex-blob", "turnpike"], { maxBuffer: 1 << 28 }).toString() }));
  for (const what of ["address", "token", "hand-off", "token of the hand-off", "device name", "display name", "prompt", "idempotency key", "cookie", "OAuth code"])
    assert.ok(!stdout.includes(canaries[what]), `the database has the ${what}`);
});
