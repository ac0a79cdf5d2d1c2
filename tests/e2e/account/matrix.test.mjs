// Every route of every family asked with every kind of credential in every state and place (F-37, F-77, F-95, A-13, A-15,
// The
// routes and what they ask for come from the tables (`turnpike routes --all`); who may come in without proof is a list
// here, so that opening a door takes two people. Routes that change something are asked with bodies that are no JSON:
// they fail after the door, not at it; those without a body get somebody of their own each time.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { URL_BASE, credit, eventually, ownStack, request, sql, turnpike } from "../support.mjs";
import { chat } from "../gateway/ai.mjs";
import { setting } from "../gateway/support.mjs";
import { person } from "./browser.mjs";
import { STATES, carried, carriersOf, credential, garbage } from "./credentials.mjs";

const PORT = Number(new URL(URL_BASE).port) + 64;

// Whoever has nothing to show may call these, and no others.
const OPEN = `
  GET /api/v2/health
  GET /api/billing/v2/catalog
  GET /api/counter/founding
  GET /api/v2/status/public
  POST /api/auth/request-code
  POST /api/auth/verify
  POST /api/auth/exchange
  POST /api/auth/password
  GET /api/auth/oauth/{provider}/start
  GET /api/auth/oauth/{provider}/callback
  GET /api/update/{platform}/{quality}/{commit}
  GET /api/auth/csrf
  POST /api/auth/csrf
  GET /api/auth/providers
  POST /api/auth/providers
  GET /api/auth/session
  POST /api/auth/session
  GET /api/auth/signin
  POST /api/auth/signin
  GET /api/auth/signin/credentials
  POST /api/auth/signin/credentials
  GET /api/auth/signin/{provider}
  POST /api/auth/signin/{provider}
  GET /api/auth/error
  POST /api/auth/error
  GET /api/auth/callback/credentials
  POST /api/auth/callback/credentials
  GET /api/auth/callback/{provider}
  POST /api/auth/callback/{provider}
  GET /api/auth/signout
  POST /api/auth/signout (account)
  POST /api/auth/signup
  POST /api/account/forgot-password
  POST /api/account/reset-password
  POST /api/account/verify-email/start
  POST /api/account/verify-email/confirm
  GET /api/health
  GET /api/cron/retention
  POST /v1/auth/device/start
  POST /v1/auth/device/poll
  POST /v1/auth/device/token
  POST /v1/auth/device/revoke
  POST /v1/auth/ide/start
  POST /v1/auth/ide/token
  GET /v1/models
  GET /v1/models/tiers/{tier}
  GET /v1/models/{model_id}
  GET /v1/catalog/manifest
  GET /v1/catalog/plans
  GET /v1/catalog/models
  GET /v1/catalog/addon-credit-packs
  GET /v1/account/tiers
  GET /health
  GET /health/ready
  GET /health/detailed
  GET /metrics
  POST /v1/telemetry
  POST /v1/feedback`;
// A credential whose second factor is pending may call these of the others.
const WITHOUT_SECOND_FACTOR = `
  GET /api/auth/session
  POST /api/auth/session
  POST /api/auth/signout (account)
  POST /api/account/2fa/verify
  POST /api/auth/signout`;
// An IDE token may not call these, though it may call their neighbours.
const FOR_PEOPLE = `
  DELETE /v1/account
  POST /v1/account/delete
  GET /v1/auth/device/{user_code}
  POST /v1/auth/device/approve
  POST /v1/auth/device/deny
  POST /v1/auth/ide/describe
  POST /v1/auth/ide/approve
  POST /v1/auth/ide/deny`;

const list = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean).sort();
const nameOf = (route, routes) => `${route.method} ${route.template}${routes.some((r) => r !== route && r.method === route.method && r.template === route.template) && route.family === "account" ? " (account)" : ""}`;

let stack, routes, victim, spends;
const agent = new http.Agent({ keepAlive: true, maxSockets: 24 });

