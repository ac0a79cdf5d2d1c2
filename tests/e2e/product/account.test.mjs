// The account: profile, orders, devices, wallet, export, deletion (product.md section 3).
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { STATE, Visitor, codeOf, credit, eventually, mailTo, randomEmail, signIn, sql, turnpike } from "../support.mjs";

const run = promisify(execFile);
const DAY_S = 86400;
const now_s = () => Math.floor(Date.now() / 1000);

const ME_KEYS = ["id", "email", "plan", "balance_cents", "topup_balance_cents", "overage_enabled", "founding", "created_at",
  "cancel_at_period_end"];

async function userId(person) {
  const [[id]] = await sql(`SELECT user_id FROM users WHERE public_id = '${person.user.id}'`);
  return id;
}

// Another device of the same person.
const signInAgain = (person, device) => signIn({ email: person.email, device });

async function databaseDump() {
  const { stdout } = await run("mariadb-dump", ["--no-defaults", `--socket=${STATE}/run/mysql.sock`, "-uroot", "turnpike"],
    { maxBuffer: 256 * 1024 * 1024 });
  return stdout;
}

test("a new account is free, empty and has every field of the contract", async () => {
  const before = now_s();
  const person = await signIn();
  const { status, body, headers } = await person.get("/api/account/me");
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body).sort(), [...ME_KEYS].sort());
  assert.match(body.id, /^usr_[0-9A-Za-z]{24}$/);
  assert.ok(body.created_at >= before && body.created_at <= now_s());
  const { id, created_at, ...rest } = body;
  assert.deepEqual(rest, {
    email: person.email, plan: "free", balance_cents: 0, topup_balance_cents: 0, overage_enabled: false, founding: false,
    cancel_at_period_end: false,
  });
  assert.deepEqual(person.user, body, "signing in answers with the same object");
  assert.equal(headers["cache-control"], "no-store");
});

test("me shows a subscription: cents rounded down from micro-dollars, and its period", async () => {
  const person = await signIn();
  const renews = now_s() + 20 * DAY_S;
  await credit(person.email, { topup: 5000000, allowance: 12349999 });
  await sql(`UPDATE users SET plan = 'team', founding = 1, seats = 7,
    period_start_at_us = ${renews - 30 * DAY_S} * 1000000, renews_at_us = ${renews} * 1000000 + 999999,
    cancel_at_period_end = 1 WHERE user_id = ${await userId(person)}`);
  const { body } = await person.get("/api/account/me");
  const { id, email, created_at, ...rest } = body;
  assert.deepEqual(rest, {
    plan: "team", balance_cents: 1234, topup_balance_cents: 500, overage_enabled: false, founding: true,
    period_start: renews - 30 * DAY_S, renews_at: renews, cancel_at_period_end: true, seats: 7,
  });
});

test("the token is taken in any case of 'bearer' and without its prefix, and nothing else is", async () => {
  const { token } = await signIn();
  const opaque = token.slice("session:".length);
  const cases = [
    [`Bearer ${token}`, 200], [`bearer ${token}`, 200], [`BEARER   ${token}`, 200], [`Bearer ${opaque}`, 200],
    [undefined, 401], ["", 401], ["Bearer", 401], ["Bearer ", 401], [token, 401], [`Basic ${token}`, 401],
    [`Bearer ${token}x`, 401], [`Bearer ${token.slice(0, -1)}`, 401], [`Bearer ${token} ${token}`, 401],
    [`Bearer session:${"A".repeat(43)}`, 401], [`Bearer session:session:${opaque}`, 401],
    [`Bearer Session:${opaque}`, 401], [`Bearer ${token.replace(/.$/, "=")}`, 401],
  ];
  for (const [authorization, status] of cases) {
    const headers = authorization === undefined ? {} : { Authorization: authorization };
    const answer = await new Visitor().get("/api/account/me", { headers });
    assert.equal(answer.status, status, JSON.stringify(authorization));
    if (status === 401) {
      assert.equal(answer.body.error, "unauthorized");
      assert.equal(answer.headers["www-authenticate"], "Bearer");
    }
  }
});

