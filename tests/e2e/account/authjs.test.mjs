// The part of Auth.js that scripts and its browser functions use (account.md section 2): tokens of forms, cookies to the
// letter, where a sign-in leads, how long a session lives, and who else must not get in.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { URL_BASE, Visitor, randomEmail, signIn, sql } from "../support.mjs";
import { Browser, CALLBACK, CSRF, PASSWORD, SESSION, parseCookie, person, signedIn } from "./browser.mjs";

const DAY_US = 86400e6;
const WRONG = `${URL_BASE}/signin?error=CredentialsSignin&code=credentials`, NO_TOKEN = `${URL_BASE}/signin?error=MissingCSRF`;
const hashOf = (token) => createHash("sha256").update(token).digest("hex");
const row = async (token, columns) => (await sql(`SELECT ${columns} FROM web_session WHERE token_hash = UNHEX('${hashOf(token)}')`))[0];

describe("tokens of forms", () => {
  test("come with two cookies, once", async () => {
    const browser = new Browser(), first = await browser.get("/api/auth/csrf");
    assert.match(first.body.csrfToken, /^[0-9a-f]{64}$/);
    assert.equal(first.headers["cache-control"], "private, no-cache, no-store");
    const [csrf, callback] = first.cookies;
    assert.deepEqual(csrf, { name: CSRF, value: csrf.value, Path: "/", HttpOnly: true, SameSite: "Lax" });
    assert.match(csrf.value, new RegExp(`^${first.body.csrfToken}%7C[0-9a-f]{64}$`));
    assert.deepEqual(callback, { name: CALLBACK, value: encodeURIComponent(URL_BASE), Path: "/", HttpOnly: true, SameSite: "Lax" });
    const second = await browser.get("/api/auth/csrf");
    assert.deepEqual([second.body, second.cookies], [first.body, []]);
  });

  test("are made anew when the cookie is not ours", async () => {
    const browser = new Browser(), token = await browser.csrf(), cookie = browser.cookies.get(CSRF);
    const planted = "a".repeat(64);
    for (const value of ["", "x", token, `${token}%7C`, `${token}%7C${hashOf(token)}`, `${planted}%7C${cookie.slice(-64)}`, `${cookie}0`, cookie.replace("%7C", "%7X"),
      `${token}|${cookie.slice(-63)}`, `${token}%7C${cookie.slice(-64).toUpperCase()}`, "%00".repeat(129)]) {
      const answer = await new Browser().get("/api/auth/csrf", { headers: { Cookie: `${CSRF}=${value}` } });
      assert.ok(answer.body.csrfToken !== token && answer.cookies.some((c) => c.name === CSRF), value);
    }
    const plain = await new Browser().get("/api/auth/csrf", { headers: { Cookie: `${CSRF}=${token}|${cookie.slice(-64)}` } });
    assert.equal(plain.body.csrfToken, token, "a bar that was not encoded");
    const twice = await new Browser().get("/api/auth/csrf", { headers: { Cookie: `${CSRF}=${cookie}; ${CSRF}=${cookie}` } });
    assert.notEqual(twice.body.csrfToken, token, "two of them are none");
    for (const url of ["https://evil.example", "//evil.example", "%"]) {
      const answer = await browser.get("/api/auth/csrf", { headers: { Cookie: `${CSRF}=${cookie}; ${CALLBACK}=${encodeURIComponent(url)}` } });
      assert.deepEqual(answer.cookies.map((c) => [c.name, c.value]), [[CALLBACK, encodeURIComponent(URL_BASE)]], url);
    }
  });

  test("are asked for twice: in the cookie and in the form", async () => {
    const who = await person(), browser = new Browser(), other = new Browser();
    const token = await browser.csrf(), otherToken = await other.csrf();
    for (const [csrfToken, headers] of [[undefined], [""], [otherToken], [token.toUpperCase()], [token.slice(1)], [`${token}0`], ["0".repeat(64)],
      [token, { Cookie: "a=b" }], [token, { Cookie: `${CSRF}=${token}` }], [token, { Cookie: `${CSRF}=${token}%7C${"0".repeat(64)}` }],
      [token, { Cookie: `__Host-${CSRF}=${browser.cookies.get(CSRF)}` }]]) {
      const answer = await browser.signInWith(who.email, PASSWORD, { csrfToken }, { headers: { "X-Auth-Return-Redirect": "1", ...headers } });
      assert.deepEqual([answer.status, answer.body, answer.cookies], [200, { url: NO_TOKEN }, []], `${csrfToken} ${headers?.Cookie}`);
    }
    await browser.signInWith(who.email);
    const out = await browser.signOut({ csrfToken: otherToken });
    assert.deepEqual([out.body, out.cookies], [{ url: NO_TOKEN }, []]);
    assert.ok(await browser.session(), "still signed in");
  });
});

