// The tables, and what is made from them, in step: the OpenAPI document, `turnpike routes`, nginx's locations, the sample
// configuration. The last test reads what all tests before have met on this stack, hence this file runs after them.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { STATE, Visitor, turnpike } from "../e2e/support.mjs";

const run = promisify(execFile);
const tests = fileURLToPath(new URL("..", import.meta.url));
const file = path.join(STATE, "openapi.json");
const document = JSON.parse(fs.readFileSync(file, "utf8"));
const operations = Object.entries(document.paths).flatMap(([template, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), template, operation })));

// The product as far as it is built. Billing's checkout, portal and webhook, Discord and sync are to come.
const PRODUCT = [
  "GET /api/v2/health",
  "GET /api/billing/v2/catalog",
  "GET /api/counter/founding",
  "GET /api/v2/status/public",
  "POST /api/auth/request-code",
  "POST /api/auth/verify",
  "POST /api/auth/exchange",
  "POST /api/auth/password",
  "POST /api/auth/handoff",
  "GET /api/auth/oauth/{provider}/start",
  "GET /api/auth/oauth/{provider}/callback",
  "POST /api/auth/signout",
  "POST /api/auth/signout-others",
  "GET /api/account/me",
  "PATCH /api/account/me",
  "GET /api/account/orders",
  "GET /api/account/sessions",
  "DELETE /api/account/sessions/{session_id}",
  "GET /api/account/credentials",
  "DELETE /api/account/credentials/{credential_id}",
  "GET /api/account/wallet",
  "GET /api/account/export",
  "DELETE /api/account",
  "POST /api/usage/record",
  "GET /api/usage/check",
  "POST /api/usage/increment",
  "GET /api/update/{platform}/{quality}/{commit}",
];
// Of the product, too, but a family of its own: its errors are Anthropic's.
const ANTHROPIC = ["POST /api/anthropic/v1/messages", "POST /api/anthropic/v1/messages/count_tokens"];

// Whoever watches us must not be kept from it (gateway.md 0.3).
const isExemptFromLimits = (template) => template.startsWith("/health");

async function listedRoutes() {
  const { status, stdout } = await turnpike(["routes"]);
  assert.equal(status, 0);
  return stdout.trimEnd().split("\n").map((line) => {
    assert.match(line, /^[a-z]+\t[A-Z]+\t\/\S*$/);
    const [family, method, template] = line.split("\t");
    return { family, method, template };
  });
}

const names = (routes) => routes.map(({ method, template }) => `${method} ${template}`).sort();

test("the OpenAPI document passes the linter without errors and warnings", async () => {
  const redocly = path.join(tests, "node_modules/@redocly/cli/bin/cli.js");
  // In a folder of its own: the linter must not pick up a configuration that happens to lie around.
  const cwd = fs.mkdtempSync(path.join(os.tmpdir(), "turnpike-lint-"));
  fs.copyFileSync(file, path.join(cwd, "openapi.json"));
  const { stdout, stderr, failed } = await run(process.execPath, [redocly, "lint", "openapi.json", "--extends", "recommended", "--format", "json"],
    { cwd, env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" }, maxBuffer: 64 * 1024 * 1024 })
    .catch((error) => ({ ...error, failed: true }));
  fs.rmSync(cwd, { recursive: true });
  const said = JSON.parse(stdout.slice(stdout.indexOf("{")) || "null");
  assert.ok(said, stderr);
  assert.deepEqual(said.problems.map((p) => `${p.severity} ${p.ruleId}: ${p.message} ${p.location[0]?.pointer}`), []);
  assert.deepEqual(said.totals, { errors: 0, warnings: 0, ignored: 0 });
  assert.ok(!failed, stderr);
});

test("the document is served as it is, to everybody", async () => {
  const { status, text, headers } = await new Visitor().get("/.well-known/openapi.json");
  assert.equal(status, 200);
  assert.equal(text, fs.readFileSync(file, "utf8"));
  assert.match(headers["content-type"], /^application\/json/);
  assert.equal(headers["access-control-allow-origin"], "*");
  for (const method of ["POST", "DELETE", "OPTIONS"]) {
    const refused = await new Visitor().send(method, "/.well-known/openapi.json");
    assert.deepEqual([refused.status, refused.headers.allow, refused.body.error], [405, "GET, HEAD", "method_not_allowed"]);
  }
  const { stdout } = await turnpike(["openapi"]);
  assert.equal(stdout, text, "and what `turnpike openapi` prints");
});

test("routes, document and the list of the product family agree", async () => {
  const routes = await listedRoutes();
  assert.deepEqual([...new Set(names(routes))], names(operations));
  assert.deepEqual(names(routes.filter((r) => r.family === "product")), [...PRODUCT].sort());
  assert.deepEqual(names(routes.filter((r) => r.family === "anthropic")), ANTHROPIC);
  const once = routes.map(({ family, method, template }) => `${family} ${method} ${template}`);
  assert.equal(new Set(once).size, routes.length, "each once");
  const shared = names(routes).filter((name, i, all) => all[i + 1] === name);
  assert.deepEqual(shared, ["GET /api/account/export", "POST /api/auth/signout"], "what product and account share");
});

test("every operation documents what its clients need to know", () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length, "operationIds differ");
  for (const { method, template, operation } of operations) {
    const name = `${method} ${template}`;
    assert.ok(operation.summary, name);
    assert.equal("429" in operation.responses, !isExemptFromLimits(template), name);
    assert.ok("default" in operation.responses, name);
    if (operation.security.length > 0) assert.ok("403" in operation.responses, name);
    if (operation.security.length === 1) assert.ok("401" in operation.responses, name);
    const inPath = [...template.matchAll(/\{(\w+)\}/g)].map((m) => m[1]);
    assert.deepEqual((operation.parameters ?? []).filter((p) => p.in === "path").map((p) => p.name), inPath, name);
    const headers = (operation.parameters ?? []).filter((p) => p.in === "header").map((p) => p.name);
    assert.equal(headers.includes("Idempotency-Key"), "422" in operation.responses, name);
    assert.equal(headers.includes("If-None-Match"), "304" in operation.responses, name);
    if (operation.requestBody) {
      const [media] = Object.values(operation.requestBody.content);
      const body = document.components.schemas[media.schema.$ref.split("/").at(-1)];
      assert.equal(operation.requestBody.required, Boolean(body.required || body.oneOf), name);
    }
    const takesAnyType = operation.tags[0] === "account"; // account.md section 1
    if (operation.requestBody) for (const status of ["400", "413", ...(takesAnyType ? [] : ["415"])]) assert.ok(status in operation.responses, `${name} ${status}`);
  }
});

