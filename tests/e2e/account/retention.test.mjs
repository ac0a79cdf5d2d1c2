// POST /api/cron/retention: what it deletes, who may ask, and that all is counted once however many runs there are.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { STATE, Visitor, mailTo, newestMail, randomEmail, signIn, sql } from "../support.mjs";
import { MICROSECONDS, PASSWORD, browserOf, nowMicro, owner, setting } from "./owner.mjs";

const CRON = "/api/cron/retention";
const NOTHING = { auditRowsPruned: 0, scansPruned: 0, findingsPruned: 0, sessionsPruned: 0, accountsHardDeleted: 0 };
const LOCK = "CONCAT('turnpike_retention_', MD5('turnpike'))";

const ask = (authorization = `Bearer ${setting("account", "cron_secret")}`) =>
  new Visitor().post(CRON, undefined, { timeout: 60000, headers: authorization === null ? {} : { Authorization: authorization } });

async function runOnce() {
  const answer = await ask();
  assert.equal(answer.status, 200, answer.text);
  const { durationMs, ...counts } = answer.body;
  assert.ok(Number.isInteger(durationMs) && durationMs >= 0);
  return counts;
}

const count = async (from) => Number((await sql(`SELECT COUNT(*) FROM ${from}`))[0][0]);

test("only the bearer of the secret may ask; everybody may look whether there is one", async () => {
  const secret = setting("account", "cron_secret");
  for (const wrong of [null, "", "Bearer", `Bearer ${secret}x`, `Bearer ${secret.slice(1)}`, `Basic ${secret}`, secret, "Bearer \u00e4".normalize()]) {
    const answer = await ask(wrong);
    assert.equal(answer.status, 401, wrong ?? "none");
    assert.equal(answer.body.category, "unauthorized");
    assert.ok(answer.body.message, "with a message");
    assert.ok(!answer.text.includes(secret));
  }
  const seen = await new Visitor().get(CRON);
  assert.equal(seen.status, 200);
  assert.equal(seen.body.configured, true);
  assert.equal(typeof seen.body.message, "string");
});

test("parallel runs count every row once", async () => {
  const someone = await owner(), rows = 12345;
  await sql(`INSERT INTO audit_event (user_id, event, at_us) SELECT ${someone.userId}, 'signed_in', ${nowMicro() - 91 * MICROSECONDS.day} FROM seq_1_to_${rows};
    INSERT INTO audit_event (user_id, event, at_us) VALUES (${someone.userId}, 'signed_in', ${nowMicro() - 89 * MICROSECONDS.day})`);
  const old = nowMicro() - 31 * MICROSECONDS.day;
  for (let i = 0; i < 3; i++) await browserOf({ userId: someone.userId, signedIn: old, expires: nowMicro() - 1e6 });
  const all = await Promise.all(Array.from({ length: 6 }, runOnce));
  const sum = (key) => all.reduce((n, counts) => n + counts[key], 0);
  assert.equal(sum("auditRowsPruned"), rows);
  assert.ok(sum("sessionsPruned") >= 3, "those, and what other tests have left");
  assert.equal(await count(`audit_event WHERE user_id = ${someone.userId}`), 1, "a younger one stays");
  assert.equal(await count(`web_session WHERE user_id = ${someone.userId}`), 1, "the live one stays");
  const { auditRowsPruned, accountsHardDeleted } = await runOnce();
  assert.deepEqual([auditRowsPruned, accountsHardDeleted], [0, 0], "nothing is left of it");
});

test("whoever finds the lock taken answers zeros and does nothing; then it is free again", async () => {
  const someone = await owner();
  await browserOf({ userId: someone.userId, signedIn: nowMicro() - 31 * MICROSECONDS.day, expires: nowMicro() - 1e6 });
  const other = spawn("mariadb", ["--no-defaults", `--socket=${STATE}/run/mysql.sock`, "-uroot", "-N", "-B", "-n", "turnpike"]);
  const [line] = await Promise.all([once(createInterface(other.stdout), "line"), other.stdin.write(`SELECT GET_LOCK(${LOCK}, 10);\n`)]);
  assert.equal(line[0], "1");
  try {
    assert.deepEqual(await runOnce(), NOTHING);
    assert.equal(await count(`web_session WHERE user_id = ${someone.userId}`), 2);
  } finally {
    other.stdin.end();
    await once(other, "exit");
  }
  assert.ok((await runOnce()).sessionsPruned >= 1);
  assert.equal(await count(`web_session WHERE user_id = ${someone.userId}`), 1);
  assert.equal((await sql(`SELECT IS_FREE_LOCK(${LOCK})`))[0][0], "1");
});