async function tableOfRoutes() {
  const { stdout } = await turnpike(["routes", "--all"], stack.state);
  return stdout.trimEnd().split("\n").map((line) => line.split("\t"))
    .map(([family, method, template, auth, pool, limit, flags]) => ({ family, method, template, auth, pool, limit, flags: flags.split(",") }))
    .filter((route) => route.family !== "sandbox")
    // Its handler asks for the operator's secret, which is nobody's credential.
    .map((route) => (route.template === "/api/cron/retention" && route.method === "POST" ? { ...route, auth: "CRON" } : route));
}

before(async () => {
  stack = await ownStack({ port: PORT, limits: "dry-run", settings: (conf) => conf.replace(/^\[limits\]$/m,
    `[pool.core]\nprocesses = 2\n\n[pool.auth]\nprocesses = 2\n\n[limits]`) });
  routes = await tableOfRoutes();
  const { body: document } = await request("GET", `${stack.url}/.well-known/openapi.json`, { check: false });
  spends = (route) => route.method !== "GET" && !document.paths[route.template]?.[route.method.toLowerCase()]?.requestBody;
  victim = await person({ state: stack.state, name: "Victoria Other-Tenant", password: false });
  victim.session = await credential("session", "live", { stack, user: victim });
  victim.ide = await credential("ide", "live", { stack, user: victim });
  victim.web = await credential("web", "live", { stack, user: victim });
  victim.ids = await idsOf(victim);
});
after(() => { agent.destroy(); return stack?.down(); });

// --- What the tables say shall happen ---------------------------------------------------------------------------------

// Whether a kind of route knows this kind of credential where it is: "known", "anonymous" (it is not looked at) or "bad".
function taken(auth, { kind, carrier, headers }) {
  const hasBearer = "Authorization" in headers;
  switch (auth) {
  case "NONE":
    return "anonymous";
  case "CRON":
    return carrier === "the secret of cron" ? "anonymous" : "bad";
  case "SESSION":
    return kind === "session" && hasBearer ? "known" : "bad"; // with or without "session:"
  case "ACCOUNT":
  case "ACCOUNT_OPTIONAL":
    if ((kind === "session" && carrier === "bearer") || (kind === "web" && carrier === "cookie")) return "known";
    return auth === "ACCOUNT" ? "bad" : "anonymous";
  case "BEARER":
  case "HUMAN":
  case "OPTIONAL":
    if (hasBearer && carrier === "bearer" && ["session", "ide", "jwt"].includes(kind)) return "known";
    return auth === "OPTIONAL" && !hasBearer ? "anonymous" : "bad";
  case "ANTHROPIC":
    return ["session", "ide"].includes(kind) && carrier !== "cookie" ? "known" : "bad";
  default:
    throw new Error(`a kind of authentication that this test does not know: ${auth}`);
  }
}

function expected(route, cell) {
  const how = taken(route.auth, cell);
  if (how === "anonymous") return "in";
  if (how === "bad" || ["revoked", "expired", "deleted"].includes(cell.state)) return route.auth === "ACCOUNT_OPTIONAL" ? "in" : "unauthorized";
  if (cell.state === "suspended") return "suspended";
  if (route.auth === "HUMAN" && cell.kind === "ide") return "human";
  if (cell.state === "pending" && !route.flags.includes("mfa_exempt")) return "second factor";
  return "in";
}

const SAYS = { suspended: /suspended/, human: /IDE token may not/, "second factor": /second factor/ };

function met(route, { status, text }) {
  if (status === 401) return "unauthorized";
  if (status === 403) for (const [outcome, words] of Object.entries(SAYS)) if (words.test(text)) return outcome;
  return "in";
}

// --- Asking -----------------------------------------------------------------------------------------------------------

// Two families with one path: the account family has who comes with its cookie and without Authorization.
function isAsked(route, cell) {
  const twin = routes.find((r) => r !== route && r.method === route.method && r.template === route.template);
  const claimed = /authjs\./.test(cell.headers.Cookie ?? "") && !("Authorization" in cell.headers);
  return !twin || (route.family === "account") === claimed;
}