test("an expired session is no session", async () => {
  const person = await signIn();
  await sql(`UPDATE session SET expires_at_us = 1 WHERE user_id = ${await userId(person)}`);
  assert.equal((await person.get("/api/account/me")).status, 401);
});

test("use pushes the expiry forward, at most once a minute", async () => {
  const person = await signIn();
  const id = await userId(person);
  const read = async () => (await sql(`SELECT last_seen_at_us, expires_at_us, ip FROM session WHERE user_id = ${id}`))[0];
  const first = await read();
  await person.get("/api/account/me");
  assert.deepEqual(await read(), first, "not within the first minute");

  await sql(`UPDATE session SET last_seen_at_us = last_seen_at_us - 61000000, expires_at_us = expires_at_us - 1000000000
    WHERE user_id = ${id}`);
  const elsewhere = new Visitor({ token: person.token });
  assert.equal((await elsewhere.get("/api/account/me")).status, 200);
  const [seen, expires, ip] = await read();
  assert.ok(Number(seen) >= Number(first[0]));
  assert.equal(Number(expires) - Number(seen), 30 * DAY_S * 1e6);
  assert.equal(ip, elsewhere.address);
});

test("the display name is changed alone, counted in characters, and kept exactly", async () => {
  const person = await signIn();
  const longest = "é😀".repeat(32);
  const cases = [
    [{ display_name: "Åsa Ⅲ \"quoted\" \\ </b>" }, 200], [{ display_name: longest }, 200], [{}, 200], [undefined, 200],
    [{ display_name: longest + "x" }, 400], [{ display_name: 7 }, 400], [{ display_name: ["x"] }, 400],
    [{ display_name: "x".repeat(300) }, 400],
  ];
  let kept;
  for (const [body, status] of cases) {
    const answer = await person.patch("/api/account/me", body);
    assert.equal(answer.status, status, JSON.stringify(body));
    if (status === 200) {
      kept = body?.display_name ?? kept;
      assert.equal(answer.body.display_name, kept);
    } else {
      assert.equal(answer.body.error, "bad_request");
      assert.equal(answer.body.faults[0].field, "display_name");
    }
    assert.equal((await person.get("/api/account/me")).body.display_name, kept);
  }
});

test("a change answers what GET then answers", async () => {
  const person = await signIn();
  const changed = await person.patch("/api/account/me", { display_name: "Kim", plan: "team", founding: true, id: "usr_x" });
  assert.equal(changed.status, 200);
  assert.deepEqual(changed.body, (await person.get("/api/account/me")).body);
  assert.equal(changed.body.plan, "free", "what is not offered is not changed");
});

test("overage needs an active subscription; switching it off does not", async () => {
  const person = await signIn();
  const refused = await person.patch("/api/account/me", { overage_enabled: true, display_name: "Not kept" });
  assert.equal(refused.status, 403);
  assert.equal(refused.body.error, "forbidden");
  assert.equal((await person.get("/api/account/me")).body.display_name, undefined, "all or nothing");
  assert.equal((await person.patch("/api/account/me", { overage_enabled: false })).status, 200);

  const id = await userId(person);
  await sql(`UPDATE users SET plan = 'pro', renews_at_us = ${now_s() + DAY_S} * 1000000 WHERE user_id = ${id}`);
  const allowed = await person.patch("/api/account/me", { overage_enabled: true });
  assert.equal(allowed.status, 200);
  assert.equal(allowed.body.overage_enabled, true);
  assert.equal((await person.get("/api/account/me")).body.overage_enabled, true);

  await sql(`UPDATE users SET renews_at_us = ${now_s() - 1} * 1000000, overage_enabled = 0 WHERE user_id = ${id}`);
  assert.equal((await person.patch("/api/account/me", { overage_enabled: true })).status, 403, "it has run out");
  for (const wrong of ["true", 1]) assert.equal((await person.patch("/api/account/me", { overage_enabled: wrong })).status, 400);
});