test("the one way in is named", async () => {
  const { body } = await new Visitor().get("/api/auth/providers");
  assert.deepEqual(body, { credentials: { id: "credentials", name: "Credentials", type: "credentials",
    signinUrl: `${URL_BASE}/api/auth/signin/credentials`, callbackUrl: `${URL_BASE}/api/auth/callback/credentials` } });
});

test("its pages lead to ours", async () => {
  const visitor = new Visitor(), site = encodeURIComponent(URL_BASE);
  for (const [path, target] of [["/api/auth/signin", `/signin?callbackUrl=${site}`], ["/api/auth/signin?callbackUrl=/device", `/signin?callbackUrl=${site}%2Fdevice`],
    ["/api/auth/signin/credentials", `/signin?callbackUrl=${site}`], ["/api/auth/signin?callbackUrl=https://evil.example/", `/signin?callbackUrl=${site}`],
    ["/api/auth/error?error=Configuration", "/signin?error=Configuration"], ["/api/auth/error", "/signin?error=Default"],
    ["/api/auth/error?error=%0d%0aSet-Cookie:%20a=b%26c%3c", "/signin?error=%0D%0ASet-Cookie%3A%20a%3Db%26c%3C"]]) {
    const answer = await visitor.get(path);
    assert.deepEqual([answer.status, answer.headers.location?.toLowerCase(), answer.text, answer.headers["set-cookie"]], [302, (URL_BASE + target).toLowerCase(), "", undefined], path);
  }
  assert.equal((await visitor.get(`/api/auth/error?error=${"x".repeat(101)}`)).status, 400);
  assert.equal((await visitor.get(`/api/auth/signin?callbackUrl=/${"x".repeat(2000)}`)).status, 400);
  assert.equal((await visitor.get(`/api/auth/signin/credentials?callbackUrl=/${"x".repeat(2000)}`)).status, 400);
});

test("what is no action is refused in Auth.js' words", async () => {
  const browser = await signedIn();
  for (const [method, path] of [["POST", "csrf"], ["POST", "providers"], ["POST", "error"], ["POST", "signin"], ["POST", "signin/credentials"], ["GET", "signin/github"],
    ["POST", "signin/github"], ["GET", "callback/credentials"], ["GET", "callback/github"], ["POST", "callback/unknown"], ["GET", "signout"]]) {
    const answer = await browser.send(method, `/api/auth/${path}`);
    assert.deepEqual([answer.status, answer.body], [400, "Bad request."], `${method} ${path}`);
    assert.equal(answer.headers["content-type"], "application/json; charset=utf-8");
  }
  const put = await browser.send("PUT", "/api/auth/csrf");
  assert.deepEqual([put.status, put.headers.allow, put.body.category], [405, "GET, HEAD, POST, OPTIONS", "method_not_allowed"]);
});