// What the victim has, by the parameters that name it: what anybody else is to find nothing under (F-77).
async function idsOf({ id, ide, email }) {
  const one = async (text) => (await sql(text, stack.state))[0]?.[0];
  await credit(email, { topup: 1000000 }, stack.state);
  const answer = await request("POST", `${stack.url}/v1/chat/completions`, { body: chat("tokens=1"), headers: { Authorization: `Bearer ${ide.text}` }, check: false });
  assert.equal(answer.status, 200, answer.text);
  const list = () => request("GET", `${stack.url}/v1/account/usage/activity`, { headers: { Authorization: `Bearer ${ide.text}` }, check: false });
  const [{ id: activity }] = await eventually(async () => { const { body } = await list(); assert.ok(body.items.length > 0); return body.items; });
  const session = await one(`SELECT public_id FROM session WHERE user_id = ${id}`);
  return { session_id: [session], activity_id: [activity],
    credential_id: [session, await one(`SELECT public_id FROM web_session WHERE user_id = ${id}`), await one(`SELECT public_id FROM ide_token WHERE user_id = ${id}`)] };
}

// What is nobody's, and harmless.
const PARAMETERS = { provider: "nobody", platform: "linux-x64", quality: "stable", commit: "0".repeat(40), tier: "free", model_id: "sandbox-chat", user_code: "ZZZZ-ZZZZ" };
const parameterOf = ({ template }) => /\{(\w+)\}/.exec(template)?.[1];

// The route's path, once for each id of the victim that it can name.
function pathsOf(route) {
  const fill = (more) => route.template.replace(/\{(\w+)\}/g, (_, name) => {
    const value = { ...PARAMETERS, ...more }[name];
    assert.ok(value, `${route.template}: what is a ${name}?`);
    return encodeURIComponent(value);
  });
  const name = parameterOf(route);
  return name in victim.ids ? victim.ids[name].map((id) => fill({ [name]: id })) : [fill({})];
}

async function ask(route, cell, path = pathsOf(route)[0]) {
  const body = route.method === "GET" ? undefined : "{";
  return request(route.method, stack.url + path, { headers: cell.headers, body, agent, check: !route.flags.includes("hidden") });
}

// What every answer carries, whoever gets it; [] or what is wrong.
function faultsOf(route, { status, headers, text }) {
  const wrong = [], isPublic = ["NONE", "OPTIONAL"].includes(route.auth) && route.family !== "account";
  if (headers["x-content-type-options"] !== "nosniff") wrong.push("A-13: no nosniff");
  if (!/frame-ancestors 'none'/.test(headers["content-security-policy"])) wrong.push("A-13: frames");
  if (text !== "" && !/; charset=utf-8$/.test(headers["content-type"])) wrong.push(`A-15: ${headers["content-type"]}`);
  if ((!isPublic || status === 401 || status === 403) && !/\bno-store\b/.test(headers["cache-control"])) wrong.push(`A-38: ${headers["cache-control"]}`);
  return wrong;
}

// Two routes tell by their answers whether they took the caller for somebody, where nobody is let in, too. The first is
// Auth.js', which shows sessions of browsers alone.
function isRight(route, cell, { status, body }) {
  const isKnown = taken(route.auth, cell) === "known" && ["live", "pending"].includes(cell.state);
  if (route.template === "/api/auth/session") return (body !== null) === (isKnown && cell.kind === "web");
  if (route.template === "/api/account/verify-email/start") return (status === 200) === isKnown;
  return true;
}

// All at once, but not more than there are sockets.
async function each(items, run) {
  const queue = items.values();
  await Promise.all(Array.from({ length: 24 }, async () => { for (const item of queue) await run(item); }));
}

const withoutId = (text) => text.replace(/"request_?id":\s*"[^"]*"/gi, "").replace(/req_[A-Za-z0-9]{24}/g, "");

// --- Tests ------------------------------------------------------------------------------------------------------------

test("who may come in without a credential, or without its second factor, is written down twice", () => {
  const named = (filter) => routes.filter(filter).map((route) => nameOf(route, routes)).sort();
  assert.deepEqual(named((r) => ["NONE", "OPTIONAL", "ACCOUNT_OPTIONAL"].includes(r.auth)), list(OPEN));
  assert.deepEqual(named((r) => r.flags.includes("mfa_exempt")), list(WITHOUT_SECOND_FACTOR));
  assert.deepEqual(named((r) => r.auth === "HUMAN"), list(FOR_PEOPLE));
});

