// Deletion of the account with a time of grace, and its being called off. What carries it out: retention.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mailTo, signIn, sql } from "../support.mjs";
import { MICROSECONDS, PASSWORD, eventsOf, nowMicro, owner } from "./owner.mjs";

const DELETE = "/api/account/delete", CANCEL = "/api/account/delete/cancel";
const DAYS_30_MS = 30 * 86400e3;

async function dueOf(someone) {
  const [[due]] = await sql(`SELECT delete_after_us FROM users WHERE user_id = ${someone.userId}`);
  return due === "NULL" ? null : Number(due);
}

test("asked for with the password, carried out after 30 days, called off before", async () => {
  const someone = await owner();
  const asked = await someone.post(DELETE, { password: PASSWORD });
  assert.equal(asked.status, 200, asked.text);
  assert.deepEqual(Object.keys(asked.body), ["ok", "scheduledFor"]);
  assert.equal(asked.body.ok, true);
  const at = Date.parse(asked.body.scheduledFor);
  assert.ok(Math.abs(at - Date.now() - DAYS_30_MS) < 60e3, asked.body.scheduledFor);
  assert.equal(Math.floor((await dueOf(someone)) / 1000), at);
  const mail = await mailTo(someone.email);
  assert.match(mail.subject, /will be deleted/);
  assert.ok(mail.text.includes(asked.body.scheduledFor.slice(0, 10)), mail.text);

  const again = await someone.post(DELETE, { password: PASSWORD });
  assert.deepEqual(again.body, asked.body);
  assert.deepEqual((await someone.get(DELETE)).body, { scheduledFor: asked.body.scheduledFor });
  assert.equal((await someone.get("/api/account/export")).body.account.deletionScheduledFor, asked.body.scheduledFor);

  const cancelled = await someone.post(CANCEL);
  assert.equal(cancelled.status, 200, cancelled.text);
  assert.deepEqual(cancelled.body, { ok: true });
  assert.equal(await dueOf(someone), null);
  assert.deepEqual((await someone.get(DELETE)).body, { scheduledFor: null });
  assert.match((await mailTo(someone.email, { newerThan: mail.id })).subject, /stays/);
  assert.deepEqual((await someone.post(CANCEL)).body, { ok: true });
  assert.deepEqual((await eventsOf(someone.userId)).map(([event]) => event), ["deletion_asked", "exported", "deletion_cancelled"]);
});

test("signing in by code is possible in the time of grace, and then cancelling with that session", async () => {
  const someone = await owner();
  assert.equal((await someone.post(DELETE, { password: PASSWORD })).status, 200);
  const again = await signIn({ email: someone.email });
  assert.equal(again.user.id, someone.publicId);
  assert.notEqual(await dueOf(someone), null, "signing in alone calls nothing off");
  assert.equal((await again.post(CANCEL)).status, 200);
  assert.equal(await dueOf(someone), null);
});

test("a wrong password, none, and one too long change nothing", async () => {
  const someone = await owner();
  const wrong = await someone.post(DELETE, { password: "wrong horse battery" });
  assert.equal(wrong.status, 400);
  assert.equal(wrong.body.category, "bad_password");
  for (const body of [{}, undefined, { password: "x".repeat(201) }, { password: 7 }]) {
    const refused = await someone.post(DELETE, body);
    assert.equal(refused.status, 400, JSON.stringify(body));
    assert.equal(refused.body.category, "validation");
    assert.equal(refused.body.field, "password");
  }
  assert.equal(await dueOf(someone), null);
  assert.deepEqual(await eventsOf(someone.userId), []);
});

test("guesses of the password end after five", async () => {
  const someone = await owner();
  for (let i = 0; i < 5; i++) assert.equal((await someone.post(DELETE, { password: `guess number ${i}` })).status, 400);
  const refused = await someone.post(DELETE, { password: PASSWORD });
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers["retry-after"]) > 0);
  assert.equal(await dueOf(someone), null);
});

test("without a password, a sign-in of the last ten minutes stands for it (A-33)", async () => {
  const cases = [
    { name: "just now", signedIn: nowMicro(), status: 200 },
    { name: "nine minutes ago", signedIn: nowMicro() - 9 * MICROSECONDS.minute, status: 200 },
    { name: "eleven minutes ago", signedIn: nowMicro() - 11 * MICROSECONDS.minute, lastSeen: nowMicro(), status: 403 },
  ];
  for (const { name, status, ...session } of cases) {
    const someone = await owner({ password: false, ...session });
    const answer = await someone.post(DELETE, {});
    assert.equal(answer.status, status, `${name}: ${answer.text}`);
    if (status === 403) assert.equal(answer.body.category, "reauth_required", name);
    assert.equal((await dueOf(someone)) !== null, status === 200, name);
  }
});

test("another site, nobody, and a pending second factor are refused", async () => {
  const someone = await owner();
  const foreign = await someone.post(DELETE, { password: PASSWORD }, { headers: { Origin: "https://evil.example" } });
  assert.equal(foreign.status, 403);
  assert.equal(foreign.body.category, "forbidden");
  const nobody = await someone.post(DELETE, { password: PASSWORD }, { headers: { Cookie: "" } });
  assert.equal(nobody.status, 401);
  await sql(`UPDATE users SET mfa_since_us = ${nowMicro()} WHERE user_id = ${someone.userId}`);
  for (const [url, body] of [[DELETE, { password: PASSWORD }], [CANCEL, undefined]]) {
    const pending = await someone.post(url, body);
    assert.equal(pending.status, 403);
    assert.equal(pending.body.category, "mfa_required");
  }
  assert.equal((await someone.get(DELETE)).status, 403);
  assert.equal((await someone.get(DELETE, { headers: { Cookie: "" } })).status, 401);
  assert.equal(await dueOf(someone), null);
});
