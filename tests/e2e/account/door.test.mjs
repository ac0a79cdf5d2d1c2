// What the door does under pressure (F-46, A-08, A-21), whom it shows out (F-45, A-30, A-32), and how it looks over HTTPS
//
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { Secret, TOTP } from "otpauth";
import { URL_BASE, Visitor, codeOf, eventually, mailTo, ownStack, randomAddress, randomEmail, request, sql, turnpike } from "../support.mjs";
import { Browser, CALLBACK, CSRF, PASSWORD, SESSION, person, signedIn } from "./browser.mjs";
import { credential } from "./credentials.mjs";

const PORT = Number(new URL(URL_BASE).port) + 72;

describe("guesses from 200 addresses (F-46, A-08, A-21)", () => {
  const ADDRESSES = Array.from({ length: 200 }, (_, i) => `127.77.${i % 8}.${i + 1}`);
  const GUESSES = 10000;

  // All guesses, 64 at a time, each address in turn; resolves to how often each status was met.
  async function guess(send, n = GUESSES) {
    const agents = new Map(ADDRESSES.map((address) => [address, new http.Agent({ keepAlive: true, maxSockets: 1, localAddress: address })]));
    const met = {}, numbers = Array(n).keys();
    await Promise.all(Array.from({ length: 64 }, async () => {
      for (const i of numbers) {
        const address = ADDRESSES[i % ADDRESSES.length];
        const outcome = await send(i, { agent: agents.get(address), from: address, check: false });
        met[outcome] = (met[outcome] ?? 0) + 1;
      }
    }));
    for (const agent of agents.values()) agent.destroy();
    return met;
  }

  // On a stack of its own: those that are hashed at once would keep other tests' passwords waiting.
  test("at a password: thirty are looked at in an hour; a code by mail still lets its owner in", async (t) => {
    const { url, state, down } = await ownStack({ port: PORT + 8, limits: "enforce" });
    t.after(down);
    const who = await person({ state }), form = new Browser({ url }), csrfToken = await form.csrf();
    const headers = { Cookie: `${CSRF}=${form.cookies.get(CSRF)}`, "Content-Type": "application/json", "X-Auth-Return-Redirect": "1" };
    const met = await guess(async (i, options) => {
      const answer = await request("POST", `${url}/api/auth/callback/credentials`, { headers, body: { csrfToken, email: who.email, password: `guess ${i}` }, ...options });
      return answer.status === 200 ? answer.body.url.split("?")[1] : answer.status;
    });
    const looked = met["error=CredentialsSignin&code=credentials"];
    assert.equal(looked + (met[503] ?? 0), 30, `${JSON.stringify(met)}: those that found too many waiting counted as well`);
    assert.equal(met[429], GUESSES - 30);
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM audit_event WHERE user_id = ${who.id} AND event = 'sign_in_refused'`, state), [[String(looked)]]);
    const post = (path, body) => new Visitor().post(url + path, body);
    assert.equal((await post("/api/auth/password", { email: who.email, password: PASSWORD })).status, 429, "by the other door as well");
    assert.equal((await post("/api/auth/request-code", { email: who.email })).status, 200);
    const code = await eventually(async () => codeOf((await request("GET", `${url}/sandbox/mail.json?to=${encodeURIComponent(who.email)}`, { check: false })).body[0]));
    assert.equal((await post("/api/auth/verify", { email: who.email, code })).status, 200);
  });

  test("at a code: as many as one code takes", async () => {
    const email = randomEmail("guess"), visitor = new Visitor();
    assert.equal((await visitor.post("/api/auth/request-code", { email })).status, 200);
    const right = codeOf(await mailTo(email));
    const met = await guess(async (i, options) => {
      const code = String(i).padStart(6, "0") === right ? "999999" : String(i).padStart(6, "0");
      return (await request("POST", "/api/auth/verify", { body: { email, code }, ...options })).status;
    });
    const { 400: looked, 429: limited, 503: unserved = 0, ...other } = met;
    assert.deepEqual(other, {}, JSON.stringify(met));
    assert.ok(looked > 0 && limited > 0 && unserved <= 64, `${JSON.stringify(met)}: a disk that stalls turns away those who wait, once`);
    const answer = await new Visitor().post("/api/auth/verify", { email, code: right });
    assert.equal(answer.status, 400, "the code has died of the guesses");
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM users WHERE email = '${email}'`), [["0"]]);
  });

  test("at a second factor: ten in an hour for the account, apps and recovery codes together", async () => {
    const who = await person(), secret = new Secret({ size: 20 }), right = new TOTP({ secret }).generate();
    const send = async (path, body) => request("POST", path, { body, from: randomAddress(), headers: { Authorization: `Bearer ${(await credential("session", "live", { user: who })).text}` } });
    assert.equal((await send("/api/account/2fa/enable", { secret: secret.base32, code: right })).status, 200, "has counted");
    const { text } = await credential("session", "live", { user: who }), headers = { Authorization: `Bearer ${text}` };
    const met = await guess(async (i, options) => {
      const body = i % 2 ? { code: String(i).padStart(6, "0") } : { code: "ABCD-EFGH-JK", recovery: true };
      return (await request("POST", "/api/account/2fa/verify", { headers, body, ...options })).status;
    }, 1000);
    assert.equal((met[400] ?? 0) + (met[503] ?? 0), 9, JSON.stringify(met));
    assert.equal(met[429], 991);
  });
});

