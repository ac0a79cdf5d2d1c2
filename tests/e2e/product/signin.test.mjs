// Signing in with a code from an e-mail, handing over to the IDE (product.md section 2).
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { askCode, exchange, freshCode, me, storedMails, verify, wrong } from "../signing.mjs";
import { URL_BASE, Visitor, codeOf, eventually, mailTo, newestMail, randomEmail, request, signIn, sql } from "../support.mjs";

const statuses = (answers) => answers.map((answer) => answer.status).sort();
const count = (answers, status) => answers.filter((answer) => answer.status === status).length;
const invalidCode = (answer, why) => {
  assert.equal(answer.status, 400, `${why}: ${answer.text}`);
  assert.equal(answer.body.error, "invalid_code", why);
};

test("a code from the mail signs in; the first time makes the account", async () => {
  const email = randomEmail("new"), visitor = new Visitor();
  const asked = await visitor.post("/api/auth/request-code", { email, from: "web", device: "linux-x64" });
  assert.equal(asked.status, 200);
  assert.deepEqual(asked.body, { ok: true, expires_in: 900 });

  const mail = await mailTo(email);
  assert.match(mail.subject, /^\d{6} is your sign-in code$/);
  const code = codeOf(mail);
  const answer = await visitor.post("/api/auth/verify", { email, code, device: "linux-x64", device_name: "desk" });
  assert.equal(answer.status, 200);
  assert.match(answer.body.token, /^session:[A-Za-z0-9_-]{43}$/);
  assert.ok(Math.abs(answer.body.expires_at - (Date.now() / 1000 + 30 * 86400)) < 60, "30 days");
  assert.match(answer.body.user.id, /^usr_[A-Za-z0-9]{24}$/);
  assert.equal(answer.body.user.email, email);
  assert.equal(answer.body.redirect, undefined);
  assert.equal(answer.headers["cache-control"], "no-store");

  visitor.token = answer.body.token;
  assert.deepEqual((await visitor.get("/api/account/me")).body, answer.body.user);
  const { body } = await visitor.get("/api/account/sessions");
  assert.equal(body.sessions[0].device, "linux-x64");
  assert.equal(body.sessions[0].ip, visitor.address);

  const again = await signIn({ email });
  assert.equal(again.user.id, answer.body.user.id, "the same account the second time");
});

test("known, unknown, unproved, suspended, deleted and OAuth addresses get the same answer (F-41, A-24)", async () => {
  const known = await signIn(), deleted = await signIn(), oauth = await signIn(), suspended = await signIn(), unproved = randomEmail("unproved");
  await sql(`UPDATE users SET suspended_at_us = 1 WHERE email = '${suspended.email}';
    INSERT INTO users (public_id, email, created_at_us, signed_up_at_us) VALUES ('usr_${randomBytes(12).toString("hex")}', '${unproved}', ${Date.now()}000, ${Date.now()}000)`);
  assert.equal((await deleted.delete("/api/account", { confirm_email: deleted.email })).status, 200);
  const subject = randomBytes(4).readUInt32BE();
  await sql(`INSERT INTO identity (user_id, provider, subject, created_at_us)
    SELECT user_id, 'github', '${subject}', 1 FROM users WHERE public_id = '${oauth.user.id}'`);

  const emails = [known.email, deleted.email, oauth.email, suspended.email, unproved, randomEmail("unknown")];
  const variable = new Set(["date", "x-request-id"]);
  const look = ({ status, text, headers }) =>
    ({ status, text, headers: Object.entries(headers).filter(([name]) => !variable.has(name)) });
  for (const call of [askCode, (email) => verify(email, "000000")]) {
    const answers = [];
    for (const email of emails) answers.push(look(await call(email)));
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
  }
});

test("codes are six digits and differ", async () => {
  const codes = await Promise.all(Array.from({ length: 20 }, () => freshCode(randomEmail("digits"))));
  for (const code of codes) assert.match(code, /^\d{6}$/);
  assert.ok(new Set(codes).size >= 18, codes.join(" "));
});