test("orders come newest first, in pages, and only one's own", async () => {
  const person = await signIn(), stranger = await signIn();
  const id = await userId(person), t0 = 1700000000;
  const rows = Array.from({ length: 120 }, (_, i) =>
    `('ord_${person.user.id.slice(4, 20)}${String(i).padStart(8, "0")}', ${id}, '${["subscription", "topup", "lifetime", "overage"][i % 4]}',
      ${1000 + i}, '${["paid", "pending", "failed", "refunded", "partially_refunded"][i % 5]}',
      ${i === 3 ? "'https://invoice.example/3'" : "NULL"}, ${t0 + i} * 1000000 + 5)`);
  await sql(`INSERT INTO orders (public_id, user_id, kind, amount_cents, status, invoice_url, created_at_us) VALUES ${rows}`);

  const page = async (query = "") => {
    const { status, body } = await person.get(`/api/account/orders${query}`);
    assert.equal(status, 200, query);
    assert.deepEqual(Object.keys(body), ["orders"]);
    return body.orders;
  };
  const first = await page();
  assert.equal(first.length, 50, "50 unless told");
  assert.deepEqual(first.map((o) => o.ts), Array.from({ length: 50 }, (_, i) => t0 + 119 - i));
  assert.deepEqual(first[0], {
    id: first[0].id, kind: "overage", amount_cents: 1119, status: "partially_refunded", ts: t0 + 119, currency: "usd",
  });
  assert.equal((await page("?limit=100")).length, 100);
  assert.deepEqual((await page("?limit=1")).map((o) => o.ts), [t0 + 119]);
  assert.deepEqual((await page(`?limit=2&before=${t0 + 60}`)).map((o) => o.ts), [t0 + 59, t0 + 58]);
  assert.deepEqual((await page(`?before=${t0 + 4}`)).map((o) => [o.ts, o.invoice_url]),
    [[t0 + 3, "https://invoice.example/3"], [t0 + 2, undefined], [t0 + 1, undefined], [t0, undefined]]);
  assert.deepEqual(await page(`?before=${t0}`), [], "strictly before");
  assert.deepEqual(await page("?before=0"), []);

  const seen = [];
  for (let before = 253402300799; ; before = seen.at(-1).ts) {
    const orders = await page(`?limit=32&before=${before}`);
    if (orders.length === 0) break;
    seen.push(...orders);
  }
  assert.equal(new Set(seen.map((o) => o.id)).size, 120, "paging meets each order once");
  assert.deepEqual((await stranger.get("/api/account/orders")).body, { orders: [] });

  for (const query of ["limit=0", "limit=101", "limit=-1", "limit=x", "limit=1.5", "limit=", "before=-1", "before=x",
    "before=9999999999999", "limit=99999999999999999999"]) {
    const { status, body } = await person.get(`/api/account/orders?${query}`);
    assert.equal(status, 400, query);
    assert.equal(body.faults[0].field, query.split("=")[0]);
  }
  const both = await person.get("/api/account/orders?limit=0&before=x");
  assert.deepEqual(both.body.faults.map((f) => f.field).sort(), ["before", "limit"], "all faults at once");
});

test("sessions list the live devices, most recent first, and mark the caller's", async () => {
  const person = await signIn({ device: "linux-x64" });
  const laptop = await signInAgain(person, "darwin-arm64"), old = await signInAgain(person, "win32-x64");
  const id = await userId(person);
  await sql(`UPDATE session SET last_seen_at_us = last_seen_at_us - 50000000 WHERE user_id = ${id} AND device = 'linux-x64'`);
  await sql(`UPDATE session SET expires_at_us = 1 WHERE user_id = ${id} AND device = 'win32-x64'`);

  const { status, body } = await person.get("/api/account/sessions");
  assert.equal(status, 200);
  assert.deepEqual(body.sessions.map((s) => [s.device, s.current, s.ip]), [
    ["darwin-arm64", undefined, laptop.address], ["linux-x64", true, person.address],
  ]);
  for (const { current, ...session } of body.sessions) {
    assert.deepEqual(Object.keys(session).sort(), ["created_at", "device", "id", "ip", "last_seen"]);
    assert.match(session.id, /^sess_[0-9A-Za-z]{24}$/);
    assert.ok(Number.isInteger(session.last_seen) && session.last_seen <= now_s());
  }
  const other = (await laptop.get("/api/account/sessions")).body.sessions;
  assert.deepEqual(other.map((s) => s.current), [true, undefined]);
  assert.equal((await old.get("/api/account/me")).status, 401);
});