describe("two processes for each pool", () => {
  let stack;
  before(async () => {
    stack = await ownStack({ port: PORT, limits: "dry-run", settings: (conf) => conf.replace(/^\[limits\]$/m, "[pool.core]\nprocesses = 2\n\n[pool.auth]\nprocesses = 2\n\n[limits]") });
  });
  after(() => stack?.down());

  const ask = (path, headers) => request("GET", stack.url + path, { headers: { ...headers, Connection: "close" }, from: randomAddress(), check: false });
  // Sixteen connections at a time, so that every process gets some.
  const everywhere = (path, headers) => Promise.all(Array.from({ length: 16 }, () => ask(path, headers)));
  const bearer = (one) => ({ Authorization: `Bearer ${one.text}` });
  const cookie = (one) => ({ Cookie: `${SESSION}=${one.text}` });
  const ALL = ["session", "other session", "web", "ide"], now = () => `${Date.now()}000`;
  const fields = (row) => Object.entries(row).map(([name, value]) => `${name} = ${value}`).join(", ");
  const byId = (table, one) => `UPDATE ${table} SET ${fields({ mfa_at_us: now() })} WHERE token_hash = UNHEX(SHA2('${one.text.replace(/^session:/, "")}', 256))`;

  // Whatever ends credentials: all of these are refused at once, by all workers; and what must stay, stays. status: what
  // they are refused with; prepare: what has to be there before.
  const POST = (path, body) => ({ headers }) => request("POST", stack.url + path, { headers, body, check: false });
  const asBrowser = ({ all }) => {
    const browser = new Browser({ url: stack.url });
    browser.cookies.set(SESSION, all.web.text);
    return browser;
  };
  const ENDS = {
    "signing out": { run: POST("/api/auth/signout"), ends: ["session"] },
    "signing out the others": { run: POST("/api/auth/signout-others"), ends: ["other session", "web"] },
    "signing out of a browser": { run: (at) => asBrowser(at).signOut({}, { check: false }), ends: ["web"] },
    "signing in anew with that browser": { run: (at) => asBrowser(at).signInWith(at.user.email, PASSWORD, {}, { check: false }), ends: ["web"] },
    "ending one from another": { run: async ({ headers, user }) => {
      const [[id]] = await sql(`SELECT public_id FROM ide_token WHERE user_id = ${user.id}`, stack.state);
      return request("DELETE", `${stack.url}/api/account/credentials/${id}`, { headers, check: false });
    }, ends: ["ide"] },
    "a new password": { run: POST("/api/account/change-password", { currentPassword: PASSWORD, newPassword: "a brand new long phrase" }), ends: ALL },
    "a password set by a mailed link": { run: async ({ user }) => {
      const token = randomBytes(32).toString("base64url");
      await sql(`INSERT INTO email_token (token_hash, purpose, user_id, ip, created_at_us, expires_at_us)
        VALUES (UNHEX(SHA2('${token}', 256)), 'reset', ${user.id}, '127.0.0.1', ${now()}, ${Date.now() + 60000}000)`, stack.state);
      return POST("/api/account/reset-password", { token, password: "a brand new long phrase" })({});
    }, ends: ALL },
    "turning the second factor on": { run: async ({ headers }) => {
      const secret = new Secret({ size: 20 });
      return POST("/api/account/2fa/enable", { secret: secret.base32, code: new TOTP({ secret }).generate() })({ headers });
    }, ends: ["other session", "web", "ide"], status: 403 },
    "turning it off, for those that have not proved it": { prepare: ({ user, all }) => sql(`UPDATE users SET mfa_since_us = ${now()} - 1000000 WHERE user_id = ${user.id};
      ${byId("session", all.session)}; ${byId("ide_token", all.ide)}`, stack.state), pending: ["other session", "web"],
    run: POST("/api/account/2fa/disable", { password: PASSWORD }), ends: ["other session", "web"] },
    "deletion": { run: ({ headers, user }) => request("DELETE", `${stack.url}/api/account`, { headers, body: { confirm_email: user.email }, check: false }), ends: ALL },
    "suspension": { run: ({ user }) => turnpike(["user", "suspend", user.email], stack.state), ends: ALL, status: 403 },
  };
  for (const [name, { prepare, pending = [], run, ends, status = 401 }] of Object.entries(ENDS)) {
    test(`${name} ends what it ends on the next request of every worker (F-45, A-32)`, async () => {
      const user = await person({ state: stack.state }), all = {};
      for (const key of ALL) all[key] = await credential(key.split(" ").at(-1), "live", { stack, user });
      const check = async (key, expected, why) => {
        const answers = await (key === "web" ? everywhere("/api/account/2fa/status", cookie(all[key])) : everywhere("/v1/account/me", bearer(all[key])));
        for (const answer of answers) assert.equal(answer.status, expected, `${key} ${why}: ${answer.text}`);
      };
      await prepare?.({ user, all });
      for (const key of ALL) await check(key, pending.includes(key) ? 403 : 200, "before");
      const done = await run({ headers: bearer(all.session), user, all });
      assert.ok(done.status === 200 || done.status === 0, `${done.status} ${done.text ?? done.stderr}`);
      for (const key of ALL) await check(key, ends.includes(key) ? status : 200, "after");
    });
  }
});

