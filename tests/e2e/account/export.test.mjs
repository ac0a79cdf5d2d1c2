// GET /api/account/export: all that is stored, nothing that is secret, however much there is.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { STATE, Visitor, randomEmail, signIn, sql } from "../support.mjs";
import { browserOf, eventsOf, nowMicro, owner } from "./owner.mjs";

const KEYS = ["exportedAt", "schemaVersion", "account", "subscription", "userSettings", "connections", "memberships", "savedViews",
  "dashboards", "customActions", "agentSessions", "identities", "webSessions", "sessions", "ideTokens", "auditLog", "notes"];
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const EXPORT = "/api/account/export";

const exportOf = (someone, options) => someone.get(EXPORT, { timeout: 60000, ...options });

test("an export has every key, is indented by two spaces, and says what it is called", async () => {
  const someone = await owner({ email: randomEmail("odd+name") });
  await browserOf({ userId: someone.userId });
  await sql(`INSERT INTO identity (user_id, provider, subject, created_at_us) VALUES (${someone.userId}, 'github', '${someone.publicId}', ${nowMicro()})`);
  const answer = await exportOf(someone);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers["content-type"], "application/json; charset=utf-8");
  assert.equal(answer.headers["cache-control"], "no-store");
  const name = /^attachment; filename="([^"]*)"$/.exec(answer.headers["content-disposition"])[1];
  assert.equal(name, `suparbase-data-${someone.email.replace(/[^A-Za-z0-9@._-]/g, "_")}-${answer.body.exportedAt.slice(0, 10)}.json`);
  assert.equal(answer.text, JSON.stringify(JSON.parse(answer.text), null, 2) + "\n");

  const { body } = answer;
  assert.deepEqual(Object.keys(body), KEYS);
  assert.match(body.exportedAt, ISO);
  assert.equal(body.schemaVersion, 1);
  const { createdAt, emailVerifiedAt, passwordChangedAt, ...account } = body.account;
  for (const time of [createdAt, emailVerifiedAt, passwordChangedAt]) assert.match(time, ISO);
  assert.deepEqual(account, { id: someone.publicId, email: someone.email, name: null, totpEnabledAt: null, deletionScheduledFor: null });
  assert.equal(body.subscription, null);
  for (const key of KEYS.slice(5, 11)) assert.deepEqual(body[key], [], key);
  assert.equal(body.webSessions.length, 2);
  assert.deepEqual(Object.keys(body.webSessions[0]), ["id", "ip", "userAgent", "signedInAt", "lastSeenAt", "expiresAt"]);
  assert.equal(body.identities[0].subject, someone.publicId);
  assert.equal(body.auditLog[0].event, "exported");
  assert.deepEqual(Object.keys(body.auditLog[0]), ["event", "detail", "ip", "userAgent", "requestId", "createdAt"]);
  assert.deepEqual(Object.keys(body.notes).slice(0, 2), ["encryption", "auditLimit"]);
  assert.deepEqual(await eventsOf(someone.userId), [["exported", "account"]]);
});

test("a paid plan is a subscription", async () => {
  const someone = await owner(), ends = nowMicro() + 5 * 86400e6;
  await sql(`UPDATE users SET plan = 'pro', renews_at_us = ${ends} WHERE user_id = ${someone.userId}`);
  const { subscription } = (await exportOf(someone)).body;
  assert.deepEqual(Object.keys(subscription), ["userId", "plan", "status", "dodoCustomerId", "dodoSubscriptionId", "currentPeriodEnd",
    "trialEndsAt", "grantedByAdmin", "grantedAt", "adminNote", "createdAt", "updatedAt"]);
  assert.equal(subscription.plan, "pro");
  assert.equal(subscription.status, "active");
  assert.equal(subscription.currentPeriodEnd, new Date(ends / 1000).toISOString());
});

test("a session token on the same path gets the product's export, with its events", async () => {
  const someone = await signIn();
  const { status, body } = await someone.get(EXPORT);
  assert.equal(status, 200);
  assert.equal(body.account.id, someone.user.id);
  assert.deepEqual(body.audit.map(({ event, detail }) => [event, detail]), [["signed_in", "code"]]);
});

test("nobody's export: 401", async () => {
  for (const headers of [{ Cookie: "authjs.session-token=x" }, { Cookie: `authjs.session-token=${"A".repeat(43)}` }]) {
    const answer = await new Visitor().get(EXPORT, { headers });
    assert.equal(answer.status, 401);
    assert.deepEqual(answer.body, { category: "unauthorized" });
  }
});

