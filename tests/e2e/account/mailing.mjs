// What the tests of passwords and mailed links share. Each step comes from an address of its own, since few calls are
// let through from one.
import assert from "node:assert/strict";
import { URL_BASE, Visitor, eventually, randomEmail, request, signIn, sql } from "../support.mjs";

export const PASSWORD = "violet anchor 71 drizzle", OTHER = "quartz meadow 38 lantern";

const caller = (path) => (body, { visitor = new Visitor(), ...options } = {}) => visitor.post(path, body, options);
export const signUp = caller("/api/auth/signup");
export const forgot = caller("/api/account/forgot-password");
export const reset = caller("/api/account/reset-password");
export const start = caller("/api/account/verify-email/start");
export const confirm = caller("/api/account/verify-email/confirm");
export const withPassword = caller("/api/auth/password");

// What the answers have in common: everything but the date and the request's id.
export function look({ status, text, headers }) {
  return { status, text, headers: Object.entries(headers).filter(([name]) => name !== "date" && name !== "x-request-id") };
}

// 400 with this field, and no other word about it.
export function isInvalid(answer, field, why) {
  assert.equal(answer.status, 400, `${why}: ${answer.text}`);
  assert.equal(answer.body.category, "validation", why);
  assert.equal(answer.body.field, field, why);
}

export function isFailure(answer, status, category, why) {
  assert.equal(answer.status, status, `${why}: ${answer.text}`);
  assert.equal(answer.body.category, category, why);
}

// All mails to an address, newest first, once there are n and nothing more is under way to it.
export async function mailsTo(email, n, url = "") {
  return eventually(async () => {
    const [[pending]] = await sql(`SELECT COUNT(*) FROM outbox WHERE state = 'pending' AND recipient_hash = UNHEX(SHA2('${email}', 256))`);
    const { body } = await request("GET", `${url}/sandbox/mail.json?to=${encodeURIComponent(email)}`, { check: false });
    assert.equal(pending, "0", `something for ${email} is under way`);
    assert.equal(body.length, n, `${email}: ${body.map((mail) => mail.subject)}`);
    return body;
  });
}

// The token of a mail's link; the link has nothing but the configured origin in front.
export function tokenOf(mail, kind) {
  const links = mail.text.match(/https?:\/\/\S+/g);
  const link = links.find((text) => text.startsWith(`${URL_BASE}/${kind}/`));
  assert.ok(link, mail.text);
  assert.ok(mail.html.includes(`href="${link}"`), "the same in HTML");
  const token = link.slice(`${URL_BASE}/${kind}/`.length);
  assert.match(token, /^[A-Za-z0-9_-]{43}$/);
  return token;
}

// Somebody with a password and a proved address; so far, one mail has gone there.
export async function person({ email = randomEmail("person"), password = PASSWORD, name } = {}) {
  assert.equal((await signUp({ email, password, name })).status, 201);
  const [mail] = await mailsTo(email, 1);
  const answer = await confirm({ token: tokenOf(mail, "verify") });
  assert.equal(answer.status, 200, answer.text);
  const [[user]] = await sql(`SELECT user_id FROM users WHERE email = '${email}'`);
  return { email, password, user };
}

// Somebody whom a provider vouches for, without a password.
export async function oauthOnly() {
  const visitor = await signIn();
  await sql(`INSERT INTO identity (user_id, provider, subject, created_at_us) SELECT user_id, 'github', public_id, 1 FROM users WHERE email = '${visitor.email}'`);
  return visitor;
}

// A link for a new password, from the newest of what will be n mails.
export async function resetToken(email, n) {
  assert.equal((await forgot({ email })).status, 200);
  return tokenOf((await mailsTo(email, n))[0], "reset");
}

const cookiesOf = (answer) => (answer.headers["set-cookie"] ?? []).map((line) => line.split(";")[0]);

// Signs a browser in, as Auth.js does: the cookie's `name=value`, or null when it was refused.
export async function browser(email, password, { visitor = new Visitor(), url = "" } = {}) {
  const csrf = await visitor.get(`${url}/api/auth/csrf`);
  const answer = await visitor.post(`${url}/api/auth/callback/credentials`, { csrfToken: csrf.body.csrfToken, email, password },
    { headers: { Cookie: cookiesOf(csrf).join("; "), "X-Auth-Return-Redirect": "1" } });
  assert.equal(answer.status, 200, answer.text);
  const cookie = cookiesOf(answer).find((text) => text.startsWith("authjs.session-token="));
  assert.equal(answer.body.url.includes("error=CredentialsSignin"), cookie === undefined, answer.text);
  return cookie ?? null;
}

// Whether each kind of credential is still taken.
export async function isAlive({ token, cookie, ide }) {
  const product = await new Visitor({ token }).get("/api/account/me");
  const account = await new Visitor().get("/api/auth/session", { headers: { Cookie: cookie } });
  const gateway = await new Visitor({ token: ide }).get("/v1/account/me");
  return { token: product.status !== 401, cookie: account.text !== "null\n", ide: gateway.status !== 401 };
}
