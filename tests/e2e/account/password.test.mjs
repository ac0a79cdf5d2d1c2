// Passwords: forgotten and set by a mailed link, changed, and as a way in for the product family (account.md sections 4.1
// to 4.3).
import assert from "node:assert/strict";
import net from "node:net";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { URL_BASE, Visitor, randomEmail, request, signIn, sql } from "../support.mjs";
import { exchange } from "../signing.mjs";
import { ideToken } from "../gateway/support.mjs";
import { OTHER, PASSWORD, browser, confirm, forgot, isAlive, isFailure, isInvalid, look, mailsTo, oauthOnly, person, reset, resetToken, signUp, start, tokenOf, withPassword } from "./mailing.mjs";

const change = (body, { token, cookie, visitor = new Visitor() } = {}) => {
  visitor.token = token;
  return visitor.post("/api/account/change-password", body, { headers: cookie ? { Cookie: cookie } : {} });
};
const everyCredential = async ({ email, password }) => ({
  token: (await withPassword({ email, password })).body.token,
  cookie: await browser(email, password),
  ide: await ideToken(email),
});
const ALL = { token: true, cookie: true, ide: true }, NONE = { token: false, cookie: false, ide: false };
const expire = (token) => sql(`UPDATE email_token SET expires_at_us = (UNIX_TIMESTAMP() - 1) * 1000000 WHERE token_hash = UNHEX(SHA2('${token}', 256))`);
const opened = (token) => sql(`SELECT consumed_at_us FROM email_token WHERE token_hash = UNHEX(SHA2('${token}', 256))`);

test("a mailed link sets a new password and ends everything (F-45, A-23)", async () => {
  const who = await person(), held = await everyCredential(who), visitor = new Visitor();
  const waiting = (await withPassword({ email: who.email, password: PASSWORD, from: "ide" })).body;
  const handoff = waiting.redirect.split("handoff=")[1];
  assert.deepEqual(await isAlive(held), ALL);
  const asked = await forgot({ email: ` ${who.email.toUpperCase()}\n` }, { visitor });
  assert.equal(asked.status, 200);
  assert.deepEqual(asked.body, { ok: true, configured: true });
  const [mail] = await mailsTo(who.email, 2);
  assert.match(mail.text, new RegExp(`\\d\\d:\\d\\d UTC, from ${visitor.address.replaceAll(".", "\\.")}\\.`), "when and from where");
  const token = tokenOf(mail, "reset");
  const [[hash, lifetime]] = await sql(`SELECT LOWER(HEX(token_hash)), (expires_at_us - created_at_us) / 1000000 FROM email_token WHERE purpose = 'reset' AND user_id = ${who.user}`);
  assert.equal(hash, createHash("sha256").update(token).digest("hex"), "only its SHA-256 is stored");
  assert.equal(Number(lifetime), 3600);
  assert.deepEqual(await isAlive(held), ALL, "asking ends nothing");

  const by = new Visitor(), answer = await reset({ token, password: OTHER }, { visitor: by });
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.body, { ok: true });
  assert.equal(answer.headers["set-cookie"], undefined, "it signs nobody in");
  assert.deepEqual(await isAlive(held), NONE);
  assert.equal((await exchange(handoff)).status, 400, "a hand-off that waits ends, too");
  assert.equal((await withPassword({ email: who.email, password: PASSWORD })).status, 401);
  assert.equal((await withPassword({ email: who.email, password: OTHER })).status, 200);
  const [notice] = await mailsTo(who.email, 3);
  assert.equal(notice.subject, "Your password was changed");
  assert.ok(notice.text.includes(`from ${by.address}`) && !notice.text.includes("/reset/"), notice.text);
  isFailure(await reset({ token, password: PASSWORD }), 409, "consumed", "a second time");
  const events = await sql(`SELECT event FROM audit_event WHERE user_id = ${who.user} AND event LIKE 'password%' ORDER BY audit_event_id`);
  assert.deepEqual(events.flat(), ["password_reset_asked", "password_reset"]);
});