describe("signing in", () => {
  test("sets the session's cookie, to the letter", async () => {
    const who = await person(), browser = new Browser(), before = Math.floor(Date.now() / 1000) * 1000;
    const answer = await browser.signInWith(who.email);
    assert.deepEqual([answer.status, answer.body], [200, { url: URL_BASE }]);
    const [cookie, ...others] = answer.cookies;
    assert.deepEqual(others, []);
    assert.deepEqual(cookie, { name: SESSION, value: cookie.value, Path: "/", Expires: cookie.Expires, HttpOnly: true, SameSite: "Lax" });
    assert.match(cookie.value, /^[A-Za-z0-9_-]{43}$/, "256 bits");
    assert.ok(Math.abs(Date.parse(cookie.Expires) - before - 30 * 86400e3) < 5000);
    assert.ok(!answer.text.includes(cookie.value));
    assert.equal(answer.headers["cache-control"], "no-store");
    const [hash, auth, expires] = await row(cookie.value, "HEX(token_hash), auth_at_us, expires_at_us");
    assert.equal(hash.toLowerCase(), hashOf(cookie.value), "only its hash is kept");
    const session = await browser.get("/api/auth/session");
    assert.deepEqual(session.body, { user: { name: who.name, email: who.email, image: null, id: who.publicId, authAt: Number(auth) / 1000, requires2FA: false },
      expires: new Date(Number(expires) / 1000).toISOString() });
    assert.deepEqual(session.cookies, [cookie], "the cookie again");
    assert.equal(session.headers["cache-control"], "private, no-cache, no-store");
    const updated = await browser.post("/api/auth/session", { csrfToken: await browser.csrf(), data: { user: { id: "usr_other" } } });
    assert.deepEqual(updated.body, session.body, "an update changes nothing");
  });

  test("without the header is a redirect; as JSON it is the same", async () => {
    const who = await person(), browser = new Browser();
    const plain = await browser.signInWith(who.email, PASSWORD, { callbackUrl: "/device?x=1" }, { headers: {} });
    assert.deepEqual([plain.status, plain.headers.location, plain.text], [302, `${URL_BASE}/device?x=1`, ""]);
    assert.ok(browser.sessionToken);
    const wrong = await new Browser().signInWith(who.email, "wrong", {}, { headers: {} });
    assert.deepEqual([wrong.status, wrong.headers.location, wrong.text, wrong.cookies], [302, WRONG, "", []]);
    for (const type of ["application/json", "text/plain", "application/x-www-form-urlencodedx"]) {
      const other = new Browser(), body = { csrfToken: await other.csrf(), email: ` ${who.email.toUpperCase()} `, password: PASSWORD };
      assert.equal((await other.post("/api/auth/callback/credentials", body, { headers: { "Content-Type": type } })).status, 302);
      assert.ok(other.sessionToken, type);
    }
  });

  test("is refused in one way, whatever the reason", async () => {
    const [good, unproved, none, going, suspended] = await Promise.all([person(), person({ verified: false }), person({ password: false }), person(), person()]);
    await sql(`UPDATE users SET delete_after_us = 1 WHERE user_id = ${going.id}; UPDATE users SET suspended_at_us = 1 WHERE user_id = ${suspended.id}`);
    const answers = [];
    for (const [email, password] of [[good.email, `${PASSWORD}!`], [good.email, ""], [good.email, undefined], [good.email, "x".repeat(201)], [randomEmail(), PASSWORD], ["not an address", PASSWORD],
      [undefined, PASSWORD], ["", PASSWORD], [unproved.email, PASSWORD], [none.email, PASSWORD], [going.email, PASSWORD], [suspended.email, PASSWORD]]) {
      const answer = await new Browser().signInWith(email, password === undefined ? "" : password, password === undefined ? { password } : {});
      const headers = { ...answer.headers };
      for (const name of ["date", "x-request-id"]) delete headers[name];
      answers.push({ status: answer.status, text: answer.text, headers, cookies: answer.cookies });
    }
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    assert.deepEqual([answers[0].status, JSON.parse(answers[0].text), answers[0].cookies], [200, { url: WRONG }, []]);
  });

  test("leads only to addresses of this site", async () => {
    const who = await person();
    for (const [callbackUrl, target] of [[undefined, ""], ["", ""], ["/", "/"], ["/a/b?c=d#e", "/a/b?c=d#e"], [`${URL_BASE}/x`, "/x"], [URL_BASE, ""], [`${URL_BASE}?x`, "?x"],
      ["//evil.example", ""], ["///evil.example", ""], ["/\\evil.example", ""], ["\\\\evil.example", ""], ["https://evil.example", ""], [`${URL_BASE}.evil.example`, ""],
      [`${URL_BASE}@evil.example`, ""], [`${URL_BASE}0/`, ""], [`https${URL_BASE.slice(4)}/`, ""], ["javascript:alert(1)", ""], ["data:text/html,x", ""], ["evil.example", ""], [" /x", ""],
      ["/\t/evil.example", ""], ["/\n/evil.example", ""], ["/x\r\nSet-Cookie: a=b", ""], ["/\u0000", ""], ["/é", ""], ["/%0d%0ax", "/%0d%0ax"], [`${URL_BASE}\\@evil.example`, ""]]) {
      const browser = new Browser();
      const body = { csrfToken: await browser.csrf(), email: who.email, password: PASSWORD, callbackUrl };
      const answer = await browser.post("/api/auth/callback/credentials", body, { headers: { "X-Auth-Return-Redirect": "1" } });
      if (callbackUrl === "/\u0000") assert.equal(answer.status, 400);
      else assert.deepEqual(answer.body, { url: URL_BASE + target }, JSON.stringify(callbackUrl));
      assert.equal(answer.headers["set-cookie"]?.some((line) => line.startsWith("a=")) ?? false, false);
    }
  });

  test("gives a new token, and ends the one that was presented", async () => {
    const browser = await signedIn(), old = browser.sessionToken;
    await browser.signInWith(browser.person.email, "wrong");
    assert.ok(await row(old, "1"), "not for a wrong password");
    await browser.signInWith(browser.person.email);
    assert.notEqual(browser.sessionToken, old);
    assert.equal(await row(old, "1"), undefined);
    const planted = new Browser();
    planted.cookies.set(SESSION, randomBytes(32).toString("base64url"));
    const given = planted.sessionToken;
    await planted.signInWith(browser.person.email);
    assert.notEqual(planted.sessionToken, given, "a planted one is not taken over");
    assert.ok(await browser.session(), "other browsers stay");
  });
});

