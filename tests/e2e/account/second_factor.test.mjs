// The second factor's life: setup, enable, verify, disable, by real authenticator libraries (account.md section 5).
import assert from "node:assert/strict";
import { test } from "node:test";
import { Resvg } from "@resvg/resvg-js";
import jsqr from "jsqr";
import * as OTPAuth from "otpauth";
import * as otplib from "otplib";
import { PNG } from "pngjs";
import { Visitor, eventually, mailTo, newestMail, sql, turnpike } from "../support.mjs";
import { storedMails } from "../signing.mjs";
import { mailsTo, reset, resetToken, withPassword } from "./mailing.mjs";
import { Browser, MFA_COOKIE, PASSWORD, SESSION_COOKIE, ageSignIn, browserOf, calm, category, codeAt, deviceOf, enrol, events, forgetStep, person, signedIn } from "./factor.mjs";

const verify = (session, code, more = {}) => session.post("/api/account/2fa/verify", { code, ...more });
const isPending = async (session) => category(await session.get("/api/account/2fa/setup")) === "mfa_required";
const mailAbout = (email, what) => eventually(async () => assert.match((await mailTo(email)).text, what));
const refused = (answer, status, word, why) => {
  assert.equal(answer.status, status, `${why ?? word}: ${answer.text}`);
  assert.equal(category(answer), word, why);
};

test("setup: a new secret each time, which both pictures show, and nothing is kept", async () => {
  const who = await person(), browser = await browserOf(who);
  const [byGet, byPost] = [await browser.get("/api/account/2fa/setup"), await browser.post("/api/account/2fa/setup")];
  assert.notEqual(byGet.body.secret, byPost.body.secret);
  for (const { status, body, headers } of [byGet, byPost]) {
    assert.equal(status, 200);
    assert.equal(headers["cache-control"], "no-store");
    assert.deepEqual(Object.keys(body), ["secret", "otpauthUrl", "qrSvgDataUrl", "qrDataUrl"]);
    assert.match(body.secret, /^[A-Z2-7]{32}$/);
    const label = encodeURIComponent(who.email);
    assert.equal(body.otpauthUrl, `otpauth://totp/Suparbase:${label}?issuer=Suparbase&secret=${body.secret}&algorithm=SHA1&digits=6&period=30`);
    const app = OTPAuth.URI.parse(body.otpauthUrl);
    assert.deepEqual([app.issuer, app.label, app.digits, app.period, app.algorithm, app.secret.base32], ["Suparbase", who.email, 6, 30, "SHA1", body.secret]);

    const png = Buffer.from(/^data:image\/png;base64,([A-Za-z0-9+/]+=*)$/.exec(body.qrDataUrl)[1], "base64");
    const { width, height, data, depth } = PNG.sync.read(png);
    assert.equal(jsqr(new Uint8ClampedArray(data), width, height).data, body.otpauthUrl, "the PNG");
    assert.deepEqual([depth, width], [1, height]);
    const svg = decodeURIComponent(/^data:image\/svg\+xml;utf8,([A-Za-z0-9%._~-]+)$/.exec(body.qrSvgDataUrl)[1]);
    const picture = new Resvg(svg).render();
    assert.equal(jsqr(new Uint8ClampedArray(picture.pixels), picture.width, picture.height).data, body.otpauthUrl, "the SVG");
    assert.equal(picture.width, width);
  }
  assert.deepEqual(await sql(`SELECT * FROM second_factor WHERE user_id = ${who.id}`), []);
  assert.equal(await isPending(browser), false);
});