test("unknown, used and expired links are told apart; what is refused uses none up (A-28)", async () => {
  const { email } = await person();
  const first = await resetToken(email, 2), second = await resetToken(email, 3);
  isFailure(await reset({ token: "x".repeat(43), password: OTHER }), 404, "not_found", "unknown");
  isFailure(await reset({ token: first.slice(1), password: OTHER }), 404, "not_found", "cut");
  for (const password of ["x".repeat(11), "x".repeat(201), 5, "password123456", `..${email.split("@")[0]}..`]) isInvalid(await reset({ token: second, password }), "password", password);
  isInvalid(await reset({ password: OTHER }), "token", "absent");
  isInvalid(await reset({ token: "x".repeat(19), password: OTHER }), "token", "19");
  isInvalid(await reset({ token: "x".repeat(121), password: OTHER }), "token", "121");
  isFailure(await reset({ token: "x".repeat(20), password: OTHER }), 404, "not_found", "20");
  isFailure(await reset({ token: "x".repeat(120), password: OTHER }), 404, "not_found", "120");
  isFailure(await reset("{"), 400, "validation", "no JSON");
  assert.deepEqual(await opened(second), [["NULL"]]);
  assert.equal((await reset({ token: second, password: OTHER })).status, 200);
  isFailure(await reset({ token: first, password: OTHER }), 409, "consumed", "an older one, never used, went with it");
  await expire(first);
  isFailure(await reset({ token: first, password: OTHER }), 409, "consumed", "used comes before expired");
  const third = await resetToken(email, 5);
  await expire(third);
  isFailure(await reset({ token: third, password: PASSWORD }), 410, "expired", "expired");
  assert.equal((await withPassword({ email, password: OTHER })).status, 200);
});

test("of fifty uses of one link at a time, one works (F-33)", async () => {
  const { email } = await person(), token = await resetToken(email, 2);
  const visitors = Array.from({ length: 50 }, () => new Visitor());
  const answers = await Promise.all(visitors.map((visitor, i) => reset({ token, password: `${OTHER} ${i}` }, { visitor })));
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, ...Array(49).fill(409)]);
  const winner = answers.findIndex((answer) => answer.status === 200);
  assert.equal((await withPassword({ email, password: `${OTHER} ${winner}` })).status, 200);
  await mailsTo(email, 3);
});

test("a link is for one purpose (F-34)", async () => {
  const { email } = await person(), forReset = await resetToken(email, 2), waiting = randomEmail("waiting");
  await signUp({ email: waiting, password: PASSWORD });
  const forProof = tokenOf((await mailsTo(waiting, 1))[0], "verify");
  isFailure(await reset({ token: forProof, password: OTHER }), 404, "not_found", "a proof as a reset");
  isFailure(await confirm({ token: forReset }), 404, "not_found", "a reset as a proof");
  assert.deepEqual(await opened(forProof), [["NULL"]]);
  assert.deepEqual(await opened(forReset), [["NULL"]]);
  assert.equal((await reset({ token: forReset, password: OTHER })).status, 200);
  assert.equal((await confirm({ token: forProof })).status, 200);
});

test("looking at a link does not use it (F-35)", async () => {
  const { email } = await person(), token = await resetToken(email, 2), waiting = randomEmail("waiting");
  await signUp({ email: waiting, password: PASSWORD });
  const proof = tokenOf((await mailsTo(waiting, 1))[0], "verify");
  for (let i = 0; i < 10; i++) {
    for (const method of ["GET", "HEAD"]) {
      for (const path of [`/reset/${token}`, `/verify/${proof}`, `/api/account/reset-password?token=${token}`, `/api/account/verify-email/confirm?token=${proof}`]) {
        const { status } = await new Visitor().send(method, path, { check: false });
        assert.ok(status < 500, `${method} ${path}: ${status}`);
      }
    }
  }
  assert.equal((await reset({ token, password: OTHER })).status, 200);
  assert.equal((await confirm({ token: proof })).status, 200);
});