test("a revoked session is refused by the very next request, on every connection", async () => {
  const person = await signIn(), victim = await signInAgain(person, "darwin-x64");
  assert.equal((await victim.get("/api/account/me")).status, 200);
  const { sessions } = (await person.get("/api/account/sessions")).body;
  const { id } = sessions.find((s) => s.device === "darwin-x64");

  const revoked = await person.delete(`/api/account/sessions/${id}`);
  assert.equal(revoked.status, 200);
  assert.deepEqual(revoked.body, { ok: true });
  const after = await Promise.all(Array.from({ length: 12 }, () => victim.get("/api/account/me")));
  assert.deepEqual([...new Set(after.map((a) => a.status))], [401]);
  assert.equal((await person.get("/api/account/me")).status, 200);
  assert.equal((await person.delete(`/api/account/sessions/${id}`)).status, 404, "it is gone");
});

test("sessions of others are not found and stay alive", async () => {
  const person = await signIn(), stranger = await signIn();
  const [{ id }] = (await stranger.get("/api/account/sessions")).body.sessions;
  for (const target of [id, "sess_000000000000000000000000", "x", "%00x".slice(3), "a".repeat(65), "' OR 1=1 -- ".replace(/ /g, "%20")]) {
    const { status, body } = await person.delete(`/api/account/sessions/${target}`);
    assert.equal(status, 404, target);
    assert.equal(body.error, "not_found");
  }
  assert.equal((await person.delete("/api/account/sessions/a%2Fb")).status, 400, "an encoded slash");
  assert.equal((await stranger.get("/api/account/me")).status, 200);
});

test("one may revoke the session that asks", async () => {
  const person = await signIn();
  const [{ id }] = (await person.get("/api/account/sessions")).body.sessions;
  assert.equal((await person.delete(`/api/account/sessions/${id}`)).status, 200);
  assert.equal((await person.get("/api/account/me")).status, 401);
});

// Cents with at most four decimals, from micro-dollars, as text: no double in between.
function centsText(micro) {
  const rest = String(micro % 10000n).padStart(4, "0").replace(/0+$/, "");
  return `${micro / 10000n}${rest === "" ? "" : "." + rest}`;
}

test("an empty wallet is zeros and thirty days", async () => {
  const person = await signIn();
  const { status, body } = await person.get("/api/account/wallet");
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body).sort(), ["by_provider", "daily", "last_30d_cents", "last_call", "lifetime_cents", "top_models"]);
  assert.deepEqual([body.lifetime_cents, body.last_30d_cents, body.last_call, body.by_provider, body.top_models], [0, 0, null, [], []]);
  assert.equal(body.daily.length, 30);
  assert.ok(body.daily.every((d) => d.cents === 0));
});