test("enable: codes of both libraries, recovery codes, the cookie, one mail; what is stored shows neither (A-23, F-97)", async () => {
  for (const generate of [(secret) => codeAt(secret), (secret) => otplib.generate({ secret })]) {
    const who = await person(), browser = await browserOf(who), other = await browserOf(who), device = await deviceOf(who);
    const { body: { secret } } = await browser.get("/api/account/2fa/setup");
    const before = await newestMail(who.email);
    const answer = await browser.post("/api/account/2fa/enable", { secret, code: await generate(secret) });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.body), ["ok", "recoveryCodes"]);
    assert.equal(new Set(answer.body.recoveryCodes).size, 10);
    for (const code of answer.body.recoveryCodes) assert.match(code, /^[ABCDEFGHJKMNPQRSTUVWXYZ2-9]{4}-[ABCDEFGHJKMNPQRSTUVWXYZ2-9]{4}-[ABCDEFGHJKMNPQRSTUVWXYZ2-9]{2}$/);

    const [cookie] = answer.headers["set-cookie"], [pair, ...attributes] = cookie.split("; ");
    assert.deepEqual(attributes, ["Path=/", "Max-Age=86400", "HttpOnly", "SameSite=Lax"]);
    const [user, authAt, expiresAt, signature, ...rest] = pair.slice(`${MFA_COOKIE}=`.length).split(".");
    const { body: session } = await browser.get("/api/auth/session");
    assert.deepEqual([user, Number(authAt), rest], [session.user.id, session.user.authAt, []]);
    assert.ok(Math.abs(Number(expiresAt) - Date.now() - 86400_000) < 30_000);
    assert.match(signature, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(session.user.requires2FA, true);

    assert.equal(await isPending(browser), false, "who turned it on has proved it");
    assert.equal(await isPending(other), true);
    assert.equal(await isPending(device), true);

    const [[sealed]] = await sql(`SELECT HEX(secret) FROM second_factor WHERE user_id = ${who.id}`);
    const plain = Buffer.from(OTPAuth.Secret.fromBase32(secret).bytes).toString("hex").toUpperCase();
    assert.equal(sealed.length, 2 * (1 + 12 + 20 + 16));
    assert.ok(sealed.startsWith("02") && !sealed.includes(plain.slice(0, 8)));
    const [[n, length]] = await sql(`SELECT COUNT(*), MIN(LENGTH(code_hash)) FROM recovery_code WHERE user_id = ${who.id} AND consumed_at_us IS NULL`);
    assert.deepEqual([n, length], ["10", "32"]);

    assert.equal(before, undefined);
    const [mail] = await mailsTo(who.email, 1);
    assert.match(mail.subject, /^Two-factor authentication is on$/);
    assert.ok(mail.text.includes(browser.address));
    assert.ok(!mail.text.includes(secret) && !answer.body.recoveryCodes.some((code) => mail.text.includes(code)));
    assert.deepEqual((await events(who)).filter((e) => e.startsWith("mfa_")), ["mfa_enabled NULL"]);
  }
});

test("enable refuses what is no secret or not its code", async () => {
  const who = await person(), browser = await browserOf(who), secret = new OTPAuth.Secret({ size: 20 }).base32;
  const wrong = String((Number(codeAt(secret)) + 1) % 1000000).padStart(6, "0");
  const cases = [
    [{ secret, code: wrong }, "bad_code"],
    [{ secret, code: `${codeAt(secret)}0` }, "bad_code"],
    [{ secret, code: "12345x" }, "bad_code"],
    [{ secret: "AAAAAAAAAAAAAAA1", code: codeAt(secret) }, "bad_code"],
    [{ secret, code: "12345" }, "validation", "code"],
    [{ secret, code: "123456789" }, "validation", "code"],
    [{ secret: "A".repeat(15), code: "123456" }, "validation", "secret"],
    [{ secret: "A".repeat(65), code: "123456" }, "validation", "secret"],
  ];
  for (const [body, word, field] of cases) {
    const answer = await browser.post("/api/account/2fa/enable", body);
    refused(answer, 400, word, JSON.stringify(body));
    assert.equal(answer.body.field, field);
    assert.equal(answer.headers["set-cookie"], undefined);
  }
  const blanks = codeAt(secret).replace(/^.../, "$& ");
  assert.equal((await browser.post("/api/account/2fa/enable", { secret: secret.toLowerCase(), code: blanks })).status, 200, "as people type it");
  refused(await new Visitor().post("/api/account/2fa/enable", { secret, code: "123456" }), 401, "unauthorized");
});

test("verify: a cookie for the browser, a mark for the session of a token", async () => {
  const who = await person(), first = await browserOf(who), { secret } = await enrol(who, first);
  const browser = await browserOf(who);
  refused(await verify(browser, String((Number(codeAt(secret)) + 1) % 1000000).padStart(6, "0")), 400, "bad_code");
  assert.equal(await isPending(browser), true);
  const answer = await verify(browser, await otplib.generate({ secret }));
  assert.deepEqual([answer.status, answer.body], [200, { ok: true }]);
  assert.match(answer.headers["set-cookie"][0], new RegExp(`^${MFA_COOKIE}=${who.user}\\.\\d{13}\\.\\d{13}\\.[\\w-]{43}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax$`));
  assert.equal(await isPending(browser), false);

  const device = await deviceOf(who);
  assert.equal(await isPending(device), true);
  await forgetStep(who);
  const proved = await verify(device, codeAt(secret));
  assert.equal(proved.status, 200);
  assert.equal(proved.headers["set-cookie"], undefined);
  assert.equal((await device.get("/api/account/me")).body.id, who.user, "the token is whole in its own family, too");
  assert.equal((await events(who)).filter((e) => e.startsWith("mfa_")).join(), "mfa_enabled NULL,mfa_refused totp,mfa_passed totp,mfa_passed totp");
});