test("forgot-password answers every address alike (F-41, A-24) and mails only to accounts", async () => {
  const proved = await person(), code = await signIn(), oauth = await oauthOnly(), suspended = await person(), waiting = randomEmail("waiting"), unknown = randomEmail("unknown");
  await sql(`UPDATE users SET suspended_at_us = 1 WHERE email = '${suspended.email}'`);
  await signUp({ email: waiting, password: PASSWORD });
  await mailsTo(waiting, 1);
  const answers = [];
  for (const email of [unknown, proved.email, code.email, oauth.email, suspended.email, waiting, "no address", "a@b", "x".repeat(120)]) answers.push(look(await forgot({ email })));
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  assert.equal(answers[0].text, '{"ok":true,"configured":true}\n');
  await mailsTo(unknown, 0);
  for (const [email, n] of [[proved.email, 2], [code.email, 2], [waiting, 2]]) tokenOf((await mailsTo(email, n))[0], "reset");

  const cases = [{}, { email: null }, { email: 3 }, { email: "ab" }, { email: "  ab  " }, { email: "x".repeat(121) }, { email: "🙂" }, { email: "🙂".repeat(61) }];
  for (const body of cases) isInvalid(await forgot(body), "email", JSON.stringify(body));
  assert.equal((await forgot({ email: "🙂🙂" })).status, 200, "four code units");
  isFailure(await forgot("{"), 400, "validation", "no JSON");
});

test("an account without a password may be given one", async () => {
  const visitor = await signIn(), token = await resetToken(visitor.email, 2);
  assert.equal((await visitor.get("/api/account/me")).status, 200);
  isFailure(await change({ currentPassword: PASSWORD, newPassword: OTHER }, { token: visitor.token }), 409, "no_password", "none to change");
  assert.equal((await reset({ token, password: PASSWORD })).status, 200);
  assert.equal((await visitor.get("/api/account/me")).status, 401);
  const answer = await withPassword({ email: visitor.email, password: PASSWORD });
  assert.equal(answer.body.user.id, visitor.user.id);
});

test("at most five links live; the newest works", async () => {
  const { email, user } = await person(), tokens = [];
  for (let i = 0; i < 7; i++) tokens.push(await resetToken(email, i + 2));
  assert.deepEqual(await sql(`SELECT COUNT(*) FROM email_token WHERE user_id = ${user} AND purpose = 'reset' AND consumed_at_us IS NULL AND expires_at_us > UNIX_TIMESTAMP(NOW(6)) * 1000000`), [["5"]]);
  isFailure(await reset({ token: tokens[1], password: OTHER }), 410, "expired", "gave way");
  assert.equal((await reset({ token: tokens[6], password: OTHER })).status, 200);
});

// One request as it stands; the answer's first line.
function raw(target, headers, body) {
  const { hostname, port } = new URL(URL_BASE), { address } = new Visitor();
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: hostname, port, localAddress: address });
    const parts = [];
    socket.on("data", (part) => parts.push(part));
    socket.on("error", reject);
    socket.on("end", () => resolve(Buffer.concat(parts).toString().split("\r\n")[0]));
    socket.write(`POST ${target} HTTP/1.1\r\n${headers.join("\r\n")}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  });
}

test("links begin with the configured address, whatever the request says (F-43)", async () => {
  const path = "/api/account/forgot-password", host = new URL(URL_BASE).host;
  const cases = [
    [path, ["Host: evil.example"]], [path, [`Host: ${host}`, "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"]],
    [path, [`Host: ${host}`, "Forwarded: host=evil.example;proto=https"]], [path, [`Host: ${host}`, "X-Original-Host: evil.example", "X-Host: evil.example"]],
    [`http://evil.example${path}`, ["Host: evil.example"]], [path, ["Host: evil.example:8080"]],
    [path, [`Host: ${host}`, `Origin: ${URL_BASE}`, "Referer: http://evil.example/"]],
  ];
  for (const [target, headers] of cases) {
    const { email } = await person();
    assert.match(await raw(target, headers, JSON.stringify({ email })), /^HTTP\/1\.1 200 /, `${target} ${headers}`);
    const [mail] = await mailsTo(email, 2);
    tokenOf(mail, "reset");
    assert.ok(!`${mail.text}${mail.html}`.includes("evil"), mail.text);
  }
});