test("six an hour", async () => {
  const someone = await owner();
  for (let i = 0; i < 6; i++) assert.equal((await exportOf(someone)).status, 200);
  const refused = await exportOf(someone);
  assert.equal(refused.status, 429);
  assert.equal(refused.body.category, "rate_limited");
  assert.ok(Number(refused.headers["retry-after"]) > 0);
});

// Every value of a column that holds something secret, in every form that it could leave in.
async function secrets() {
  const columns = await sql(`SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'turnpike'
    AND (column_name REGEXP 'hash|secret|mac$|_mac|salt|verifier|nonce|payload' OR data_type IN ('binary', 'varbinary', 'blob'))
    AND table_name <> 'schema_migration'`);
  assert.ok(columns.length >= 15, `${columns.length} columns`);
  const found = new Set();
  for (const [table, column, type] of columns) {
    for (const [hex] of await sql(`SELECT DISTINCT HEX(\`${column}\`) FROM \`${table}\` WHERE \`${column}\` IS NOT NULL LIMIT 5000`)) {
      const bytes = Buffer.from(hex, "hex");
      if (bytes.length < 16) continue;
      found.add(bytes.toString("hex")).add(bytes.toString("base64").replace(/=+$/, "")).add(bytes.toString("base64url"));
      if (!/binary|blob/.test(type)) found.add(bytes.toString());
    }
  }
  return found;
}

test("no secret that the database holds leaves with it (F-93)", async () => {
  const someone = await owner();
  const id = someone.userId, bytes = (n) => `REPEAT(CHAR(${n}), 32)`;
  await sql(`INSERT INTO second_factor VALUES (${id}, ${bytes(201)}, 1, REPEAT(CHAR(202), 16), ${nowMicro()});
    INSERT INTO recovery_code (user_id, code_hash, created_at_us) VALUES (${id}, ${bytes(203)}, 1);
    INSERT INTO email_token (token_hash, purpose, user_id, password_hash, ip, created_at_us, expires_at_us)
      VALUES (RANDOM_BYTES(32), 'verify', ${id}, '$argon2id$canary-canary-canary', '127.0.0.1', 1, ${nowMicro()});
    INSERT INTO ide_token (public_id, user_id, token_hash, name, created_at_us, last_used_at_us, expires_at_us)
      VALUES ('dev_${id}', ${id}, RANDOM_BYTES(32), 'laptop', 1, 1, ${nowMicro() + 1e12});
    INSERT INTO session (public_id, user_id, token_hash, ip, created_at_us, last_seen_at_us, expires_at_us)
      VALUES ('sess_${id}', ${id}, RANDOM_BYTES(32), '127.0.0.1', 1, 1, ${nowMicro() + 1e12})`);
  const { text, body } = await exportOf(someone);
  assert.equal(body.ideTokens[0].name, "laptop");
  assert.equal(body.sessions.length, 1);
  assert.match(body.account.totpEnabledAt, ISO);
  const lower = text.toLowerCase();
  for (const secret of [...(await secrets()), someone.browser.token])
    assert.ok(!text.includes(secret) && !lower.includes(secret), `${secret} is in the export`);
});

const workers = () => fs.readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
  try {
    const words = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return words.includes("turnpike-worker") && words.includes("core") && words.includes(STATE);
  } catch {
    return false;
  }
});
const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))[1]);

test("200,000 events are streamed: the newest 100,000, in memory that does not grow", async () => {
  const someone = await owner();
  for (let i = 0; i < 200000; i += 5000) // a long statement would keep others from writing events
    await sql(`INSERT INTO audit_event (user_id, event, detail, ip, user_agent, request_id, at_us)
      SELECT ${someone.userId}, 'signed_in', LPAD(${i} + seq, 6, '0'), '127.0.0.1', REPEAT('x', 200), REPEAT('r', 32), ${nowMicro()} FROM seq_1_to_5000`);
  const pids = workers();
  assert.ok(pids.length > 0, "no worker was found");
  const unchecked = { check: false }; // its shape is the other tests' matter, and there is much of it
  await exportOf(someone, unchecked); // what a first one allocates stays
  const before = pids.map(rss);
  const { status, text, body } = await exportOf(someone, unchecked);
  const after = pids.map(rss);
  assert.equal(status, 200);
  assert.ok(text.length > 30e6, `${text.length} bytes`);
  assert.equal(body.auditLog.length, 100000);
  assert.equal(body.auditLog[0].event, "exported");
  assert.equal(body.auditLog[2].detail, "200000");
  assert.equal(body.auditLog.at(-1).detail, "100003");
  const most = process.env.ASAN_OPTIONS ? 64 * 1024 : 8 * 1024; // the sanitizer keeps for a while what is freed
  after.forEach((kib, i) => assert.ok(kib - before[i] < most, `worker ${pids[i]}: ${kib - before[i]} KiB more`));
});