describe("a site with https", () => {
  const SITE = "https://id.example.test";
  let stack, browser;
  before(async () => {
    stack = await ownStack({ port: PORT + 4, limits: "dry-run", settings: (conf) => conf.replace(/^public_url = .*$/m, `public_url = ${SITE}`) });
    browser = new Browser({ url: stack.url, prefix: "__Secure-" });
    browser.person = await person({ state: stack.state });
  });
  after(() => stack?.down());

  test("has cookies that browsers guard by their names (A-09, A-10)", async () => {
    const { cookies } = await browser.get("/api/auth/csrf");
    const guarded = { Path: "/", HttpOnly: true, Secure: true, SameSite: "Lax" };
    assert.deepEqual(cookies, [{ name: `__Host-${CSRF}`, value: cookies[0].value, ...guarded }, { name: `__Secure-${CALLBACK}`, value: encodeURIComponent(SITE), ...guarded }]);
    const answer = await browser.signInWith(browser.person.email);
    assert.deepEqual(answer.body, { url: SITE });
    const [session] = answer.cookies;
    assert.deepEqual(session, { name: `__Secure-${SESSION}`, value: session.value, ...guarded, Expires: session.Expires });
    assert.equal((await browser.session()).user.email, browser.person.email);
    const plain = await new Visitor().get(`${stack.url}/api/auth/session`, { headers: { Cookie: `${SESSION}=${session.value}` }, check: false });
    assert.equal(plain.body, null, "the name of http is another cookie");
    const out = await browser.signOut({});
    assert.deepEqual(out.cookies.map((c) => [c.name, c["Max-Age"], c.Secure]), [[`__Secure-${SESSION}`, "0", true], ["suparbase-mfa-ok", "0", true]]);
  });

  test("takes its own origin for its own, and no other (A-14)", async () => {
    await browser.signInWith(browser.person.email);
    for (const [origin, status] of [[SITE, 400], [SITE.toUpperCase(), 400], [undefined, 400], [stack.url, 403], ["http://id.example.test", 403], [`${SITE}:443`, 403], [`${SITE}.evil.example`, 403], ["null", 403]]) {
      const answer = await browser.post("/api/account/change-password", "{", { headers: origin === undefined ? {} : { Origin: origin } });
      assert.equal(answer.status, status, `${origin}: ${answer.text}`);
    }
  });
});

test("a browser that signs in elsewhere stays apart", async () => {
  const one = await signedIn(), two = await signedIn(one.person);
  assert.notEqual(one.sessionToken, two.sessionToken);
  await two.signOut({});
  assert.ok(await one.session());
});