test("a code is taken once", async () => {
  const email = randomEmail(), code = await freshCode(email);
  assert.equal((await verify(email, code)).status, 200);
  invalidCode(await verify(email, code), "used");
});

test("the right code 20 times at once signs in once", async () => {
  const email = randomEmail(), code = await freshCode(email);
  const answers = await Promise.all(Array.from({ length: 20 }, () => verify(email, code)));
  assert.deepEqual(statuses(answers), [200, ...Array(19).fill(400)]);
  const [[sessions]] = await sql(`SELECT COUNT(*) FROM session JOIN users USING (user_id) WHERE email = '${email}'`);
  assert.equal(sessions, "1");
});

test("two people's first sign-ins at once make one account each", async () => {
  const emails = Array.from({ length: 6 }, () => randomEmail("crowd"));
  const answers = await Promise.all(emails.map(async (email) => verify(email, await freshCode(email))));
  assert.equal(new Set(answers.map((answer) => answer.body.user.id)).size, emails.length);
});

test("an account that is made elsewhere at the same moment is the one that is signed in to", async () => {
  const email = randomEmail("elsewhere"), id = `usr_${randomBytes(12).toString("hex")}`, code = await freshCode(email);
  const made = sql(`BEGIN; INSERT INTO users (public_id, email, email_verified_at_us, created_at_us) VALUES ('${id}', '${email}', 1, 1);
    DO GET_LOCK('${email}', 0); DO SLEEP(1); COMMIT`);
  await eventually(async () => assert.notEqual((await sql(`SELECT IS_USED_LOCK('${email}')`))[0][0], "NULL"));
  const answer = await verify(email, code);
  await made;
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.user.id, id);
});

test("a newer code kills the older one", async () => {
  const email = randomEmail(), older = await freshCode(email);
  let newer = await freshCode(email);
  if (newer === older) newer = await freshCode(email); // one in a million
  invalidCode(await verify(email, older), "older");
  assert.equal((await verify(email, newer)).status, 200);
});

test("five wrong tries kill a code, four do not (F-46)", async () => {
  const email = randomEmail(), code = await freshCode(email);
  for (let i = 0; i < 4; i++) invalidCode(await verify(email, wrong(code)), `try ${i}`);
  assert.equal((await verify(email, code)).status, 200, "four wrong ones");

  const second = await freshCode(email);
  for (let i = 0; i < 5; i++) invalidCode(await verify(email, wrong(second)), `try ${i}`);
  invalidCode(await verify(email, second), "the right one after five wrong ones");
});

test("wrong tries count when they come at once", async () => {
  const email = randomEmail(), code = await freshCode(email);
  await Promise.all(Array.from({ length: 3 }, () => verify(email, wrong(code))));
  assert.deepEqual(await sql(`SELECT tries_left FROM sign_in_code WHERE email = '${email}'`), [["2"]]);

  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) =>
    verify(email, String((Number(code) + 1 + i) % 1000000).padStart(6, "0"))));
  assert.equal(count(answers, 400), 50);
  invalidCode(await verify(email, code), "the right one after 53 wrong ones");
  assert.deepEqual(await sql(`SELECT * FROM sign_in_code WHERE email = '${email}'`), []);
});

test("a new code gives new tries, but not to the old code", async () => {
  const email = randomEmail(), first = await freshCode(email);
  for (let i = 0; i < 4; i++) await verify(email, wrong(first));
  const second = await freshCode(email);
  for (let i = 0; i < 4; i++) invalidCode(await verify(email, wrong(second)), `try ${i}`);
  assert.equal((await verify(email, second)).status, 200);
});