test("the wallet adds usage of several days and providers up to the ten-thousandth cent", async () => {
  const person = await signIn(), today = Math.floor(now_s() / DAY_S);
  const day_s = (ago) => (today - ago) * DAY_S;
  // [days ago, provider, model, micro-dollars]; 29 days ago is the oldest of the thirty.
  const calls = [
    [0, "xai", "grok-4", 1n], [0, "xai", "grok-4", 123456n], [0, "openai", "gpt-5", 999999n], [1, "openai", "gpt-5-mini", 70n],
    [1, "xai", "grok-3", 30000n], [29, "anthropic", "opus", 2500001n], [30, "anthropic", "opus", 4000007n],
    [400, "openai", "gpt-4", 100000001n],
    ...Array.from({ length: 10 }, (_, i) => [2, "local", `m${i}`, BigInt(i)]),
  ];
  const sent = calls.map(([ago, provider, model, micro], i) => ({
    id: `w${i}`, ts: day_s(ago) + (ago === 0 ? 0 : DAY_S - 1), provider, model, input_tokens: 10 + i, output_tokens: i, cached_tokens: 0,
    cache_write_tokens: 0, cost_usd: Number(micro) / 1e6,
  }));
  assert.deepEqual((await person.post("/api/usage/record", sent)).body, { ok: true, recorded: calls.length });

  const sum = (rows) => rows.reduce((total, row) => total + row[3], 0n);
  const grouped = (key) => {
    const groups = new Map();
    for (const call of calls) groups.set(key(call), [...(groups.get(key(call)) ?? []), call]);
    return [...groups].sort(([a, x], [b, y]) => (sum(x) === sum(y) ? (a < b ? -1 : 1) : sum(x) > sum(y) ? -1 : 1));
  };
  const { text, body } = await person.get("/api/account/wallet");
  const exact = (name, micro) => assert.match(text, new RegExp(`"${name}":${centsText(micro).replace(".", "\\.")}[,}]`), name);
  exact("lifetime_cents", sum(calls));
  exact("last_30d_cents", sum(calls.filter(([ago]) => ago < 30)));
  assert.deepEqual(body.by_provider.map((p) => [p.provider, String(p.cents)]),
    grouped((c) => c[1]).map(([provider, rows]) => [provider, centsText(sum(rows))]));
  const models = grouped((c) => c[2]).slice(0, 10);
  assert.deepEqual(body.top_models.map((m) => [m.model, m.provider, String(m.cents), m.calls]),
    models.map(([model, rows]) => [model, rows[0][1], centsText(sum(rows)), rows.length]));
  assert.deepEqual(body.daily.map((d) => [d.day, String(d.cents)]), Array.from({ length: 30 }, (_, i) => {
    const ago = 29 - i;
    return [new Date(day_s(ago) * 1000).toISOString().slice(0, 10), centsText(sum(calls.filter((c) => c[0] === ago)))];
  }));
  const last = sent[2];
  assert.deepEqual(body.last_call, {
    ts: last.ts, model: "gpt-5", provider: "openai", input_tokens: 12, output_tokens: 2, cost_cents: 99.9999,
  });
});

// A call of a hosted model that costs 600 micro-dollars, settled; its id.
async function callModel(person, trace) {
  await credit(person.email, { topup: 1000000 });
  const answer = await person.post("/v1/chat/completions",
    { model: "sandbox-chat", messages: [{ role: "user", content: "go [[sandbox: tokens=20 input=100]]" }] }, { headers: { "X-Request-Id": trace } });
  assert.equal(answer.status, 200, answer.text);
  const id = answer.headers["x-turnpike-receipt"];
  await eventually(async () => assert.equal((await sql(`SELECT 1 FROM ai_call WHERE public_id = '${id}'`)).length, 1));
  return id;
}

