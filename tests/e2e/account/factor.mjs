// What the tests of the second factor share: browsers with cookies, people with a password, authenticator apps.
import { createHash, randomBytes } from "node:crypto";
import * as OTPAuth from "otpauth";
import { STATE, URL_BASE, Visitor, eventually, randomEmail, sql, turnpike } from "../support.mjs";
import { exchange } from "../signing.mjs";

export const PASSWORD = "correct horse battery staple";
// Argon2id of it, with the parameters of account.md section 10.
const PASSWORD_HASH = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gy5SuVm5Z7Vw7keB9se9p87QGcomaseB/S2U1OhTsM0";

export const SESSION_COOKIE = "authjs.session-token";
export const MFA_COOKIE = "suparbase-mfa-ok";
const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

// A visitor with a jar of cookies, which does what Set-Cookie says. url: of another stack.
export class Browser extends Visitor {
  constructor({ url = URL_BASE, ...rest } = {}) {
    super(rest);
    this.url = url;
    this.jar = new Map();
  }

  async send(method, path, { headers = {}, ...rest } = {}) {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await super.send(method, `${this.url}${path}`, { headers: { ...(cookie && { Cookie: cookie }), ...headers }, ...rest });
    for (const line of answer.headers["set-cookie"] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === "") this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return answer;
  }

  // Each call comes from elsewhere: for tests that are not about limits per address.
  async elsewhere(method, path, body) {
    this.address = new Visitor().address;
    return this.send(method, path, { body });
  }

  async signIn(email, password = PASSWORD) {
    const { body } = await this.get("/api/auth/csrf");
    const form = new URLSearchParams({ csrfToken: body.csrfToken, email, password }).toString();
    const answer = await this.post("/api/auth/callback/credentials", form, { headers: FORM });
    if (!this.jar.has(SESSION_COOKIE)) throw new Error(`no session: ${answer.status} ${answer.headers.location}`);
    this.email = email;
    return this;
  }
}

// A new account: {email, id (of its row), user (its public id)}; with a password unless told otherwise.
export async function person({ password = true, state = STATE } = {}) {
  const email = randomEmail("factor");
  const { status, stderr } = await turnpike(["user", "add", email], state);
  if (status !== 0) throw new Error(stderr);
  const [[id, user]] = await sql(`SELECT user_id, public_id FROM users WHERE email = '${email}'`, state);
  if (password) await setPassword(id, state);
  return { email, id: Number(id), user };
}

export const setPassword = (id, state = STATE) =>
  sql(`REPLACE INTO password (user_id, hash, changed_at_us) VALUES (${id}, '${PASSWORD_HASH}', UNIX_TIMESTAMP() * 1000000)`, state);

export const browserOf = async ({ email }) => new Browser().signIn(email);

// A session token of the person, by a hand-off as OAuth would leave it; the answer's body.
export async function signedIn({ id }) {
  const handoff = randomBytes(32).toString("base64url"), hash = createHash("sha256").update(handoff).digest("hex");
  await sql(`INSERT INTO handoff (handoff_hash, user_id, expires_at_us) VALUES (X'${hash}', ${id}, UNIX_TIMESTAMP() * 1000000 + 60000000)`);
  const { status, body, text } = await exchange(handoff);
  if (status !== 200) throw new Error(text);
  return body;
}

export const deviceOf = async (who) => new Visitor({ token: (await signedIn(who)).token });

// The code of a secret, so many steps from now.
export const codeAt = (secret, steps = 0) =>
  new OTPAuth.TOTP({ secret: OTPAuth.Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30000 });

// In the middle of a step, so that "the step before" stays that for a few seconds.
export const calm = () => eventually(() => {
  const second = (Date.now() / 1000) % 30;
  if (second < 1 || second > 22) throw new Error("near the end of a step");
}, 15000);

// As if the last code had been used long ago.
export const forgetStep = ({ id }, state = STATE) => sql(`UPDATE second_factor SET last_step = 0 WHERE user_id = ${id}`, state);

// Turns the second factor on as a page does; {secret, recoveryCodes}.
export async function enrol(who, session) {
  const { body: setup } = await session.get("/api/account/2fa/setup");
  const answer = await session.post("/api/account/2fa/enable", { secret: setup.secret, code: codeAt(setup.secret) });
  if (answer.status !== 200) throw new Error(`enable: ${answer.status} ${answer.text}`);
  await forgetStep(who, session.state);
  return { secret: setup.secret, recoveryCodes: answer.body.recoveryCodes, answer };
}

export const category = (answer) => answer.body?.category;
export const events = async ({ id }) =>
  (await sql(`SELECT event, detail FROM audit_event WHERE user_id = ${id} ORDER BY audit_event_id`)).map((row) => row.join(" "));
export const ageSignIn = ({ id }, seconds) => sql(`UPDATE web_session SET auth_at_us = auth_at_us - ${seconds}000000 WHERE user_id = ${id};
  UPDATE session SET created_at_us = created_at_us - ${seconds}000000 WHERE user_id = ${id}`);