test("a code lives for 15 minutes (A-28)", async () => {
  const email = randomEmail(), code = await freshCode(email);
  const [[left]] = await sql(`SELECT expires_at_us - UNIX_TIMESTAMP(NOW(6)) * 1000000 FROM sign_in_code WHERE email = '${email}'`);
  assert.ok(left > 890e6 && left <= 900e6, left);
  await sql(`UPDATE sign_in_code SET expires_at_us = UNIX_TIMESTAMP() * 1000000 - 1000000 WHERE email = '${email}'`);
  invalidCode(await verify(email, code), "expired since a second");
});

test("a code belongs to its address", async () => {
  const email = randomEmail(), other = randomEmail(), code = await freshCode(email);
  invalidCode(await verify(other, code), "other address");
  for (const text of ["", "12345", "1234567", ` ${code}`, "abcdef", "１２３４５６", "-00001"]) invalidCode(await verify(email, text), text);
  assert.equal((await verify(email, code)).status, 200);
});

test("looking at the mail's link uses nothing (F-35)", async () => {
  const email = randomEmail();
  await askCode(email, { from: "ide" });
  const mail = await mailTo(email), [link] = mail.text.match(/http\S+/);
  for (let i = 0; i < 10; i++)
    for (const method of ["GET", "HEAD"]) assert.equal((await request(method, link)).status, 200);
  const { hash, search } = new URL(link);
  assert.equal(hash, `#code=${codeOf(mail)}`);
  assert.ok(!search.includes(codeOf(mail)), "no server ever sees the code");
  assert.equal((await verify(email, codeOf(mail))).status, 200);
});

test("links name the configured origin, whatever the request says (F-43)", async () => {
  const lies = [
    { Host: "evil.test" },
    { "X-Forwarded-Host": "evil.test" },
    { Forwarded: "host=evil.test;proto=https" },
    { "X-Forwarded-Proto": "https", "X-Original-URL": "http://evil.test/", "X-Host": "evil.test" },
    { Host: "evil.test", Origin: "http://evil.test", Referer: "http://evil.test/" },
  ];
  for (const headers of lies) {
    const email = randomEmail("host");
    assert.equal((await askCode(email, {}, { headers })).status, 200);
    const mail = await mailTo(email);
    for (const link of [...mail.text.matchAll(/https?:[^\s"<]+/g), ...mail.html.matchAll(/https?:[^\s"<]+/g)])
      assert.equal(new URL(link[0]).origin, new URL(URL_BASE).origin, JSON.stringify(headers));
    assert.ok(!JSON.stringify(mail).includes("evil"), JSON.stringify(headers));
  }
});