test("every route, every kind of credential, every state", async (t) => {
  const states = ["session", "web", "ide", "jwt"].flatMap((kind) => STATES.map((state) => [kind, state]));
  const shared = (await Promise.all(states.map(([kind, state]) => credential(kind, state, { stack })))).filter(Boolean);
  const known = shared.flatMap((one) => carriersOf(one.kind).map((carrier) => carried(one, carrier)));
  // A cookie never stands in for a bearer, nor beside one: whose it is must not show.
  const cookie = carried(victim.web, "cookie").headers, session = shared.find((one) => one.kind === "session" && one.state === "live");
  const both = [{ kind: "garbage", state: "none", carrier: "another's live cookie, and a bad bearer", headers: { ...cookie, Authorization: `Bearer cgx_${"x".repeat(43)}` } },
    { kind: "garbage", state: "none", carrier: "another's live cookie, and Basic", headers: { ...cookie, Authorization: "Basic YTpi" } },
    { ...carried(session, "bearer"), headers: { ...cookie, ...carried(session, "bearer").headers } }];
  const cells = [{ kind: "nothing", state: "none", carrier: "", headers: {} }, ...known, ...await garbage(setting("account", "cron_secret", stack.state)), ...both];
  const asked = routes.flatMap((route) => pathsOf(route).flatMap((path) => cells.filter((cell) => isAsked(route, cell)).map((cell) => ({ route, path, cell }))));
  const before = await rowsOf(victim.id), wrong = [], refusals = new Map(), counts = {};

  await each(asked, async ({ route, path, cell }) => {
    const own = spends(route) && taken(route.auth, cell) === "known" && expected(route, cell) === "in" ? carried(await credential(cell.kind, cell.state, { stack }), cell.carrier) : cell;
    const answer = await ask(route, own, path), should = expected(route, cell), is = met(route, answer);
    const name = `${route.method} ${path} [${route.auth}], ${cell.kind} ${cell.state} as ${cell.carrier}`;
    counts[is] = (counts[is] ?? 0) + 1;
    if (is !== should) wrong.push(`${name}: ${is} instead of ${should}: ${answer.status} ${answer.text.slice(0, 120)}`);
    if (is === "in" && parameterOf(route) in victim.ids && answer.status !== 404) wrong.push(`${name}: finds another tenant's: ${answer.status}`);
    if (is === "in" && !isRight(route, cell, answer)) wrong.push(`${name}: taken for somebody else: ${answer.status} ${answer.text.slice(0, 120)}`);
    for (const fault of faultsOf(route, answer)) wrong.push(`${name}: ${answer.status}: ${fault}`);
    if (answer.status >= 500 && answer.status !== 503) wrong.push(`${name}: ${answer.status} ${answer.text.slice(0, 120)}`);
    for (const canary of [victim.email, victim.name, victim.publicId, victim.session.text, victim.ide.text])
      if (answer.text.includes(canary)) wrong.push(`${name}: shows another tenant's ${canary}`);
    if (cell.headers.Authorization?.length > 12 && answer.text.includes(cell.headers.Authorization.slice(8))) wrong.push(`${name}: echoes the token`);
    if (is !== "in") {
      const key = `${route.auth === "CRON" ? "cron" : route.family} ${is}`, body = withoutId(answer.text);
      refusals.set(key, (refusals.get(key) ?? new Map()).set(body, name));
    }
  });

  t.diagnostic(`${asked.length} cells: ${routes.length} routes, ${cells.length} credentials; ${JSON.stringify(counts)}`);
  assert.deepEqual(wrong, [], `${wrong.length} of ${asked.length}\n${wrong.slice(0, 40).join("\n")}\n`);
  for (const [key, bodies] of refusals) assert.equal(bodies.size, 1, `${key}: one body for all reasons\n${[...bodies].join("\n")}`);
  assert.deepEqual(await rowsOf(victim.id), before, "nobody has touched another tenant's rows");
  for (const outcome of ["in", "unauthorized", "suspended", "second factor"]) assert.ok(counts[outcome] > 20, outcome);
});