describe("a session", () => {
  test("is written down at most once in five minutes, by one of many", async () => {
    const browser = await signedIn(), token = browser.sessionToken;
    const seen = async () => Number((await row(token, "last_seen_at_us"))[0]);
    const first = await seen();
    await browser.session();
    assert.equal(await seen(), first);
    await sql(`UPDATE web_session SET last_seen_at_us = ${first - 270e6} WHERE token_hash = UNHEX('${hashOf(token)}')`);
    await browser.session();
    assert.equal(await seen(), first - 270e6);
    const expires = await row(token, "expires_at_us");
    await sql(`UPDATE web_session SET last_seen_at_us = ${first - 301e6} WHERE token_hash = UNHEX('${hashOf(token)}')`);
    const answers = await Promise.all(Array.from({ length: 50 }, () => new Visitor().get("/api/auth/session", { headers: { Cookie: `${SESSION}=${token}` } })));
    for (const answer of answers) {
      assert.equal(answer.body.user.email, browser.person.email);
      assert.equal(parseCookie(answer.headers["set-cookie"][0]).value, token, "F-40: one chain, which nothing forks");
    }
    assert.ok(await seen() >= first);
    assert.deepEqual(await row(token, "expires_at_us"), expires, "30 days are 30 days");
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM web_session WHERE user_id = ${browser.person.id}`), [["1"]]);
  });

  for (const [name, column, life] of [["idle for seven days", "last_seen_at_us", 7 * DAY_US], ["thirty days old", "expires_at_us", 0]]) {
    test(`ends when it is ${name}, to the second`, async () => {
      const browser = await signedIn(), token = browser.sessionToken;
      const set = (us) => sql(`UPDATE web_session SET ${column} = ${us} WHERE token_hash = UNHEX('${hashOf(token)}')`);
      await set(Date.now() * 1000 - life + 2e6);
      assert.ok(await browser.session(), "two seconds before");
      await set(Date.now() * 1000 - life);
      const dead = await browser.get("/api/auth/session", { check: false });
      assert.deepEqual([dead.status, dead.body], [200, null]);
      assert.deepEqual(dead.cookies, [{ name: SESSION, value: "", Path: "/", "Max-Age": "0", HttpOnly: true, SameSite: "Lax" }]);
    });
  }

  test("ends at sign-out, with the second factor's cookie, at once on every worker", async () => {
    const browser = await signedIn(), token = browser.sessionToken, other = await signedIn(browser.person);
    browser.cookies.set("suparbase-mfa-ok", "x");
    const answer = await browser.signOut({ callbackUrl: "/bye" });
    assert.deepEqual([answer.status, answer.body], [200, { url: `${URL_BASE}/bye` }]);
    assert.deepEqual(answer.cookies.map((c) => [c.name, c.value, c["Max-Age"], c.Path]), [[SESSION, "", "0", "/"], ["suparbase-mfa-ok", "", "0", "/"]]);
    for (let i = 0; i < 8; i++)
      assert.equal((await new Visitor().get("/api/auth/session", { headers: { Cookie: `${SESSION}=${token}`, Connection: "close" }, check: false })).body, null);
    assert.ok(await other.session(), "and no other");
    const [[n]] = await sql(`SELECT COUNT(*) FROM audit_event WHERE user_id = ${browser.person.id} AND event = 'signed_out'`);
    assert.equal(n, "1");
    const again = await browser.signOut({});
    assert.deepEqual([again.status, again.body], [200, { url: URL_BASE }], "signing out twice is no error");
  });

  test("is no token for Authorization, and a token is no cookie", async () => {
    const browser = await signedIn(), someone = await signIn(), token = browser.sessionToken;
    for (const scheme of [`Bearer ${token}`, `Bearer session:${token}`]) {
      assert.equal((await new Visitor().get("/api/auth/session", { headers: { Authorization: scheme }, check: false })).body, null);
      for (const path of ["/api/account/me", "/v1/account/me"])
        assert.equal((await new Visitor().get(path, { headers: { Authorization: scheme } })).status, 401, `${path} ${scheme.slice(0, 16)}`);
    }
    for (const value of [someone.token, someone.token.slice("session:".length), encodeURIComponent(someone.token)])
      assert.equal((await new Visitor().get("/api/auth/session", { headers: { Cookie: `${SESSION}=${value}` }, check: false })).body, null);
    for (const path of ["/api/account/me", "/v1/account/me"])
      assert.equal((await browser.get(path)).status, 401, `${path} with a cookie`);
  });

  test("is not told by chunks, by doubles, or under the name of https", async () => {
    const browser = await signedIn(), token = browser.sessionToken;
    for (const cookie of [`${SESSION}.0=${token}`, `${SESSION}.0=${token.slice(0, 20)}; ${SESSION}.1=${token.slice(20)}`, `${SESSION}=${token}; ${SESSION}=${token}`, `__Secure-${SESSION}=${token}`,
      `${SESSION}=`, `${SESSION}=${token}x`, `${SESSION}=${token.slice(1)}`, `${SESSION}="${token}"`, `x${SESSION}=${token}`])
      assert.equal((await new Visitor().get("/api/auth/session", { headers: { Cookie: cookie }, check: false })).body, null, cookie);
    const stray = await new Visitor().get("/api/auth/session", { headers: { Cookie: `${SESSION}.0=stray; ${SESSION}=${token}` } });
    assert.equal(stray.body.user.email, browser.person.email, "a stray chunk is ignored");
  });
});

test("nobody of another origin learns anything: no CORS, whatever is asked", async () => {
  for (const path of ["/api/auth/csrf", "/api/auth/session", "/api/auth/providers", "/api/auth/callback/credentials", "/api/auth/signin"])
    for (const [method, origin] of [["GET", "https://evil.example"], ["GET", URL_BASE], ["OPTIONS", "https://evil.example"], ["OPTIONS", URL_BASE], ["HEAD", "null"]]) {
      const answer = await new Visitor().send(method, path, { headers: { Origin: origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a" }, check: false });
      assert.deepEqual(Object.keys(answer.headers).filter((name) => name.startsWith("access-control-")), [], `${method} ${path} ${origin}`);
      if (method === "OPTIONS") assert.deepEqual([answer.status, answer.text, /\bOPTIONS\b/.test(answer.headers.allow)], [204, "", true], path);
    }
});

test("limits: ten passwords for one address from one place in fifteen minutes", async () => {
  const who = await person(), browser = new Browser();
  for (let i = 0; i < 10; i++) assert.equal((await browser.signInWith(who.email, `wrong ${i}`)).status, 200);
  const refused = await browser.signInWith(who.email);
  assert.equal(refused.status, 429);
  assert.equal(refused.body.category, "rate_limited");
  assert.match(refused.headers["retry-after"], /^[1-9]\d*$/);
  assert.equal(browser.sessionToken, undefined);
  assert.ok((await signedIn(who)).sessionToken, "its owner comes from elsewhere");
});