test("the export holds everything of the account and no secret", async () => {
  const person = await signIn({ device: "linux-arm64" }), id = await userId(person);
  await signInAgain(person, "win32-arm64");
  await person.patch("/api/account/me", { display_name: "Exporter" });
  await sql(`INSERT INTO orders (public_id, user_id, kind, amount_cents, status, created_at_us)
    VALUES ('ord_${person.user.id.slice(4)}', ${id}, 'topup', 1000, 'paid', 1700000000000000)`);
  await sql(`INSERT INTO identity (user_id, provider, subject, created_at_us)
    VALUES (${id}, 'github', 'gh-${person.user.id}', 1700000000000000)`);
  const events = Array.from({ length: 1100 }, (_, i) => ({ id: `e${i}`, ts: 1700000000 + i, model: "m", provider: "p", cost_usd: 0.000001 }));
  for (let i = 0; i < events.length; i += 100) {
    assert.equal((await person.post("/api/usage/record", events.slice(i, i + 100))).body.recorded, 100);
  }

  for (const turn_id of ["t1", "t2"]) await person.post("/api/usage/increment", { turn_id });
  const called = await callModel(person, "the-trace-of-it");
  const ideToken = (await turnpike(["ide-token", "create", "--user", person.email, "--name", "Editor"])).stdout.match(/cgx_[\w-]{43}/)[0];
  const said = await person.post("/v1/feedback", { message: "Well done", rating: 4, appVersion: "1.2" });
  assert.equal(said.status, 201, said.text);
  const props = { files: 3, nested: { text: "\"ä\"\n" } };
  assert.equal((await person.post("/v1/telemetry", { events: [{ name: "opened" }, { name: "saved", ts: "2026-01-31T12:34:56.789Z", props }] })).status, 202);
  const { status, body, text, headers } = await person.get("/api/account/export", { headers: { "User-Agent": "Export/1" } });
  assert.equal(status, 200);
  assert.match(headers["content-disposition"], /^attachment; filename="[a-z.]+"$/);
  assert.deepEqual(Object.keys(body).sort(), ["account", "audit", "call_days", "calls", "exported_at", "feedback", "ide_tokens", "identities", "orders", "sessions", "telemetry", "turn_days", "turns", "usage", "usage_days"]);
  assert.deepEqual(body.account, (await person.get("/api/account/me")).body);
  assert.deepEqual(body.identities, [{ provider: "github", subject: `gh-${person.user.id}`, created_at: 1700000000 }]);
  assert.deepEqual(body.sessions.map((s) => s.device).sort(), ["linux-arm64", "win32-arm64"]);
  assert.deepEqual(body.orders.map((o) => [o.kind, o.amount_cents, o.status]), [["topup", 1000, "paid"]]);
  assert.deepEqual(body.usage.map((u) => u.id), events.map((e) => e.id).reverse(), "more than one page of usage, newest first");
  assert.equal(body.usage[0].cost_usd, 0.000001);
  const today = new Date().toISOString().slice(0, 10);
  assert.deepEqual(body.usage_days, [{ day: "2023-11-14", provider: "p", model: "m", calls: 1100, cost_usd: 0.0011 },
    { day: today, provider: "sandbox", model: "sandbox-chat", calls: 1, cost_usd: 0.0006 }]);
  const { ts, latency_ms, ...model } = body.calls[0];
  assert.deepEqual(body.calls.length, 1);
  assert.ok(Math.abs(ts - Date.now() / 1000) < 60 && latency_ms >= 0);
  assert.deepEqual(model, { id: called, request_id: "the-trace-of-it", endpoint: "chat", mode: "chat", model: "sandbox-chat", status: "ok",
    estimated: false, input_tokens: 100, cached_tokens: 0, cache_write_tokens: 0, cache_write_1h_tokens: 0, output_tokens: 20, reasoning_tokens: 0,
    cost_usd: 0.0006 });
  assert.deepEqual(body.call_days, [{ day: today, model: "sandbox-chat", calls: 1, input_tokens: 100, output_tokens: 20, cost_usd: 0.0006 }]);
  assert.deepEqual(body.turns, [{ id: "t1", day: today }, { id: "t2", day: today }]);
  assert.deepEqual(body.turn_days, [{ day: today, used: 2 }]);

  const now = Date.now() / 1000, near = (a, b) => Math.abs(a - b) < 60;
  const [{ id: token, created_at, last_used_at, expires_at, ...named }, ...others] = body.ide_tokens;
  assert.deepEqual([named, others], [{ name: "Editor" }, []]);
  assert.ok(near(created_at, now) && near(last_used_at, now) && near(expires_at, now + 90 * 86400) && token.length > 4);
  const [{ ts: said_at, ...words }] = body.feedback;
  assert.deepEqual(words, { id: said.body.id, message: "Well done", category: null, rating: 4, app_version: "1.2" });
  assert.ok(near(said_at, now));
  for (const { received_at } of body.telemetry) assert.ok(near(received_at, now));
  assert.deepEqual(body.telemetry.map(({ received_at: _, ...event }) => event), [{ name: "saved", ts: 1769862896, props }, { name: "opened", ts: null }]);

  const [[hash]] = await sql(`SELECT LOWER(HEX(token_hash)) FROM session WHERE user_id = ${id} LIMIT 1`);
  const [[tokenHash]] = await sql(`SELECT HEX(token_hash) FROM ide_token WHERE user_id = ${id}`);
  for (const secret of [ideToken, tokenHash, tokenHash.toLowerCase(), person.token, person.token.slice("session:".length), "session:", hash, hash.toUpperCase()]) {
    assert.ok(!text.includes(secret), secret);
  }
});