test("a code works once, also at once, and across enable and verify (F-36, A-26)", async () => {
  await calm();
  const who = await person(), first = await browserOf(who);
  const { body: { secret } } = await first.get("/api/account/2fa/setup");
  const code = codeAt(secret);
  assert.equal((await first.post("/api/account/2fa/enable", { secret, code })).status, 200);
  const browser = await browserOf(who);
  refused(await verify(browser, code), 400, "bad_code", "used by enable");
  refused(await verify(browser, codeAt(secret, -1)), 400, "bad_code", "a step before a used one");
  const next = codeAt(secret, 1);
  const sessions = await Promise.all(Array.from({ length: 4 }, () => browserOf(who)));
  const answers = await Promise.all(sessions.map((session) => verify(session, next)));
  assert.deepEqual(answers.map((a) => a.status).sort(), [200, 400, 400, 400]);
  refused(await verify(browser, next), 400, "bad_code", "later");
});

test("two that turn it on with one code at once: one does", async () => {
  const who = await person(), sessions = await Promise.all(Array.from({ length: 4 }, () => browserOf(who)));
  const { body: { secret } } = await sessions[0].get("/api/account/2fa/setup"), code = codeAt(secret);
  const answers = await Promise.all(sessions.map((s) => s.post("/api/account/2fa/enable", { secret, code })));
  assert.deepEqual(answers.map((a) => a.status).sort(), [200, 403, 403, 403], answers.map((a) => a.text).join());
  const winner = sessions[answers.findIndex((a) => a.status === 200)];
  for (const session of sessions) assert.equal(await isPending(session), session !== winner);
  const [[n]] = await sql(`SELECT COUNT(*) FROM recovery_code WHERE user_id = ${who.id}`);
  assert.equal(n, "10");
});

test("the step before and the step after are fine, one more is expired (A-28)", async () => {
  const who = await person(), { secret } = await enrol(who, await browserOf(who)), browser = await browserOf(who);
  await calm();
  for (const [steps, status] of [[-2, 400], [-10, 400], [3, 400], [-1, 200], [0, 200], [1, 200]])
    assert.equal((await browser.elsewhere("POST", "/api/account/2fa/verify", { code: codeAt(secret, steps) })).status, status, `step ${steps}`);
});

test("recovery codes work once each, however they are typed, also at once (A-26)", async () => {
  const who = await person(), { recoveryCodes } = await enrol(who, await browserOf(who));
  const [one, two, three] = recoveryCodes;
  const browser = await browserOf(who);
  refused(await verify(browser, one), 400, "bad_code", "only where it is said to be one");
  refused(await verify(browser, "ABCD-EFGH-JK", { recovery: true }), 400, "bad_code", "no such code");
  refused(await verify(browser, "not a code!", { recovery: true }), 400, "bad_code", "can be none");
  assert.equal((await verify(browser, one, { recovery: true })).status, 200);
  assert.equal(await isPending(browser), false);
  await mailAbout(who.email, /\b9 are left/);
  refused(await browser.elsewhere("POST", "/api/account/2fa/verify", { code: one, recovery: true }), 400, "bad_code", "again");
  const typed = ` ${two.toLowerCase().replaceAll("-", " ")} `;
  assert.equal((await (await browserOf(who)).elsewhere("POST", "/api/account/2fa/verify", { code: typed, recovery: true })).status, 200);
  const sessions = await Promise.all(Array.from({ length: 3 }, () => browserOf(who)));
  const answers = await Promise.all(sessions.map((session) => verify(session, three, { recovery: true })));
  assert.deepEqual(answers.map((a) => a.status).sort(), [200, 400, 400]);
  for (const event of ["mfa_passed recovery", "mfa_refused recovery"]) assert.ok((await events(who)).includes(event));
});