test("changing the password takes the present one and ends everything (F-45, A-23, A-33)", async () => {
  const who = await person(), held = await everyCredential(who), pending = await resetToken(who.email, 2);
  isFailure(await change({ currentPassword: PASSWORD, newPassword: OTHER }), 401, "unauthorized", "nobody");
  isFailure(await change({ currentPassword: OTHER, newPassword: `${OTHER}!` }, held), 400, "bad_password", "wrong");
  assert.deepEqual(await isAlive(held), ALL);
  const answer = await change({ currentPassword: PASSWORD, newPassword: OTHER }, { cookie: held.cookie });
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.body, { ok: true });
  const cleared = answer.headers["set-cookie"];
  for (const name of ["authjs.session-token", "suparbase-mfa-ok"]) assert.ok(cleared.some((line) => line.startsWith(`${name}=;`) && line.includes("Max-Age=0")), cleared.join());
  assert.deepEqual(await isAlive(held), NONE);
  assert.equal((await withPassword({ email: who.email, password: PASSWORD })).status, 401);
  isFailure(await reset({ token: pending, password: PASSWORD }), 409, "consumed", "a link that was asked for before");
  const [notice] = await mailsTo(who.email, 3);
  assert.equal(notice.subject, "Your password was changed");
  const { token } = (await withPassword({ email: who.email, password: OTHER })).body;
  assert.equal((await change({ currentPassword: OTHER, newPassword: PASSWORD }, { token })).status, 200, "with a session's token, too");
  await mailsTo(who.email, 4);
});

test("what is at fault in a change is named; five an hour, before anything is looked at", async () => {
  const { email } = await person(), { token } = (await withPassword({ email, password: PASSWORD })).body;
  const cases = [
    [{ newPassword: OTHER }, "currentPassword"], [{ currentPassword: "", newPassword: OTHER }, "currentPassword"], [{ currentPassword: "x".repeat(201), newPassword: OTHER }, "currentPassword"],
    [{ currentPassword: 1, newPassword: OTHER }, "currentPassword"], [{ currentPassword: PASSWORD }, "newPassword"], [{ currentPassword: PASSWORD, newPassword: "x".repeat(11) }, "newPassword"],
    [{ currentPassword: PASSWORD, newPassword: "x".repeat(201) }, "newPassword"], [{ currentPassword: PASSWORD, newPassword: "password1234" }, "newPassword"],
    [{ currentPassword: PASSWORD, newPassword: `12${email.split("@")[0]}` }, "newPassword"],
  ];
  for (const [body, field] of cases) isInvalid(await change(body, { token }), field, JSON.stringify(body));
  const visitor = new Visitor();
  for (let i = 0; i < 5; i++) isFailure(await change("{", { token, visitor }), 400, "validation", "counted, too");
  isFailure(await change("{", { token, visitor }), 429, "rate_limited", "the sixth");
  isFailure(await change("{", { visitor }), 401, "unauthorized", "who is nobody is told that first");
  assert.equal((await change({ currentPassword: PASSWORD, newPassword: OTHER }, { token })).status, 200, "another address");
});

test("of many changes at a time, one works", async () => {
  const { email } = await person();
  const tokens = [];
  for (let i = 0; i < 4; i++) tokens.push((await withPassword({ email, password: PASSWORD })).body.token);
  const answers = await Promise.all(tokens.map((token, i) => change({ currentPassword: PASSWORD, newPassword: `${OTHER} ${i}` }, { token })));
  const winners = answers.flatMap((answer, i) => (answer.status === 200 ? [i] : []));
  assert.equal(winners.length, 1, answers.map((answer) => answer.text).join());
  for (const answer of answers) assert.ok([200, 400, 401].includes(answer.status), answer.text);
  assert.equal((await withPassword({ email, password: `${OTHER} ${winners[0]}` })).status, 200);
});

