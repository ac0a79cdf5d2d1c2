// How often a password may be tried (account.md 1.3): buckets, each exactly as large as the contract says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor, randomEmail, sql } from "../support.mjs";
import { person } from "./browser.mjs";
import { credential } from "./credentials.mjs";
import { csrf, isSignedIn, personWithPassword, signInWithPassword } from "./passwords.mjs";

// Refused by a bucket that gets a token each `token_s` and was full `since` (ms): when the next one comes.
function isRefused(answer, token_s, since) {
  assert.equal(answer.status, 429, answer.text);
  assert.equal(answer.body.category, "rate_limited");
  const seconds = Number(answer.headers["retry-after"]), passed = (Date.now() - since) / 1000;
  assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= token_s, `${seconds} s`);
  if (passed < token_s - 1) assert.ok(seconds >= token_s - passed - 1, `${seconds} s, when ${passed} s have passed`);
}

test("ten passwords for one address of a person from one address of the net, then one each 90 seconds (A-08)", async () => {
  const visitor = new Visitor(), form = await csrf(visitor), email = await personWithPassword(sql);
  const since = Date.now(), open = () => Math.floor((Date.now() - since) / 90000); // tokens that a slow machine lets come back
  for (let i = 0; i < 10; i++) {
    const answer = await signInWithPassword(visitor, form, { email: i % 2 ? email : ` ${email.toUpperCase()} `, password: "wrong" });
    assert.equal(answer.status, 302, `try ${i + 1}: ${answer.text}`);
    assert.match(answer.headers.location, /\/signin\?error=CredentialsSignin&code=credentials$/);
    assert.ok(!isSignedIn(answer));
  }
  if (open() > 0) return; // nothing can be said about the next one
  for (let i = 0; i < 3; i++) isRefused(await signInWithPassword(visitor, form, { email }), 90, since);
  assert.ok(isSignedIn(await signInWithPassword(visitor, form, { email: await personWithPassword(sql) })), "another person may");
  const elsewhere = new Visitor();
  assert.ok(isSignedIn(await signInWithPassword(elsewhere, await csrf(elsewhere), { email })), "and the same from elsewhere");
});

test("a hundred passwords from one address of the net, for whomever, then one each 36 seconds (A-08)", async () => {
  const visitor = new Visitor(), form = await csrf(visitor);
  const since = Date.now();
  let n = 0;
  const attempt = () => signInWithPassword(visitor, form, { email: randomEmail("nobody"), password: "wrong" });
  // A form without its token is no try.
  for (let i = 0; i < 5; i++) {
    const answer = await signInWithPassword(visitor, { ...form, csrfToken: "0".repeat(64) }, { email: randomEmail(), password: "wrong" });
    assert.match(answer.headers.location, /error=MissingCSRF$/);
  }
  // Several at a time, so that it is over before a token comes back: as many as may hash and wait.
  const worker = async () => {
    for (;;) {
      const answer = await attempt();
      if (answer.status === 429) return answer;
      assert.ok(answer.status === 302 || answer.status === 503, answer.text);
      n++;
    }
  };
  const refused = await Promise.all(Array.from({ length: 4 }, worker));
  const back = Math.ceil((Date.now() - since) / 36000);
  assert.ok(n >= 100 && n <= 99 + back, `${n} tries passed`);
  for (const answer of refused) isRefused(answer, 36, back > 1 ? 0 : since);
});

// As many of n calls at once as the window lets through; each address of the net makes few of them.
async function through(n, call) {
  const visitors = Array.from({ length: 8 }, () => new Visitor());
  const answers = await Promise.all(Array.from({ length: n }, (_, i) => call(visitors[i % visitors.length])));
  for (const answer of answers.filter((a) => a.status !== 200)) {
    assert.deepEqual([answer.status, answer.body.category], [429, "rate_limited"], answer.text);
    assert.ok(answer.headers["retry-after"] >= 1 && answer.headers["retry-after"] <= 60);
  }
  return answers.filter((a) => a.status === 200).length;
}

test("one user, from wherever: 300 reads and 90 changes a minute (A-08)", async () => {
  const someone = await person({ password: false }), { text } = await credential("session", "live", { user: someone });
  const headers = { Authorization: `Bearer ${text}` };
  assert.equal(await through(330, (visitor) => visitor.get("/api/account/2fa/status", { headers })), 300);
  assert.equal(await through(100, (visitor) => visitor.post("/api/account/delete/cancel", undefined, { headers })), 90);
  const other = await credential("session", "live", {});
  assert.equal((await new Visitor().get("/api/account/2fa/status", { headers: { Authorization: `Bearer ${other.text}` } })).status, 200, "others are not touched");
});

test("thirty passwords an hour for one address of a person, whether it has an account or not (F-41, F-46, A-08)", async () => {
  for (const email of [await personWithPassword(sql), randomEmail("nobody")]) {
    const knock = () => new Visitor().post("/api/auth/password", { email, password: "wrong" });
    for (let i = 0; i < 30; i++) assert.ok([401, 503].includes((await knock()).status), `try ${i + 1}`);
    const { status, headers } = await knock();
    assert.equal(status, 429, email);
    assert.ok(headers["retry-after"] >= 1 && headers["retry-after"] <= 120);
  }
});