test("addresses fold to the same account only by case, blanks and the two spellings of a host (F-44)", async () => {
  const tag = randomBytes(5).toString("hex"), plain = `kim.i-${tag}@example.org`;
  const owner = await signIn({ email: plain });
  const cases = [
    { name: "upper case", email: plain.toUpperCase(), same: true },
    { name: "blanks around", email: ` \t${plain}  `, same: true },
    { name: "KELVIN SIGN", email: plain.replace("k", "\u212a") },
    { name: "dotless i", email: plain.replace("i-", "\u0131-") },
    { name: "capital I with dot", email: plain.replace("i-", "\u0130-") },
    { name: "zero-width space", email: plain.replace("@", "\u200b@") },
    { name: "zero-width joiner in the host", email: plain.replace("example", "exam\u200dple") },
    { name: "soft hyphen in the host", email: plain.replace("example", "exam\u00adple") },
    { name: "NBSP behind", email: `${plain}\u00a0` },
    { name: "NBSP inside", email: plain.replace("@", "\u00a0@") },
    { name: "byte order mark", email: `\ufeff${plain}` },
    { name: "full-width @", email: plain.replace("@", "\uff20") },
    { name: "full-width letters in the host", email: plain.replace("example", "\uff45xample") },
    { name: "ideographic full stop", email: plain.replace("example.org", "example\u3002org") },
    { name: "KELVIN SIGN in the host", email: `x-${tag}@\u212aelvin.example` },
    { name: "NUL behind", email: `${plain}\u0000`, error: "invalid_json" },
    { name: "NUL and more", email: `${plain}\u0000@evil.example`, error: "invalid_json" },
    { name: "trailing dot", email: `${plain}.` },
    { name: "quoted", email: `"kim.i-${tag}"@example.org` },
    { name: "a comment", email: plain.replace("@", "(x)@") },
    { name: "source route", email: `@evil.example:${plain}` },
    { name: "two @", email: `${plain}@evil.example` },
    { name: "address literal", email: `kim.i-${tag}@[127.0.0.1]` },
  ];
  for (const { name, email, same, error = "invalid_email" } of cases) {
    const newerThan = await newestMail(plain), asked = await askCode(email);
    assert.equal(asked.status, same ? 200 : 400, `${name}: ${asked.text}`);
    const code = same ? codeOf(await mailTo(plain, { newerThan })) : "000000";
    const answer = await verify(email, code);
    assert.equal(answer.status, asked.status, `${name}: ${answer.text}`);
    if (same) assert.equal(answer.body.user.id, owner.user.id, name);
    else assert.equal(asked.body.error, error, name);
  }
  const recipients = new Set(storedMails().filter((mail) => mail.includes(tag)).map((mail) => /^X-Envelope-To: (.*?)\r?$/m.exec(mail)[1]));
  assert.deepEqual([...recipients], [`<${plain}>`], "mail goes to the normalised address only");
});

test("a host in its own script is one account with its A-labels, and not with a look-alike", async () => {
  const tag = randomBytes(5).toString("hex");
  const idna = await signIn({ email: `a-${tag}@xn--mnchen-3ya.example` });
  const code = await freshCode(idna.email);
  const answer = await verify(`A-${tag}@m\u00fcnchen.EXAMPLE`, code);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.user.id, idna.user.id);
  assert.equal(answer.body.user.email, `a-${tag}@xn--mnchen-3ya.example`);

  const strasse = await signIn({ email: `a-${tag}@strasse.example` });
  const asked = await askCode(`a-${tag}@stra\u00dfe.example`);
  assert.equal(asked.status, 200);
  assert.deepEqual(await sql(`SELECT email FROM sign_in_code WHERE email LIKE 'a-${tag}@%'`), [[`a-${tag}@xn--strae-oqa.example`]],
    "sharp s is not ss");
  assert.equal(strasse.user.email, `a-${tag}@strasse.example`);
});

test("an address cannot bring a command, a header or a second recipient into the mail (F-57)", async () => {
  const tag = `inject-${randomBytes(5).toString("hex")}`;
  const cases = [
    `${tag}@example.org\r\nBcc: victim@example.org`,
    `${tag}@example.org\nRCPT TO:<victim@example.org>`,
    `${tag}\r\n.\r\nMAIL FROM:<a@b.example>@example.org`,
    `${tag}@example.org> SIZE=1 <x@example.org`,
    `<${tag}@example.org>,<victim@example.org>`,
    `${tag}@example.org, victim@example.org`,
    `${tag}@example.org;victim@example.org`,
    `${tag}@example.org NOTIFY=SUCCESS`,
    `Victim <${tag}@example.org>`,
    `${tag}%0d%0aBcc@example.org\u0085x`,
    `${tag}@example.org\u2028x`,
    `${"a".repeat(65)}-${tag}@example.org`,
    `${tag}@${"a".repeat(64)}.example`,
    `${tag}@${"abcdefgh.".repeat(30)}example`,
    `${tag}`, `@example.org`, `${tag}@`, "",
  ];
  for (const email of cases) {
    const answer = await askCode(email);
    assert.equal(answer.status, 400, `${JSON.stringify(email)}: ${answer.text}`);
    assert.equal(answer.body.error, "invalid_email", email);
  }
  // A mail that is allowed, and later than all of those: when it is there, none of them can still come.
  const last = randomEmail("last");
  await askCode(last);
  await mailTo(last);
  assert.deepEqual(storedMails().filter((mail) => mail.includes(tag)), []);
  assert.deepEqual(await sql(`SELECT * FROM outbox WHERE payload LIKE '%${tag}%'`), []);
});