test("a password signs in the product family: a token, or a hand-off for the IDE", async () => {
  const { email } = await person(), verifier = "v".repeat(43);
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const answer = await withPassword({ email, password: PASSWORD, device: "linux-x64", device_name: "desk" });
  assert.equal(answer.status, 200);
  assert.match(answer.body.token, /^session:[A-Za-z0-9_-]{43}$/);
  assert.equal(answer.body.user.email, email);
  assert.equal(answer.body.redirect, undefined);
  const { body } = await new Visitor({ token: answer.body.token }).get("/api/account/sessions");
  assert.equal(body.sessions[0].device, "linux-x64");
  const ide = await withPassword({ email, password: PASSWORD, from: "ide", challenge });
  const handoff = ide.body.redirect.match(/^hypex:\/\/auth\?handoff=(.+)$/)[1];
  assert.equal((await exchange(handoff, { verifier })).body.user.email, email);
  assert.equal((await withPassword({ email, password: PASSWORD, from: "ide", challenge: "!".repeat(43) })).status, 400);
});

test("every refusal of a password is the same answer (F-41, A-24)", async () => {
  const proved = await person(), code = await signIn(), oauth = await oauthOnly(), suspended = await person(), going = await person(), waiting = randomEmail("waiting");
  await sql(`UPDATE users SET suspended_at_us = 1 WHERE email = '${suspended.email}'`);
  await sql(`UPDATE users SET delete_after_us = 1 WHERE email = '${going.email}'`);
  await signUp({ email: waiting, password: PASSWORD });
  await mailsTo(waiting, 1);
  const tries = [[proved.email, OTHER], [proved.email, ""], [code.email, PASSWORD], [oauth.email, PASSWORD], [suspended.email, PASSWORD], [going.email, PASSWORD], [waiting, PASSWORD],
    [randomEmail("unknown"), PASSWORD], ["no address", PASSWORD], [proved.email, `${PASSWORD} `], [proved.email, "x".repeat(900)]];
  const answers = [];
  for (const [email, password] of tries) {
    answers.push(look(await withPassword({ email, password })));
    assert.equal(await browser(email, password), null, email);
  }
  for (const [i, answer] of answers.entries()) assert.deepEqual(answer, answers[0], tries[i].join());
  assert.equal(answers[0].status, 401);
});

test("ten tries for one mailbox from one address in a quarter of an hour, in both families together", async () => {
  const { email } = await person(), visitor = new Visitor();
  for (let i = 0; i < 9; i++) assert.equal((await withPassword({ email, password: OTHER }, { visitor })).status, 401);
  assert.equal(await browser(email, OTHER, { visitor }), null);
  const answer = await withPassword({ email, password: PASSWORD }, { visitor });
  assert.equal(answer.status, 429);
  assert.ok(Number(answer.headers["retry-after"]) <= 900);
  assert.equal((await withPassword({ email, password: PASSWORD })).status, 200, "others are not kept out");
});

test("a reset leaves the second factor as it was (A-25)", async () => {
  const who = await person();
  await sql(`UPDATE users SET mfa_since_us = 1000000 * UNIX_TIMESTAMP() WHERE user_id = ${who.user}`);
  const token = await resetToken(who.email, 2);
  assert.equal((await reset({ token, password: OTHER })).status, 200);
  const { status, body } = await withPassword({ email: who.email, password: OTHER });
  assert.equal(status, 200);
  assert.equal(body.mfa_required, true);
  assert.equal(body.user, undefined, "nothing of the account is told");
  const pending = new Visitor({ token: body.token });
  const refused = await pending.get("/api/account/me");
  assert.equal(refused.status, 403);
  assert.equal(refused.body.error, "mfa_required");
  isFailure(await change({ currentPassword: OTHER, newPassword: PASSWORD }, { token: body.token }), 403, "mfa_required", "nor changed");
});

test("foreign origins are refused, before all else", async () => {
  for (const [path, headers] of [["/api/account/forgot-password", { Origin: "https://evil.example" }], ["/api/account/reset-password", { Origin: "null" }],
    ["/api/account/verify-email/confirm", { "Sec-Fetch-Site": "cross-site" }], ["/api/account/change-password", { Origin: `${URL_BASE}.evil.example` }]]) {
    const answer = await request("POST", path, { body: "{", headers });
    isFailure(answer, 403, "forbidden", path);
    assert.equal(answer.headers["access-control-allow-origin"], undefined);
  }
  assert.equal((await start({ email: "nobody@example.org" }, { headers: { Origin: URL_BASE } })).status, 200);
});