test("what changes something is refused to other origins, on every route of the account family (A-14)", async () => {
  const guarded = routes.filter((r) => r.family === "account" && r.method !== "GET" && !/^\/api\/(auth|webhooks)\//.test(r.template));
  assert.ok(guarded.length >= 12, `${guarded.length}`);
  const port = new URL(stack.url).port, wrong = [];
  const cases = [[{}, false], [{ Origin: stack.url }, false], [{ Origin: stack.url.toUpperCase() }, false], [{ "Sec-Fetch-Site": "same-origin" }, false], [{ "Sec-Fetch-Site": "same-site" }, false], [{ "Sec-Fetch-Site": "none" }, false],
    [{ Origin: "null" }, true], [{ Origin: "https://evil.example" }, true], [{ Origin: `https://127.0.0.1:${port}` }, true], [{ Origin: `${stack.url}/` }, true], [{ Origin: `${stack.url}.evil.example` }, true],
    [{ Origin: "http://127.0.0.1" }, true], [{ Origin: [stack.url, stack.url] }, true], [{ Origin: [stack.url, "https://evil.example"] }, true], [{ Origin: "x".repeat(500) }, true],
    [{ "Sec-Fetch-Site": "cross-site" }, true], [{ "Sec-Fetch-Site": "Cross-Site" }, true], [{ Origin: stack.url, "Sec-Fetch-Site": "cross-site" }, true],
    [{ Host: "evil.example", Origin: "http://evil.example" }, true], [{ Origin: "https://evil.example", "X-Forwarded-Host": "evil.example" }, true]];
  await each(guarded.flatMap((route) => cases.map((one) => [route, ...one])), async ([route, headers, refused]) => {
    const { status, text } = await request(route.method, stack.url + route.template, { headers, body: "{", agent, check: false });
    const isRefused = status === 403 && JSON.parse(text).category === "forbidden";
    if (isRefused !== refused) wrong.push(`${route.method} ${route.template} ${JSON.stringify(headers)}: ${status} ${text}`);
  });
  assert.deepEqual(wrong, []);
});

test("asking changes nothing: GET, HEAD and OPTIONS of every route, and no word to other origins (A-12, A-14)", async () => {
  const user = await person({ state: stack.state, password: false }), live = [];
  for (const [kind, carrier] of [["session", "bearer"], ["web", "cookie"], ["ide", "bearer"]]) live.push(carried(await credential(kind, "live", { stack, user }), carrier));
  live.push({ kind: "nothing", headers: {} });
  // Exports are written down; counters of the product's own work go on.
  const tables = (await sql("SHOW TABLES", stack.state)).flat().filter((name) => !["audit_event"].includes(name));
  const sums = async () => Object.fromEntries(await sql(`CHECKSUM TABLE ${tables.join(", ")}`, stack.state));
  const before = await sums(), wrong = [];
  const items = routes.filter((r) => r.method === "GET" && !r.flags.includes("page") && !r.template.includes("/oauth/")).flatMap((route) => live.filter((cell) => isAsked(route, cell)).map((cell) => [route, cell]));
  for (const method of ["GET", "HEAD", "OPTIONS"])
    await each(items, async ([route, cell]) => {
      const [path] = pathsOf(route);
      const { status, headers } = await request(method, stack.url + path, { headers: { ...cell.headers, Origin: "https://evil.example", "Access-Control-Request-Method": "POST" }, agent, check: false });
      if (status >= 500 && status !== 503) wrong.push(`${method} ${route.template}: ${status}`);
      if (route.family === "account" && Object.keys(headers).some((name) => name.startsWith("access-control-"))) wrong.push(`${method} ${route.template}: CORS`);
    });
  assert.deepEqual(wrong, []);
  assert.deepEqual(await sums(), before);
});

// Everything in the database that has somebody's id.
async function rowsOf(user) {
  const tables = (await sql(`SELECT table_name FROM information_schema.columns WHERE table_schema = 'turnpike' AND column_name = 'user_id' ORDER BY 1`, stack.state)).flat();
  const rows = {};
  for (const table of tables) rows[table] = await sql(`SELECT * FROM \`${table}\` WHERE user_id = ${user} ORDER BY 1`, stack.state);
  return rows;
}
