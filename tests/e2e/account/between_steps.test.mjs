// Every way in has steps, and whatever ends between two of them counts at the next one (F-39): each flow is begun, the
// account is suspended or deleted, its password changed, or its other sessions ended, and the flow goes on. Nothing may
// come of it: no credential, no proof, no other password. Each flow is also gone through undisturbed, as the proof that
// it would have worked.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Visitor, randomEmail, request, sql, turnpike } from "../support.mjs";
import { exchange, freshCode, verify } from "../signing.mjs";
import { credential } from "./credentials.mjs";
import { PASSWORD, browserOf, codeAt, enrol, person } from "./factor.mjs";
import { OTHER, confirm, isFailure, mailsTo, reset, resetToken, signUp, tokenOf } from "./mailing.mjs";

const ALL = ["suspended", "deleted", "a new password", "signing out the others"];

// A session that has proved the second factor where there is one.
async function sessionOf(who) {
  const { text } = await credential("session", "live", { user: who });
  await sql(`UPDATE session JOIN users USING (user_id) SET session.mfa_at_us = users.mfa_since_us WHERE user_id = ${who.id} AND token_hash = UNHEX(SHA2('${text.slice("session:".length)}', 256))`);
  return new Visitor({ token: text });
}

const ENDS = {
  suspended: (who) => turnpike(["user", "suspend", who.email]),
  deleted: async (who) => (await sessionOf(who)).delete("/api/account", { confirm_email: who.email }),
  "a new password": async (who) => (await sessionOf(who)).post("/api/account/change-password", { currentPassword: PASSWORD, newPassword: OTHER }),
  "signing out the others": async (who) => (await sessionOf(who)).post("/api/auth/signout-others"),
};

// There and back; the address that the provider sends the browser to.
async function consent(email) {
  const browser = new Visitor(), started = await browser.get("/api/auth/oauth/github/start");
  const page = await request("GET", started.headers.location, { check: false });
  const hidden = Object.fromEntries([...page.text.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
  const answer = await request("POST", "/sandbox/oauth/consent", { check: false, headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ ...hidden, email, verified: "yes", decision: "allow" }).toString() });
  const back = new URL(answer.headers.location), cookie = started.headers["set-cookie"][0].split(";")[0];
  return () => browser.get(back.pathname + back.search, { headers: { Cookie: cookie } });
}
const handoffIn = (answer) => /handoff=([\w-]{43})$/.exec(answer.headers?.location ?? answer.body.redirect)[1];
const step = (family) => (verb, body, token) => new Visitor({ token }).post(`/v1/auth/${family}/${verb}`, body);
const device = step("device"), ide = step("ide");

// begin(who) resolves to the next step; stops: what has to end it. (Who goes to the provider, or to the mailbox, for a
// proof of today is let in by that proof, whatever ended before.)
const FLOWS = {
  "a code by mail": { stops: ALL.slice(0, 3), begin: async (who) => {
    const code = await freshCode(who.email);
    return () => verify(who.email, code);
  } },
  "a hand-off after a password": { stops: ALL, begin: async (who) => {
    const answer = await new Visitor().post("/api/auth/password", { email: who.email, password: PASSWORD, from: "ide" });
    return () => exchange(handoffIn(answer));
  } },
  "a hand-off of a page": { stops: ALL, begin: async (who) => {
    const answer = await (await sessionOf(who)).post("/api/auth/handoff", {});
    return () => exchange(handoffIn(answer));
  } },
  "OAuth, on the way back": { stops: ["suspended"], begin: async (who) => {
    const comeBack = await consent(who.email);
    return async () => exchange(handoffIn(await comeBack()));
  } },
  "a hand-off after OAuth": { stops: ALL.slice(0, 3), begin: async (who) => {
    const back = await (await consent(who.email))();
    return () => exchange(handoffIn(back));
  } },
  "a mailed link for a password": { stops: ALL.slice(0, 3), begin: async (who) => {
    const token = await resetToken(who.email, 1);
    return () => reset({ token, password: `${OTHER}!` });
  } },
  "the second factor": { stops: ALL, begin: async (who) => {
    const { secret } = await enrol(who, await browserOf(who)), pending = await browserOf(who);
    return () => pending.post("/api/account/2fa/verify", { code: codeAt(secret) });
  } },
  "a device": { stops: ALL, begin: async (who) => {
    const { body: login } = await device("start", {});
    assert.equal((await device("approve", login, (await sessionOf(who)).token)).status, 200);
    return () => device("poll", login);
  } },
  "an IDE": { stops: ALL, begin: async (who) => {
    const { body: login } = await ide("start", {});
    assert.equal((await ide("approve", login, (await sessionOf(who)).token)).status, 200);
    return () => ide("token", login);
  } },
};

// All that a step could leave behind; hashes, so that a failure tells no secret.
const outcome = ({ id }) => sql(["session", "web_session", "ide_token", "handoff"].map((table) => `SELECT '${table}', COUNT(*) FROM ${table} WHERE user_id = ${id}`).join(" UNION ALL ")
  + ` UNION ALL SELECT 'password', MD5(hash) FROM password WHERE user_id = ${id} UNION ALL SELECT 'events', COUNT(*) FROM audit_event WHERE user_id = ${id}
  AND event IN ('signed_in', 'mfa_passed', 'token_created', 'password_reset')`);
const worked = (answer) => answer.status === 200 && !["denied", "expired", "pending"].includes(answer.body.status);

for (const [flow, { begin, stops }] of Object.entries(FLOWS))
  describe(`${flow} (F-39)`, { concurrency: 3 }, () => {
    test("works when nothing comes between", async () => {
      const who = await person(), next = await begin(who), before = await outcome(who), answer = await next();
      assert.ok(worked(answer), answer.text);
      assert.notDeepEqual(await outcome(who), before);
    });
    for (const end of stops)
      test(`ends by: ${end}`, async () => {
        const who = await person(), next = await begin(who);
        const done = await ENDS[end](who);
        assert.ok(done.status === 200 || done.status === 0, done.text ?? done.stderr);
        const before = await outcome(who), answer = await next();
        assert.ok(!worked(answer) && answer.status < 500, `${answer.status} ${answer.text}`);
        assert.equal(answer.headers["set-cookie"]?.some((line) => !/Max-Age=0/.test(line)) ?? false, false, "no cookie");
        assert.deepEqual((await outcome(who)).filter(([what]) => what !== "handoff"), before.filter(([what]) => what !== "handoff"));
      });
  });

test("a mailed link that proves an address, of who is suspended before it is opened (F-39)", async () => {
  const email = randomEmail("waiting");
  await signUp({ email, password: PASSWORD });
  const token = tokenOf((await mailsTo(email, 1))[0], "verify");
  assert.equal((await turnpike(["user", "suspend", email])).status, 0);
  isFailure(await confirm({ token }), 403, "forbidden", "suspended");
  const [[proved, passwords]] = await sql(`SELECT email_verified_at_us, (SELECT COUNT(*) FROM password p WHERE p.user_id = u.user_id) FROM users u WHERE email = '${email}'`);
  assert.deepEqual([proved, passwords], ["NULL", "0"]);
  assert.equal((await turnpike(["user", "resume", email])).status, 0);
  assert.equal((await confirm({ token })).status, 200, "the link was not used up");
});
