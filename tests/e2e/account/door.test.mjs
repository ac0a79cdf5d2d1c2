// What the door does under pressure and over time. Which failure class (F) and which requirement (A) of identity is tried
// where, below tests/e2e/account unless it says otherwise:
//   F-37 F-95 A-12 A-14 A-22 A-34      matrix.test.mjs
//   F-40 A-10 A-29 A-30 A-31 A-32      authjs.test.mjs
//   F-39 F-45 F-46 A-08 A-09 A-21      here
//   F-93 F-94 F-97 A-27 A-36 A-38      secrets.test.mjs
//   A-40                               audit.test.mjs
//   tokens of mails, enumeration, rules for passwords (F-33 to F-36, F-38, F-41 to F-44, F-47, A-18 to to
//   the tests of each flow; A-35: ../gateway/auth.test.mjs
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { URL_BASE, Visitor, codeOf, mailTo, ownStack, randomAddress, randomEmail, request, signIn, sql, turnpike } from "../support.mjs";
import { Browser, CALLBACK, CSRF, PASSWORD, SESSION, person, signedIn } from "./browser.mjs";
import { credential } from "./credentials.mjs";

const PORT = Number(new URL(URL_BASE).port) + 72;

describe("guesses from 200 addresses", () => {
  const ADDRESSES = Array.from({ length: 200 }, (_, i) => `127.77.${i % 8}.${i + 1}`);
  const GUESSES = 10000;

  // All guesses, 64 at a time, each address in turn; resolves to how often each status was met.
  async function guess(send) {
    const agents = new Map(ADDRESSES.map((address) => [address, new http.Agent({ keepAlive: true, maxSockets: 1, localAddress: address })]));
    const met = {}, numbers = Array(GUESSES).keys();
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

  test("at a password: thirty are looked at in an hour; a code by mail still lets its owner in", async () => {
    const who = await person(), form = new Browser(), csrfToken = await form.csrf();
    const headers = { Cookie: `${CSRF}=${form.cookies.get(CSRF)}`, "Content-Type": "application/json", "X-Auth-Return-Redirect": "1" };
    const met = await guess(async (i, options) => {
      const answer = await request("POST", "/api/auth/callback/credentials", { headers, body: { csrfToken, email: who.email, password: `guess ${i}` }, ...options });
      return answer.status === 200 ? answer.body.url.split("?")[1] : answer.status;
    });
    const looked = met["error=CredentialsSignin&code=credentials"];
    assert.equal(looked + (met[503] ?? 0), 30, `${JSON.stringify(met)}: those that found too many waiting counted as well`);
    assert.equal(met[429], GUESSES - 30);
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM audit_event WHERE user_id = ${who.id} AND event = 'sign_in_refused'`), [[String(looked)]]);
    assert.equal((await new Visitor().post("/api/auth/password", { email: who.email, password: PASSWORD })).status, 429, "by the other door as well");
    assert.ok((await signIn({ email: who.email })).token);
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
  const isIn = ({ status, body }) => status === 200 && body !== null;

  // Whatever ends credentials: all of these are gone at once, for all workers; and what must stay, stays.
  const POST = (path, body) => (url, headers) => request("POST", url + path, { headers, body, check: false });
  const ENDS = {
    "signing out": { by: "session", run: POST("/api/auth/signout"), ends: ["session"], keeps: ["other session", "web", "ide"] },
    "signing out the others": { by: "session", run: POST("/api/auth/signout-others"), ends: ["other session", "web"], keeps: ["session"] },
    "a new password": { by: "session", run: POST("/api/account/change-password", { currentPassword: PASSWORD, newPassword: "a brand new long phrase" }), ends: ["session", "other session", "web", "ide"], keeps: [] },
    "deletion": { by: "session", run: async (url, headers, who) => request("DELETE", `${url}/api/account`, { headers, body: { confirm_email: who.email }, check: false }), ends: ["session", "other session", "web", "ide"], keeps: [] },
    "suspension": { by: "operator", run: async (url, headers, who) => turnpike(["user", "suspend", who.email], stack.state), ends: ["session", "other session", "web", "ide"], keeps: [] },
  };
  for (const [name, { by, run, ends, keeps }] of Object.entries(ENDS)) {
    test(`${name} ends what it ends on the next request of every worker`, async () => {
      const user = await person({ state: stack.state });
      const all = { session: await credential("session", "live", { stack, user }), "other session": await credential("session", "live", { stack, user }),
        web: await credential("web", "live", { stack, user }), ide: await credential("ide", "live", { stack, user }) };
      const check = (key) => (key === "web" ? everywhere("/api/auth/session", cookie(all[key])) : everywhere("/v1/account/me", bearer(all[key])));
      for (const key in all) for (const answer of await check(key)) assert.ok(isIn(answer), `${key} before: ${answer.status} ${answer.text}`);
      const done = await run(stack.url, by === "session" ? bearer(all.session) : {}, user);
      assert.ok(done.status === 200 || done.status === 0, `${done.status} ${done.text ?? done.stderr}`);
      for (const key of ends) for (const answer of await check(key)) assert.ok(!isIn(answer), `${key} lives: ${answer.text}`);
      for (const key of keeps) for (const answer of await check(key)) assert.ok(isIn(answer), `${key} is gone: ${answer.status} ${answer.text}`);
    });
  }
});

test("who is suspended between two steps does not get to the second (F-39)", async () => {
  const email = randomEmail("step"), first = await signIn({ email }), suspend = () => turnpike(["user", "suspend", email]);
  const visitor = new Visitor();
  await visitor.post("/api/auth/request-code", { email });
  const mails = await eventuallyTwo(email);
  const code = codeOf(mails);
  assert.equal((await suspend()).status, 0);
  const sessions = () => sql(`SELECT session_id FROM session s JOIN users u USING (user_id) WHERE u.email = '${email}' ORDER BY 1`), before = await sessions();
  const late = await visitor.post("/api/auth/verify", { email, code }, { check: false });
  assert.ok([400, 403].includes(late.status), `${late.status} ${late.text}`);
  assert.equal((await first.get("/api/account/me")).status, 403);
  assert.deepEqual(await sessions(), before, "no session was made on the way");
});

// The second mail to an address: the first one was used to sign in.
async function eventuallyTwo(email) {
  for (let seen; ;) {
    const mail = await mailTo(email, { newerThan: seen });
    const { body } = await request("GET", `/sandbox/mail.json?to=${encodeURIComponent(email)}`, { check: false });
    if (body.length >= 2) return body[0];
    seen = mail.id;
  }
}

describe("a site with https", () => {
  const SITE = "https://id.example.test";
  let stack, browser;
  before(async () => {
    stack = await ownStack({ port: PORT + 4, limits: "dry-run", settings: (conf) => conf.replace(/^public_url = .*$/m, `public_url = ${SITE}`) });
    browser = new Browser({ url: stack.url, prefix: "__Secure-" });
    browser.person = await person({ state: stack.state });
  });
  after(() => stack?.down());

  test("has cookies that browsers guard by their names", async () => {
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

  test("takes its own origin for its own, and no other", async () => {
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