test("an export of any size is complete, in pages", async () => {
  const person = await signIn(), id = await userId(person), n = 40000;
  await sql(`INSERT INTO usage_event (user_id, client_id, at_us, model, provider, input_tokens, output_tokens, cached_tokens, cache_write_tokens, cost_micro)
      SELECT ${id}, CONCAT('e', seq), 1700000000000000 + (seq DIV 700) * 1000000, REPEAT('€', 100), REPEAT('p', 64), seq, 0, 0, 0, 1 FROM seq_1_to_${n};
    INSERT INTO usage_day SELECT ${id}, 19675 + seq DIV 900, CONCAT('p', seq MOD 3), CONCAT('m', seq), 1, seq FROM seq_1_to_3000;
    INSERT INTO turn SELECT ${id}, CONCAT(REPEAT('€', 50), seq), FLOOR(UNIX_TIMESTAMP() / 86400) FROM seq_1_to_2000; -- older ones are pruned
    INSERT INTO ai_usage_day SELECT ${id}, 19675 + seq DIV 900, CONCAT(REPEAT('€', 90), seq), seq, 1, 1, 0 FROM seq_1_to_2500;
    INSERT INTO ai_call (public_id, user_id, request_id, endpoint, mode, model, status, is_estimated, attempts, input_tokens, cached_tokens,
        cache_write_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, catalog_id, price_input, price_cached, price_cache_write,
        price_cache_write_1h, price_output, price_reasoning, multiplier, estimate_micro, cost_micro, hold_id, started_at_us, latency_us, settled_at_us)
      SELECT CONCAT('act_${id}_', seq), ${id}, 'r', 'chat', 'chat', 'm', 'refunded', 0, 1, seq, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', 1, 1, 1
      FROM seq_1_to_2100;
    INSERT INTO session (public_id, user_id, token_hash, user_agent, ip, created_at_us, last_seen_at_us, expires_at_us)
      SELECT CONCAT('sess_${id}_', seq), ${id}, UNHEX(SHA2(CONCAT('export', ${id}, seq), 256)), CONCAT('Agent/', seq), '127.0.0.1', 1, 1, 1 FROM seq_1_to_1500;
    INSERT INTO orders (public_id, user_id, kind, amount_cents, status, created_at_us)
      SELECT CONCAT('ord_${id}_', seq), ${id}, 'topup', seq, 'paid', 1700000000000000 + seq DIV 40 FROM seq_1_to_1234`);
  const { status, body, text } = await person.get("/api/account/export");
  assert.equal(status, 200);
  assert.ok(Buffer.byteLength(text) > 16 * 1024 * 1024);
  assert.deepEqual(body.usage.map((u) => u.input_tokens), Array.from({ length: n }, (_, i) => n - i), "each once, newest first");
  assert.equal(body.usage_days.length, 3000);
  assert.equal(new Set(body.usage_days.map((d) => d.model)).size, 3000);
  assert.deepEqual(body.usage_days.map((d) => d.day), body.usage_days.map((d) => d.day).sort());
  assert.deepEqual(body.calls.map((c) => c.input_tokens), Array.from({ length: 2100 }, (_, i) => 2100 - i));
  assert.equal(new Set(body.call_days.map((d) => d.calls)).size, 2500);
  assert.equal(new Set(body.turns.map((t) => t.id)).size, 2000);
  assert.equal(new Set(body.sessions.map((s) => s.id)).size, 1501, "also those that have run out");
  assert.equal(body.sessions.filter((s) => s.current).length, 1);
  assert.equal(body.sessions.find((s) => s.id === `sess_${id}_7`).user_agent, "Agent/7");
  assert.deepEqual(body.orders.map((o) => o.amount_cents), Array.from({ length: 1234 }, (_, i) => 1234 - i));
  await sql(`DELETE FROM usage_event WHERE user_id = ${id}`);
});