test("moving to another app takes a session that has passed; then the old secret and codes are dead (F-38)", async () => {
  const who = await person(), browser = await browserOf(who), old = await enrol(who, browser);
  const stranger = await browserOf(who), device = await deviceOf(who), secret = new OTPAuth.Secret({ size: 20 }).base32;
  refused(await stranger.post("/api/account/2fa/enable", { secret, code: codeAt(secret) }), 403, "mfa_required");
  assert.equal((await verify(device, codeAt(old.secret))).status, 200);
  const cookie = browser.jar.get(MFA_COOKIE), now = await enrol(who, browser);
  assert.notEqual(now.secret, old.secret);
  assert.notEqual(browser.jar.get(MFA_COOKIE), cookie);
  assert.equal(await isPending(device), true, "what was proved before counts no longer");
  assert.equal(await isPending(Object.assign(new Browser(), { jar: new Map(browser.jar).set(MFA_COOKIE, cookie) })), true, "nor does the old cookie");
  refused(await verify(stranger, codeAt(old.secret, 1)), 400, "bad_code");
  refused(await verify(stranger, old.recoveryCodes[0], { recovery: true }), 400, "bad_code");
  assert.equal((await verify(stranger, now.recoveryCodes[0], { recovery: true })).status, 200);
  assert.equal((await verify(device, codeAt(now.secret))).status, 200);
});

test("nor does what was proved of the old app while it is being replaced", async () => {
  const who = await person(), browser = await browserOf(who), old = await enrol(who, browser);
  const device = await deviceOf(who), secret = new OTPAuth.Secret({ size: 20 }).base32;
  const moving = browser.post("/api/account/2fa/enable", { secret, code: codeAt(secret) }); // ten hashes for the recovery codes
  await new Visitor().get("/api/auth/csrf");
  const meanwhile = await verify(device, codeAt(old.secret));
  assert.ok([200, 403].includes(meanwhile.status), meanwhile.text);
  assert.equal((await moving).status, 200);
  assert.equal(await isPending(device), true);
  assert.equal(await isPending(browser), false);
});

test("lengths are those of UTF-16; tries count before their bodies are looked at", async () => {
  const who = await person(), browser = await browserOf(who), secret = new OTPAuth.Secret({ size: 20 }).base32;
  for (const password of ["x".repeat(201), "\u{1f642}".repeat(101)]) {
    for (const [path, more] of [["enable", { secret, code: codeAt(secret) }], ["disable", {}]]) {
      const answer = await browser.post(`/api/account/2fa/${path}`, { ...more, password });
      refused(answer, 400, "validation", path);
      assert.equal(answer.body.field, "password", path);
    }
  }
  for (let i = 0; i < 5; i++) refused(await browser.post("/api/account/2fa/verify", "{"), 400, "validation");
  refused(await browser.post("/api/account/2fa/verify", "{"), 429, "rate_limited", "the sixth");
});

test("disable takes the password; afterwards nothing of it is left, and a new setup is another (F-38, A-23)", async () => {
  const who = await person(), browser = await browserOf(who), old = await enrol(who, browser);
  const half = await browserOf(who), device = await deviceOf(who), whole = await deviceOf(who);
  assert.equal((await verify(whole, codeAt(old.secret))).status, 200);
  refused(await half.post("/api/account/2fa/disable", { password: PASSWORD }), 403, "mfa_required");
  refused(await browser.post("/api/account/2fa/disable", { password: "wrong" }), 400, "bad_password");
  const missing = await browser.post("/api/account/2fa/disable", {});
  refused(missing, 400, "validation");
  assert.equal(missing.body.field, "password");
  assert.equal(await isPending(browser), false);

  const answer = await browser.post("/api/account/2fa/disable", { password: PASSWORD });
  assert.deepEqual([answer.status, answer.body], [200, { ok: true }]);
  assert.match(answer.headers["set-cookie"][0], new RegExp(`^${MFA_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax$`));
  assert.deepEqual(await sql(`SELECT * FROM second_factor WHERE user_id = ${who.id}`), []);
  assert.deepEqual(await sql(`SELECT * FROM recovery_code WHERE user_id = ${who.id}`), []);
  await mailAbout(who.email, /turned off for your account/);
  assert.equal((await browser.get("/api/auth/session")).body.user.requires2FA, false);
  assert.equal((await whole.get("/api/account/me")).status, 200, "what had proved it stays");
  assert.equal((await device.get("/api/account/me")).status, 401, "what had not ends, instead of becoming whole by this");
  refused(await half.get("/api/account/2fa/setup"), 401, "unauthorized");
  assert.equal((await browser.post("/api/account/2fa/disable", {})).status, 200, "off already");
  await mailsTo(who.email, 2);
  refused(await verify(browser, codeAt(old.secret, 1)), 400, "bad_code", "there is none");
  refused(await verify(browser, old.recoveryCodes[0], { recovery: true }), 400, "bad_code");

  const now = await enrol(who, browser);
  assert.notEqual(now.secret, old.secret);
  const again = await browserOf(who);
  refused(await verify(again, codeAt(old.secret, 1)), 400, "bad_code");
  assert.deepEqual((await events(who)).filter((e) => e.startsWith("mfa_")), ["mfa_enabled NULL", "mfa_passed totp", "mfa_refused password", "mfa_disabled NULL",
    "mfa_refused totp", "mfa_refused recovery", "mfa_enabled NULL", "mfa_refused totp"]);
});

