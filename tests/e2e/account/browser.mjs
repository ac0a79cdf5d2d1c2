// What the account family's tests share: browsers with cookies, and people who have a password.
import { randomBytes } from "node:crypto";
import { Visitor, randomEmail, sql } from "../support.mjs";

export const PASSWORD = "correct horse battery staple";
// Its Argon2id hash, made once by libargon2 with the parameters of account.md section 10.
const PASSWORD_HASH = "$argon2id$v=19$m=19456,t=2,p=1$pTBgtA+t3QlmFUidgbSMmA$2GiCvH0t6Qde1XTv9qjIs6ep3nPX+wpFIossLkRJLIU";

// A row as a sign-up and its mailed link leave it; for tests that need many people, or people in states that no request
// brings about.
export async function person({ email = randomEmail("p"), verified = true, name = "Ada", password = true, state } = {}) {
  const now = Date.now() * 1000, publicId = `usr_${randomBytes(12).toString("hex")}`;
  await sql(`INSERT INTO users (public_id, email, email_verified_at_us, display_name, created_at_us)
    VALUES ('${publicId}', '${email}', ${verified ? now : "NULL"}, ${name === null ? "NULL" : `'${name}'`}, ${now});
    ${password ? `INSERT INTO password (user_id, hash, changed_at_us) VALUES (LAST_INSERT_ID(), '${PASSWORD_HASH}', ${now})` : ""}`, state);
  const [[id]] = await sql(`SELECT user_id FROM users WHERE email = '${email}'`, state);
  return { id: Number(id), publicId, email, name };
}

export const SESSION = "authjs.session-token", CSRF = "authjs.csrf-token", CALLBACK = "authjs.callback-url";

// "name=value; Path=/; HttpOnly" as {name, value, Path: "/", HttpOnly: true}
export function parseCookie(line) {
  const [pair, ...attributes] = line.split("; ");
  const at = pair.indexOf("=");
  return Object.assign({ name: pair.slice(0, at), value: pair.slice(at + 1) },
    Object.fromEntries(attributes.map((text) => text.split(/=(.*)/s)).map(([name, value]) => [name, value ?? true])));
}

// A browser: keeps cookies, and knows the forms of Auth.js. `origin` (undefined: absent) is what it says of itself.
export class Browser extends Visitor {
  cookies = new Map();

  constructor({ url = "", prefix = "", ...options } = {}) {
    super(options);
    Object.assign(this, { url, prefix });
  }

  async send(method, url, { headers = {}, ...rest } = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const all = cookie && !("Cookie" in headers) ? { ...headers, Cookie: cookie } : headers;
    const answer = await super.send(method, this.url + url, { headers: all, ...rest });
    answer.cookies = (answer.headers["set-cookie"] ?? []).map(parseCookie);
    for (const { name, value, "Max-Age": age } of answer.cookies)
      if (age === "0") this.cookies.delete(name);
      else this.cookies.set(name, value);
    return answer;
  }

  get sessionToken() { return this.cookies.get(`${this.prefix}${SESSION}`); }

  async csrf() {
    return (await this.get("/api/auth/csrf")).body.csrfToken;
  }

  // As a form, and asked to say in words where to go, unless told otherwise.
  async submit(url, fields, { headers = { "X-Auth-Return-Redirect": "1" }, ...rest } = {}) {
    const all = { csrfToken: await this.csrf(), ...fields };
    for (const name in all) if (all[name] === undefined) delete all[name];
    return this.send("POST", url, { body: new URLSearchParams(all).toString(),
      headers: { "Content-Type": "application/x-www-form-urlencoded", ...headers }, ...rest });
  }

  signInWith(email, password = PASSWORD, fields = {}, options) {
    return this.submit("/api/auth/callback/credentials", { email, password, ...fields }, options);
  }

  signOut(fields, options) { return this.submit("/api/auth/signout", fields, options); }

  // null when nobody is signed in
  async session() { return (await this.get("/api/auth/session")).body; }
}

// Somebody with a password, signed in with it.
export async function signedIn(who, options) {
  const browser = Object.assign(new Browser(options), { person: who ?? await person() });
  const answer = await browser.signInWith(browser.person.email);
  if (!browser.sessionToken) throw new Error(`sign-in: ${answer.status} ${answer.text}`);
  return browser;
}