// What nginx would do with an address, as far as our generated locations go: exact, longest ^~ prefix, regular
// expressions inside it.
function locationOf(locations, url) {
  const exact = locations.find((l) => l.kind === "=" && l.pattern === url);
  if (exact) return exact;
  const [prefix] = locations.filter((l) => l.kind === "^~" && url.startsWith(l.pattern)).sort((a, b) => b.pattern.length - a.pattern.length);
  if (!prefix || !prefix.inner.length) return prefix;
  return prefix.inner.find((l) => new RegExp(l.pattern).test(url));
}

function parseLocations(text) {
  const locations = [];
  let outer, inner;
  for (const line of text.split("\n")) {
    const [, tabs, kind, pattern] = /^(\t?)location (=|\^~|~) (\S+) \{$/.exec(line) ?? [];
    if (kind && tabs === "") locations.push(outer = inner = { kind, pattern, settings: [], inner: [] });
    else if (kind) outer.inner.push(inner = { kind, pattern, settings: [] });
    else inner?.settings.push(line.trim());
  }
  return locations;
}

test("every route has its location in nginx, with and without a slash at the end", async () => {
  const locations = parseLocations(fs.readFileSync(path.join(STATE, "nginx/turnpike/locations.conf"), "utf8"));
  for (const { family, method, template } of await listedRoutes()) {
    const url = template.replace(/\{\w+\}/g, "x");
    for (const address of [url, `${url}/`]) {
      const location = locationOf(locations, address);
      assert.ok(location, `${method} ${address}`);
      const isShared = family === "account" && ["/api/account/export", "/api/auth/signout"].includes(template);
      assert.ok(location.settings.includes(`set $turnpike_family ${isShared ? "product" : family};`), `${method} ${address}`);
      assert.ok(location.settings.some((s) => /^fastcgi_pass turnpike_\w+;$/.test(s)), `${method} ${address}`);
      assert.equal(location.settings.some((s) => /^limit_req zone=turnpike_\w+ /.test(s)), !isExemptFromLimits(template), `${method} ${address}`);
    }
  }
});

test("the sample configuration is accepted by the program, as it is and with every line in force", async () => {
  const { stdout: sample } = await turnpike(["options", "sample"]);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "turnpike-sample-"));
  const conf = path.join(folder, "turnpike.conf");
  const program = path.join(STATE, "bin/turnpike");
  const get = (text, key) => {
    fs.writeFileSync(conf, text, { mode: 0o600 });
    return run(program, ["--config", conf, "options", "get", key]);
  };
  const key = "0123456789abcdef0123456789abcdef";
  const withKey = sample.replace(/^#config_key =.*$/m, `config_key = ${key}`);
  assert.notEqual(withKey, sample);
  assert.equal((await get(withKey, "server.public_url")).stdout.trim(), "http://127.0.0.1:8080");

  const inForce = withKey.replace(/^#(\w+ = \S)/gm, "$1");
  assert.ok(inForce.match(/^\w+ = /gm).length > 20);
  await get(inForce, "server.public_url");
  await assert.rejects(get(`${inForce}\n[server]\npublic_ulr = http://x\n`, "server.public_url"), (error) => {
    assert.match(error.stderr, /public_ulr/);
    assert.match(error.stderr, /public_url/, "the nearest known key");
    return true;
  });
  fs.rmSync(folder, { recursive: true });
});

// What needs another configuration or a fault is tried on stacks of their own: a full queue of hashes (tests/faults/passwords,
// tests/e2e/account/signup), no encryption key or cron secret (second_factor_keys), no database (health).
const ELSEWHERE = [/^POST \/api\/auth\/(password|callback\/credentials|signup) 503$/, /^POST \/api\/auth\/signup 409$/,
  /^POST \/api\/account\/(reset-password|change-password|delete) 503$/, /^(GET|POST) \/api\/account\/2fa\/\w+ 503$/, /^GET \/api\/health 503$/,
  /^POST \/api\/cron\/retention 503$/];

test("every route was met with its success and with each failure that it documents", () => {
  const folder = path.join(STATE, "coverage");
  const met = new Set(fs.readdirSync(folder).filter((f) => f.endsWith(".tsv"))
    .flatMap((f) => fs.readFileSync(path.join(folder, f), "utf8").trimEnd().split("\n")));
  const missing = operations.flatMap(({ method, template, operation }) => Object.keys(operation.responses)
    .filter((status) => status !== "default" && !met.has([method, template, status].join("\t")))
    .map((status) => `${method} ${template} ${status}`))
    .filter((name) => !ELSEWHERE.some((pattern) => pattern.test(name)));
  assert.deepEqual(missing, [], `never met:\n  ${missing.join("\n  ")}\n`);
});