test("without a password, or where it is not given, a sign-in of ten minutes ago is too old (A-33)", async () => {
  const who = await person({ password: false }), device = await deviceOf(who);
  const { body: { secret } } = await device.get("/api/account/2fa/setup");
  await ageSignIn(who, 601);
  refused(await device.post("/api/account/2fa/enable", { secret, code: codeAt(secret) }), 403, "reauth_required");
  await ageSignIn(who, -30);
  assert.equal((await device.post("/api/account/2fa/enable", { secret, code: codeAt(secret) })).status, 200);
  assert.equal(await isPending(device), false);
  await ageSignIn(who, 60);
  refused(await device.post("/api/account/2fa/disable", {}), 403, "reauth_required");
  await ageSignIn(who, -60);
  assert.equal((await device.post("/api/account/2fa/disable", {})).status, 200);

  const owner = await person(), browser = await browserOf(owner);
  await ageSignIn(owner, 601);
  refused(await browser.post("/api/account/2fa/enable", { secret, code: codeAt(secret) }), 403, "reauth_required");
  refused(await browser.post("/api/account/2fa/enable", { secret, code: codeAt(secret), password: "wrong" }), 400, "bad_password");
  assert.equal((await browser.post("/api/account/2fa/enable", { secret, code: codeAt(secret), password: PASSWORD })).status, 200);
});

test("the cookie is good for its user, session, time and enrolment, and unchanged only", async () => {
  const who = await person(), browser = await browserOf(who), other = await browserOf(who);
  await sql(`UPDATE web_session SET auth_at_us = ${Date.now()}000 WHERE user_id = ${who.id}`); // so that the time tells nothing of the session
  const { secret } = await enrol(who, browser), stranger = await person(), theirs = await browserOf(stranger);
  await enrol(stranger, theirs);
  assert.equal((await verify(other, codeAt(secret))).status, 200);
  const good = browser.jar.get(MFA_COOKIE), [user, authAt, expiresAt, signature] = good.split(".");
  const flip = (text) => (text[0] === "A" ? "B" : "A") + text.slice(1);
  const cases = {
    "none": undefined, "empty": "", "three fields": `${user}.${authAt}.${expiresAt}`, "five fields": `${good}.x`, "a field before": `x.${good}`,
    "another user": [stranger.user, authAt, expiresAt, signature].join("."), "another sign-in": [user, Number(authAt) + 1, expiresAt, signature].join("."),
    "longer": [user, authAt, Number(expiresAt) + 1, signature].join("."), "a sign before the time": [user, authAt, `+${expiresAt}`, signature].join("."),
    "another signature": [user, authAt, expiresAt, flip(signature)].join("."), "no signature": [user, authAt, expiresAt, ""].join("."),
    "cut": good.slice(0, -1), "padded": `${good}=`, "of another session": other.jar.get(MFA_COOKIE), "of another person": theirs.jar.get(MFA_COOKIE),
  };
  for (const [why, value] of Object.entries(cases)) {
    const jar = new Map([[SESSION_COOKIE, browser.jar.get(SESSION_COOKIE)], ...(value === undefined ? [] : [[MFA_COOKIE, value]])]);
    assert.equal(await isPending(Object.assign(new Browser(), { jar })), true, why);
  }
  assert.equal(await isPending(browser), false);
  const twice = await browser.get("/api/account/2fa/setup", { headers: { Cookie: `${SESSION_COOKIE}=${browser.jar.get(SESSION_COOKIE)}; ${MFA_COOKIE}=${good}; ${MFA_COOKIE}=x` } });
  refused(twice, 403, "mfa_required", "twice");
  refused(await new Browser().get("/api/account/2fa/setup", { headers: { Cookie: `${MFA_COOKIE}=${good}` } }), 401, "unauthorized", "it is no session");
});

