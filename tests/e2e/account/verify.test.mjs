// Proving an address by a mailed link (account.md sections 4.4 and 4.5).
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor, randomEmail, signIn, sql } from "../support.mjs";
import { OTHER, PASSWORD, confirm, isFailure, isInvalid, look, mailsTo, oauthOnly, person, signUp, start, tokenOf, withPassword } from "./mailing.mjs";

test("a new link replaces the older ones and keeps the password", async () => {
  const email = randomEmail("again"), visitor = new Visitor();
  await signUp({ email, password: PASSWORD, name: "Ann" });
  const links = [tokenOf((await mailsTo(email, 1))[0], "verify")];
  for (let i = 0; i < 3; i++) {
    const answer = await start({ email: `  ${email.toUpperCase()} ` }, { visitor });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, { ok: true, configured: true });
    const [mail] = await mailsTo(email, i + 2);
    assert.ok(mail.text.includes(`from ${visitor.address}.`), "from where");
    links.push(tokenOf(mail, "verify"));
  }
  const [[lifetime]] = await sql(`SELECT (expires_at_us - created_at_us) / 1000000 FROM email_token WHERE token_hash = UNHEX(SHA2('${links[3]}', 256))`);
  assert.equal(Number(lifetime), 86400);
  for (const token of links.slice(0, 3)) isFailure(await confirm({ token }), 410, "expired", "replaced");
  const answer = await confirm({ token: links[3] });
  assert.deepEqual(answer.body, { ok: true, email });
  const signedIn = await withPassword({ email, password: PASSWORD });
  assert.equal(signedIn.body.user.display_name, "Ann");
});

test("a link lives for a day; the password outlives it (A-28)", async () => {
  const email = randomEmail("late");
  await signUp({ email, password: PASSWORD });
  const token = tokenOf((await mailsTo(email, 1))[0], "verify");
  await sql(`UPDATE email_token SET expires_at_us = (UNIX_TIMESTAMP() - 1) * 1000000 WHERE token_hash = UNHEX(SHA2('${token}', 256))`);
  isFailure(await confirm({ token }), 410, "expired", "a second late");
  assert.equal((await start({ email })).status, 200);
  assert.equal((await confirm({ token: tokenOf((await mailsTo(email, 2))[0], "verify") })).status, 200);
  assert.equal((await withPassword({ email, password: PASSWORD })).status, 200);
});

test("what is asked for is the same for every address; only those that wait get a mail (F-41)", async () => {
  const proved = await person(), code = await signIn(), oauth = await oauthOnly(), suspended = await person(), waiting = randomEmail("waiting"), unknown = randomEmail("unknown");
  await sql(`UPDATE users SET suspended_at_us = 1 WHERE email = '${suspended.email}'`);
  await signUp({ email: waiting, password: PASSWORD });
  await mailsTo(waiting, 1);
  const answers = [];
  for (const email of [unknown, waiting, proved.email, code.email, oauth.email, suspended.email, "no address", "a@b"]) answers.push(look(await start({ email })));
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  for (const [email, n] of [[unknown, 0], [waiting, 2], [proved.email, 1], [code.email, 1], [oauth.email, 1], [suspended.email, 1]]) await mailsTo(email, n);
});

test("signed in, the body does not matter; anonymous, it has to name an address", async () => {
  const visitor = await signIn(), other = randomEmail("other");
  await signUp({ email: other, password: PASSWORD });
  for (const body of [{ email: other }, "{", undefined, "x=1"]) {
    const answer = await new Visitor({ token: visitor.token }).post("/api/account/verify-email/start", body);
    assert.deepEqual(answer.body, { ok: true, configured: true }, `${body}`);
  }
  await mailsTo(other, 1);
  await mailsTo(visitor.email, 1);
  for (const body of [undefined, "", "{", "no JSON", "{}", { email: null }, { email: 7 }, { email: "ab" }, { email: " ab " }, { email: "x".repeat(121) }]) isInvalid(await start(body), "email", `${JSON.stringify(body)}`);
  isFailure(await start("[]"), 400, "validation", "a list");
  assert.equal((await start({ email: "x".repeat(120) })).status, 200);
  const dead = await new Visitor({ token: `session:${"x".repeat(43)}` }).post("/api/account/verify-email/start", { email: other });
  assert.equal(dead.status, 200, "a dead session is nobody");
});

test("five an hour for one mailbox from one address; what is invalid does not count", async () => {
  const visitor = new Visitor(), email = randomEmail("often");
  for (let i = 0; i < 7; i++) isInvalid(await start({}, { visitor }), "email", "comes before the limit");
  for (let i = 0; i < 5; i++) assert.equal((await start({ email: i % 2 ? email.toUpperCase() : email }, { visitor })).status, 200);
  const answer = await start({ email }, { visitor });
  isFailure(answer, 429, "rate_limited", "the sixth");
  assert.match(answer.headers["retry-after"], /^\d+$/);
  assert.equal((await start({ email: randomEmail("often") }, { visitor })).status, 200, "another mailbox");
  assert.equal((await start({ email })).status, 200, "another address");
});

test("what cannot be a link is invalid, what is none is not found", async () => {
  for (const token of [undefined, null, 4, "", "x".repeat(19), "x".repeat(121), "🙂".repeat(61)]) isInvalid(await confirm({ token }), "token", `${token}`);
  for (const token of ["x".repeat(20), "x".repeat(120), "🙂".repeat(10), "' OR 1=1 -- xxxxxxxxxx"]) isFailure(await confirm({ token }), 404, "not_found", token);
  isFailure(await confirm("{"), 400, "validation", "no JSON");
  for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
    const answer = await new Visitor().send(method, "/api/account/verify-email/confirm", { check: false });
    assert.equal(answer.status, 405, method);
    assert.match(answer.headers.allow, /POST/);
  }
});

test("a deleted account's links are links to nothing", async () => {
  const { email } = await person({ password: OTHER }), { token } = (await withPassword({ email, password: OTHER })).body;
  const waiting = randomEmail("gone");
  await signUp({ email: waiting, password: PASSWORD });
  const link = tokenOf((await mailsTo(waiting, 1))[0], "verify");
  await sql(`UPDATE users SET email = NULL, deleted_at_us = 1, signed_up_at_us = NULL WHERE email = '${waiting}'`);
  isFailure(await confirm({ token: link }), 404, "not_found", "deleted");
  assert.equal((await new Visitor({ token }).delete("/api/account", { confirm_email: email })).status, 200);
  assert.equal((await withPassword({ email, password: OTHER })).status, 401);
});
