// GET /api/account/2fa/status: what a page needs to know before it offers a change.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret, TOTP } from "otpauth";
import { Visitor, signIn, sql } from "../support.mjs";

const status = (visitor) => visitor.get("/api/account/2fa/status");

async function enable(visitor) {
  const { body } = await visitor.post("/api/account/2fa/setup");
  const code = new TOTP({ secret: Secret.fromBase32(body.secret) }).generate();
  const answer = await visitor.post("/api/account/2fa/enable", { secret: body.secret, code });
  assert.equal(answer.status, 200, answer.text);
  return answer.body.recoveryCodes;
}

test("tells whether it is on and how many recovery codes are left", async () => {
  const visitor = await signIn();
  const off = { enabled: false, enabledAt: null, recoveryCodesLeft: 0, hasPassword: false, fresh: true };
  assert.deepEqual((await status(visitor)).body, off);
  const [code] = await enable(visitor);
  const on = (await status(visitor)).body;
  assert.ok(Math.abs(Date.parse(on.enabledAt) - Date.now()) < 60_000, on.enabledAt);
  assert.deepEqual(on, { ...off, enabled: true, enabledAt: on.enabledAt, recoveryCodesLeft: 10 });

  const spent = await visitor.post("/api/account/2fa/verify", { code, recovery: true });
  assert.equal(spent.status, 200, spent.text);
  assert.equal((await status(visitor)).body.recoveryCodesLeft, 9);
});

test("tells that a sign-in is too old for changes without the password", async () => {
  const visitor = await signIn();
  await sql(`UPDATE session SET created_at_us = created_at_us - 700000000 WHERE user_id =
    (SELECT user_id FROM users WHERE email = '${visitor.email}')`);
  assert.equal((await status(visitor)).body.fresh, false);
});

test("tells nothing to nobody, nor before the second factor", async () => {
  assert.equal((await status(new Visitor())).status, 401);
  const visitor = await signIn();
  const pending = await signIn({ email: visitor.email });
  await enable(visitor);
  const answer = await status(pending);
  assert.equal(answer.status, 403);
  assert.equal(answer.body.category, "mfa_required");
});