test("what happens between the steps counts at the next one (F-39)", async () => {
  const who = await person(), browser = await browserOf(who);
  const { body: { secret } } = await browser.get("/api/account/2fa/setup");
  await turnpike(["user", "suspend", who.email]);
  assert.equal((await browser.post("/api/account/2fa/enable", { secret, code: codeAt(secret) })).status, 403, "suspended after setup");
  await turnpike(["user", "resume", who.email]);
  const enrolled = await enrol(who, browser), half = await browserOf(who), halfDevice = await deviceOf(who);
  await turnpike(["user", "suspend", who.email]);
  for (const session of [half, halfDevice]) {
    const answer = await verify(session, codeAt(enrolled.secret));
    refused(answer, 403, "forbidden", "suspended after the password");
    assert.equal(answer.headers["set-cookie"], undefined);
  }
  await turnpike(["user", "resume", who.email]);
  assert.equal(await isPending(half), true);

  await sql(`DELETE FROM web_session WHERE user_id = ${who.id}; DELETE FROM session WHERE user_id = ${who.id}`);
  for (const session of [half, halfDevice]) refused(await verify(session, codeAt(enrolled.secret)), 401, "unauthorized", "signed out elsewhere after the password");

  const late = await browserOf(who);
  await sql(`DELETE FROM second_factor WHERE user_id = ${who.id}; UPDATE users SET mfa_since_us = NULL WHERE user_id = ${who.id}`);
  refused(await verify(late, codeAt(enrolled.secret, 1)), 400, "bad_code", "turned off after the password");
});

test("a password set by a mail does not get past the second factor (A-25)", async () => {
  const who = await person(), { secret } = await enrol(who, await browserOf(who)), fresh = "quartz meadow 38 lantern";
  assert.equal((await reset({ token: await resetToken(who.email, 2), password: fresh })).status, 200);
  const browser = await new Browser().signIn(who.email, fresh);
  assert.equal(await isPending(browser), true);
  const { user } = (await browser.get("/api/auth/session")).body;
  assert.deepEqual([user.requires2FA, user.name], [true, null]);
  const { body } = await withPassword({ email: who.email, password: fresh });
  assert.deepEqual(Object.keys(body), ["token", "expires_at", "mfa_required"]);
  const device = new Visitor({ token: body.token });
  assert.equal(await isPending(device), true);
  assert.equal((await verify(browser, codeAt(secret))).status, 200);
  await forgetStep(who);
  assert.equal((await verify(device, codeAt(secret))).status, 200);
});

test("five tries an hour from one address, ten for the account; other people are not touched (F-46, A-08)", async () => {
  const who = await person(), { secret } = await enrol(who, await browserOf(who)), browser = await browserOf(who);
  for (let i = 0; i < 5; i++) refused(await verify(browser, "not it"), 400, "bad_code");
  const limited = await verify(browser, codeAt(secret));
  refused(limited, 429, "rate_limited", "the sixth, though it is right");
  assert.ok(Number(limited.headers["retry-after"]) > 0);
  const body = { code: "not it" };
  /* enable has counted once, the sixth above has not */
  for (let i = 0; i < 4; i++) refused(await browser.elsewhere("POST", "/api/account/2fa/verify", body), 400, "bad_code");
  refused(await browser.elsewhere("POST", "/api/account/2fa/verify", { code: codeAt(secret) }), 429, "rate_limited", "the account's eleventh");
  refused(await browser.elsewhere("POST", "/api/account/2fa/verify", { code: codeAt(secret), recovery: true }), 429, "rate_limited", "recovery codes, too");
  const other = await person(), theirs = await enrol(other, await browserOf(other));
  assert.equal((await verify(Object.assign(await browserOf(other), { address: browser.address }), codeAt(theirs.secret))).status, 200);
});

test("no secret, no code and no recovery code is in a mail", async () => {
  const who = await person(), browser = await browserOf(who), { secret, recoveryCodes } = await enrol(who, browser);
  await mailTo(who.email);
  const mails = storedMails().join("\n");
  for (const text of [secret, ...recoveryCodes]) assert.ok(!mails.includes(text));
  assert.ok((await signedIn(who)).mfa_required);
});