// --- Handing over to the IDE --------------------------------------------------------------------

const challengeOf = (verifier) => createHash("sha256").update(verifier).digest("base64url");

async function handoff(challenge, email = randomEmail("ide")) {
  const answer = await verify(email, await freshCode(email, { from: "ide", ...(challenge && { challenge }) }));
  assert.equal(answer.status, 200);
  const [, value] = /^hypex:\/\/auth\?handoff=([A-Za-z0-9_-]{43})$/.exec(answer.body.redirect);
  return Object.assign(answer.body, { handoff: value });
}

test("a sign-in for the IDE hands over by a hypex:// address", async () => {
  const first = await handoff();
  const answer = await exchange(first.handoff, { device: "darwin-arm64", device_name: "laptop" });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.user.id, first.user.id);
  assert.notEqual(answer.body.token, first.token, "a session of its own");
  const { body } = await new Visitor({ token: answer.body.token }).get("/api/account/sessions");
  assert.deepEqual(body.sessions.map((s) => s.device ?? null).sort(), ["darwin-arm64", null].sort());
  invalidCode(await exchange(first.handoff), "used");
});

test("a hand-off is taken once, also by 20 at a time", async () => {
  const { handoff: value } = await handoff();
  const answers = await Promise.all(Array.from({ length: 20 }, () => exchange(value)));
  assert.deepEqual(statuses(answers), [200, ...Array(19).fill(400)]);
});

test("a hand-off lives for 60 s", async () => {
  const { handoff: value } = await handoff();
  const hash = createHash("sha256").update(value).digest("hex");
  const [[left]] = await sql(`SELECT expires_at_us - UNIX_TIMESTAMP(NOW(6)) * 1000000 FROM handoff WHERE handoff_hash = X'${hash}'`);
  assert.ok(left > 50e6 && left <= 60e6, left);
  await sql(`UPDATE handoff SET expires_at_us = UNIX_TIMESTAMP() * 1000000 - 1000000 WHERE handoff_hash = X'${hash}'`);
  invalidCode(await exchange(value), "expired since a second");
});

test("a challenge makes the hand-off worthless to whoever does not have the verifier", async () => {
  const verifier = randomBytes(32).toString("base64url");
  for (const more of [{}, { verifier: "" }, { verifier: randomBytes(32).toString("base64url") }, { verifier: challengeOf(verifier) }]) {
    const { handoff: value } = await handoff(challengeOf(verifier));
    invalidCode(await exchange(value, more), JSON.stringify(more));
    invalidCode(await exchange(value, { verifier }), "a wrong try has used it");
  }
  const { handoff: value } = await handoff(challengeOf(verifier));
  assert.equal((await exchange(value, { verifier })).status, 200);
  for (const challenge of ["short", "=".repeat(43), `${"a".repeat(42)}+`, "a".repeat(44)])
    assert.equal((await askCode(randomEmail(), { from: "ide", challenge })).status, 400, challenge);
});

test("kinds of credentials do not stand in for each other (F-34)", async () => {
  const first = await handoff(), code = await freshCode(first.user.email, { from: "ide" });
  invalidCode(await verify(first.user.email, first.handoff), "hand-off as code");
  invalidCode(await exchange(code), "code as hand-off");
  invalidCode(await exchange(first.token), "token as hand-off");
  invalidCode(await exchange(first.token.slice("session:".length)), "opaque token as hand-off");
  assert.equal((await me(first.handoff)).status, 401, "hand-off as token");
  assert.equal((await exchange(first.handoff)).status, 200, "none of that used it");
});