test("what has expired goes: codes, tokens, logins, idempotency records, mail; what has not stays", async () => {
  const someone = await owner(), id = someone.userId, now = nowMicro();
  const insert = (n, age) => `
    INSERT INTO sign_in_code (email, code_mac, tries_left, is_ide, expires_at_us) VALUES ('r${n}${id}@x.org', RANDOM_BYTES(32), 5, 0, ${now - age});
    INSERT INTO handoff (handoff_hash, user_id, expires_at_us) VALUES (RANDOM_BYTES(32), ${id}, ${now - age});
    INSERT INTO session (public_id, user_id, token_hash, ip, created_at_us, last_seen_at_us, expires_at_us)
      VALUES ('sess_r${n}${id}', ${id}, RANDOM_BYTES(32), '127.0.0.1', 1, 1, ${now - age});
    INSERT INTO ide_token (public_id, user_id, token_hash, created_at_us, last_used_at_us, expires_at_us)
      VALUES ('dev_r${n}${id}', ${id}, RANDOM_BYTES(32), 1, 1, ${now - age});
    INSERT INTO email_token (token_hash, purpose, user_id, ip, created_at_us, expires_at_us)
      VALUES (RANDOM_BYTES(32), 'reset', ${id}, '127.0.0.1', 1, ${now - age - 30 * MICROSECONDS.day});
    INSERT INTO ide_login (code_hash, state, ip, user_id, created_at_us, expires_at_us)
      VALUES (RANDOM_BYTES(32), 'approved', '127.0.0.1', ${id}, 1, ${now - age - MICROSECONDS.day});
    INSERT INTO device_login (device_hash, state, ip, user_id, interval_s, created_at_us, expires_at_us)
      VALUES (RANDOM_BYTES(32), 'approved', '127.0.0.1', ${id}, 5, 1, ${now - age - MICROSECONDS.day});
    INSERT INTO idempotency (scope_hash, fingerprint, lease_until_us, created_at_us)
      VALUES (RANDOM_BYTES(32), REPEAT(CHAR(${n}), 32), 0, ${now - age - 25 * MICROSECONDS.hour});
    INSERT INTO outbox (public_id, kind, state, payload, next_at_us, created_at_us)
      VALUES ('out_r${n}${id}', 'mail', 'done', '', ${now - age - 7 * MICROSECONDS.day}, 1);`;
  await sql(insert(1, MICROSECONDS.minute) + insert(2, -10 * MICROSECONDS.minute));
  await runOnce();
  const left = {
    sign_in_code: `email IN ('r1${id}@x.org', 'r2${id}@x.org')`,
    handoff: `user_id = ${id}`, session: `user_id = ${id}`, ide_token: `user_id = ${id}`, email_token: `user_id = ${id}`,
    ide_login: `user_id = ${id}`, device_login: `user_id = ${id}`,
    idempotency: "fingerprint IN (REPEAT(CHAR(1), 32), REPEAT(CHAR(2), 32))",
    outbox: `public_id IN ('out_r1${id}', 'out_r2${id}')`,
  };
  for (const [table, where] of Object.entries(left)) assert.equal(await count(`${table} WHERE ${where}`), 1, table);
  await sql(`DELETE FROM idempotency WHERE ${left.idempotency}`);
});

test("an account whose time is over is deleted, with all that signs in; what happened stays without a name", async () => {
  const email = randomEmail("leaver"), someone = await owner({ email }), id = someone.userId;
  const device = await signIn({ email });
  assert.equal((await someone.post("/api/account/delete", { password: PASSWORD })).status, 200);
  const [[requestId]] = await sql(`SELECT request_id FROM audit_event WHERE user_id = ${id} AND event = 'deletion_asked'`);
  await sql(`UPDATE users SET delete_after_us = ${nowMicro() - 1} WHERE user_id = ${id}`);
  await sql(`INSERT INTO second_factor VALUES (${id}, 'x', 1, REPEAT('x', 16), 1);
    INSERT INTO recovery_code (user_id, code_hash, created_at_us) VALUES (${id}, RANDOM_BYTES(32), 1);
    INSERT INTO email_token (token_hash, purpose, user_id, ip, created_at_us, expires_at_us)
      VALUES (RANDOM_BYTES(32), 'reset', ${id}, '127.0.0.1', 1, ${nowMicro() + 1e9});
    INSERT INTO identity (user_id, provider, subject, created_at_us) VALUES (${id}, 'google', '${someone.publicId}', 1)`);
  const refused = await someone.post("/api/auth/callback/credentials", { email, password: PASSWORD });
  assert.ok(refused.status < 500, "a password of an account that is due signs nobody in");

  const ended = "audit_event WHERE event = 'account_deleted' AND detail = 'after_grace' AND user_id IS NULL", before = await count(ended);
  const due = await count(`users WHERE delete_after_us <= ${nowMicro()} AND deleted_at_us IS NULL`);
  const newerThan = await newestMail(email), runs = await Promise.all([runOnce(), runOnce(), runOnce()]);
  assert.equal(runs.reduce((n, { accountsHardDeleted }) => n + accountsHardDeleted, 0), due, "each once");
  assert.equal((await someone.get("/api/account/export")).status, 401);
  assert.equal((await device.get("/api/account/me")).status, 401);
  for (const table of ["password", "second_factor", "recovery_code", "email_token", "identity", "session", "web_session", "ide_token",
    "handoff", "device_login", "ide_login", "audit_event"])
    assert.equal(await count(`${table} WHERE user_id = ${id}`), 0, table);
  const [row] = await sql(`SELECT email, display_name, delete_after_us, deleted_at_us IS NOT NULL FROM users WHERE user_id = ${id}`);
  assert.deepEqual(row, ["NULL", "NULL", "NULL", "1"]);
  assert.deepEqual(await sql(`SELECT user_id, ip, user_agent FROM audit_event WHERE request_id = '${requestId}' AND event = 'deletion_asked'`), [["NULL", "NULL", "NULL"]]);
  assert.equal(await count(ended), before + due);
  assert.match((await mailTo(email, { newerThan })).subject, /is deleted/);
  const anew = await signIn({ email });
  assert.notEqual(anew.user.id, someone.publicId, "the address is free again");
});

test("one whose deletion was called off in the last moment stays", async () => {
  const someone = await owner();
  await someone.post("/api/account/delete", { password: PASSWORD });
  await someone.post("/api/account/delete/cancel");
  assert.equal((await runOnce()).accountsHardDeleted, 0);
  assert.equal((await someone.get("/api/account/export")).status, 200);
});