test("deletion needs the address, ends every session at once, and leaves only the orders and the books", async () => {
  const person = await signIn(), second = await signInAgain(person, "darwin-x64"), id = await userId(person);
  const order = `ord_${person.user.id.slice(4)}`;
  await person.patch("/api/account/me", { display_name: "Forget Me Quickly" });
  await person.post("/api/usage/record", { id: "gone", ts: 1700000000, model: "forgotten-model-x", provider: "p", cost_usd: 1 });
  await person.post("/api/usage/increment", { turn_id: "t1" });
  const called = await callModel(person, `trace-${person.user.id}`);
  await sql(`INSERT INTO orders (public_id, user_id, kind, amount_cents, status, created_at_us)
    VALUES ('${order}', ${id}, 'topup', 1000, 'paid', 1700000000000000)`);
  await sql(`INSERT INTO identity (user_id, provider, subject, created_at_us) VALUES (${id}, 'google', 'g-${person.user.id}', 1)`);

  for (const [body, status] of [[undefined, 400], [{}, 400], [{ confirm_email: 1 }, 400], [{ confirm_email: "" }, 403],
    [{ confirm_email: randomEmail() }, 403], [{ confirm_email: person.email + "x" }, 403]]) {
    assert.equal((await person.delete("/api/account", body)).status, status, JSON.stringify(body));
  }
  assert.equal((await second.get("/api/account/me")).status, 200, "nothing was deleted");

  const deleted = await person.delete("/api/account", { confirm_email: ` ${person.email.toUpperCase()} ` });
  assert.equal(deleted.status, 200);
  assert.deepEqual(deleted.body, { ok: true });
  for (const visitor of [person, second]) assert.equal((await visitor.get("/api/account/me")).status, 401);
  assert.equal((await person.delete("/api/account", { confirm_email: person.email })).status, 401);

  assert.deepEqual(await sql(`SELECT public_id, amount_cents FROM orders WHERE user_id = ${id}`), [[order, "1000"]]);
  const dump = await databaseDump();
  assert.ok(dump.includes(order), "the dump is one");
  for (const trace of [person.email, "Forget Me Quickly", "forgotten-model-x", `g-${person.user.id}`, `trace-${person.user.id}`]) {
    assert.ok(!dump.includes(trace), `${trace} is still in the database`);
  }

  assert.deepEqual(await sql(`SELECT cost_micro, request_id FROM ai_call WHERE public_id = '${called}'`), [["600", ""]], "the books need it");
  assert.deepEqual(await sql(`SELECT * FROM ai_usage_day WHERE user_id = ${id}`), []);
  assert.equal((await turnpike(["ledger", "verify"])).status, 0);

  const again = await signIn({ email: person.email });
  assert.notEqual(again.user.id, person.user.id, "a new person");
  assert.equal(again.user.display_name, undefined);
  assert.deepEqual((await again.get("/api/account/orders")).body, { orders: [] });
});

test("a code asked for before the deletion does not bring the account back", async () => {
  const person = await signIn();
  const last = await mailTo(person.email);
  await new Visitor().post("/api/auth/request-code", { email: person.email });
  const code = codeOf(await mailTo(person.email, { newerThan: last.id }));
  assert.equal((await person.delete("/api/account", { confirm_email: person.email })).status, 200);
  const answer = await new Visitor().post("/api/auth/verify", { email: person.email, code });
  assert.equal(answer.status, 400);
  assert.equal(answer.body.error, "invalid_code");
});
