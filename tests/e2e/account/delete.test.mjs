// Deletion of the account with a time of grace, and its being called off. What carries it out: retention.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mailTo, randomAddress, signIn, sql } from "../support.mjs";
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
  const wide = await someone.post(DELETE, { password: "\u{1f642}".repeat(101) });
  assert.deepEqual([wide.status, wide.body.field], [400, "password"], "202 code units");
  assert.equal(await dueOf(someone), null);
  assert.deepEqual(await eventsOf(someone.userId), [["sign_in_refused", "account_delete"]]);
});

test("guesses of the password end after five", async () => {
  const someone = await owner();
  for (let i = 0; i < 5; i++) assert.equal((await someone.post(DELETE, { password: `guess number ${i}` })).status, 400);
  const refused = await someone.post(DELETE, { password: PASSWORD });
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers["retry-after"]) > 0);
  assert.equal(await dueOf(someone), null);
});

test("guesses at the change of the password and here count together: five an hour from one address, twenty from all", async () => {
  const someone = await owner(), change = { currentPassword: "wrong horse battery", newPassword: "quartz meadow 38 lantern" };
  const guess = (i) => (i % 2 ? someone.post(DELETE, { password: "wrong horse battery" }) : someone.post("/api/account/change-password", change));
  for (let i = 0; i < 5; i++) assert.equal((await guess(i)).body.category, "bad_password", `guess ${i}`);
  for (let i = 0; i < 2; i++) assert.equal((await guess(i)).status, 429);
  for (let i = 5; i < 20; i++) {
    if (i % 5 === 0) someone.address = randomAddress();
    assert.equal((await guess(i)).body.category, "bad_password", `guess ${i}`);
  }
  someone.address = randomAddress();
  for (let i = 0; i < 2; i++) assert.equal((await guess(i)).status, 429);
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
