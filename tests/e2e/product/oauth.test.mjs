// Signing in with GitHub and Google, against the sandbox's imitations of them: the browser's part as plain requests.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { exchange, me } from "../signing.mjs";
import { URL_BASE, Visitor, ownStack, randomEmail, request, signIn, sql } from "../support.mjs";

const PROVIDERS = ["github", "google"];
const sha256 = (text) => createHash("sha256").update(text).digest();
const form = (fields) => new URLSearchParams(fields).toString();
const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

// A browser that has been sent to the provider.
async function begin(provider, query = "", browser = new Visitor()) {
  const started = await browser.get(`/api/auth/oauth/${provider}/start${query}`);
  assert.equal(started.status, 302, started.text);
  const [cookie] = started.headers["set-cookie"];
  const authorize = new URL(started.headers.location);
  return { browser, provider, started, cookie: cookie.split(";")[0], authorize, state: authorize.searchParams.get("state") };
}

// The provider's page: presses a button there, returns the address that the browser is sent back to.
async function decide(attempt, { email = randomEmail(attempt.provider), verified = true, decision = "allow" } = {}) {
  const page = await request("GET", attempt.authorize.href, { check: false });
  assert.equal(page.status, 200, page.text);
  const hidden = Object.fromEntries([...page.text.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
  const answer = await request("POST", "/sandbox/oauth/consent",
    { check: false, headers: FORM, body: form({ ...hidden, email, ...(verified && { verified: "yes" }), decision }) });
  assert.equal(answer.status, 302, answer.text);
  return new URL(answer.headers.location);
}

const comeBack = ({ browser, cookie }, back) => browser.get(back.pathname + back.search, { headers: cookie ? { Cookie: cookie } : {} });
const handoffOf = (answer) => /^\/signin(?:\?from=ide)?#handoff=([A-Za-z0-9_-]{43})$/.exec(answer.headers.location)?.[1];

// All of it; the answer of the exchange.
async function signInWith(provider, who) {
  const attempt = await begin(provider);
  const answer = await comeBack(attempt, await decide(attempt, who));
  assert.equal(answer.status, 302, answer.text);
  const signedIn = await exchange(handoffOf(answer));
  assert.equal(signedIn.status, 200, signedIn.text);
  return signedIn.body;
}

function isPage(answer, status, why) {
  assert.equal(answer.status, status, `${why}: ${answer.status} ${answer.headers.location ?? answer.text}`);
  assert.equal(answer.headers["content-type"], "text/html; charset=utf-8", why);
  assert.match(answer.text, /<a [^>]*href="\/signin"/, why);
  assert.match(answer.headers["content-security-policy"], /default-src 'none'.*frame-ancestors 'none'/, why);
  assert.equal(answer.headers["cache-control"], "no-store", why);
  assert.ok(!answer.text.includes("handoff"), why);
}

test("the pages that say what went wrong have their styles", async () => {
  const { text } = await new Visitor().get("/api/auth/oauth/github/callback");
  const styles = [...text.matchAll(/href="(\/assets\/[^"]+)"/g)];
  assert.ok(styles.length > 0);
  for (const [, url] of styles) assert.equal((await new Visitor().get(url)).status, 200, url);
});

for (const provider of PROVIDERS)
  test(`${provider}: there and back signs in`, async () => {
    const email = randomEmail(provider), attempt = await begin(provider);
    const { searchParams: asked, origin, pathname } = attempt.authorize;
    assert.equal(origin, new URL(URL_BASE).origin);
    assert.match(pathname, new RegExp(`^/sandbox/${provider}/`));
    assert.equal(asked.get("response_type"), "code");
    assert.equal(asked.get("redirect_uri"), `${URL_BASE}/api/auth/oauth/${provider}/callback`);
    assert.match(asked.get("scope"), /email/);
    assert.match(asked.get("code_challenge"), /^[A-Za-z0-9_-]{43}$/);
    assert.equal(asked.get("code_challenge_method"), "S256");

    const answer = await comeBack(attempt, await decide(attempt, { email: email.toUpperCase() }));
    assert.equal(answer.status, 302);
    const signedIn = await exchange(handoffOf(answer), { device: "web" });
    assert.equal(signedIn.body.user.email, email);
    assert.equal((await me(signedIn.body.token)).body.id, signedIn.body.user.id);
    const identity = await sql(`SELECT provider FROM identity JOIN users USING (user_id) WHERE public_id = '${signedIn.body.user.id}'`);
    assert.deepEqual(identity, [[provider]]);
    assert.equal((await signInWith(provider, { email })).user.id, signedIn.body.user.id, "the same account the second time");
  });

test("for the IDE, the page gets the hand-off and the challenge holds", async () => {
  const verifier = randomBytes(32).toString("base64url"), challenge = sha256(verifier).toString("base64url");
  for (const [more, status] of [[{}, 400], [{ verifier: challenge }, 400], [{ verifier }, 200]]) {
    const attempt = await begin("github", `?from=ide&challenge=${challenge}`);
    assert.notEqual(attempt.authorize.searchParams.get("code_challenge"), challenge, "the provider sees a challenge of our own");
    const answer = await comeBack(attempt, await decide(attempt));
    assert.match(answer.headers.location, /^\/signin\?from=ide#handoff=/);
    assert.equal((await exchange(handoffOf(answer), more)).status, status);
  }
  assert.equal((await new Visitor().get("/api/auth/oauth/github/start?challenge=short")).status, 400);
});

test("the provider's address and our redirects carry no secret", async () => {
  const attempt = await begin("github");
  const nonce = attempt.state.split(".")[0], hash = sha256(nonce).toString("hex");
  const [[verifier]] = await sql(`SELECT verifier FROM oauth_attempt WHERE nonce_hash = X'${hash}'`);
  assert.ok(!attempt.authorize.href.includes(verifier), "the verifier stays here");
  assert.equal(sha256(verifier).toString("base64url"), attempt.authorize.searchParams.get("code_challenge"));
  assert.ok(!attempt.authorize.href.includes(attempt.cookie.split("=")[1]), "the state does not tell the cookie");
  assert.equal(attempt.authorize.searchParams.get("client_secret"), null);

  const back = await decide(attempt), answer = await comeBack(attempt, back);
  for (const { headers } of [attempt.started, answer]) {
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(headers["cache-control"], "no-store");
  }
  assert.ok(answer.headers.location.startsWith("/signin"), "no other site");
  const { pathname, search } = new URL(answer.headers.location, URL_BASE);
  assert.equal(pathname + search, "/signin", "the hand-off is behind #, so it reaches no log and no Referer");
  assert.ok(!answer.headers.location.includes(back.searchParams.get("code")));
});

test("the cookie is for this sign-in, this path and no script", async () => {
  const { started, cookie } = await begin("google");
  const [set] = started.headers["set-cookie"], [, ...attributes] = set.split("; ");
  assert.match(cookie, /^turnpike_oauth_[A-Za-z0-9_-]{8}=[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(attributes, ["Path=/api/auth/oauth", "Max-Age=600", "HttpOnly", "SameSite=Lax"]);
  assert.notEqual((await begin("google")).cookie, cookie);

  const attempt = await begin("google"), answer = await comeBack(attempt, await decide(attempt));
  assert.match(answer.headers["set-cookie"][0], /^turnpike_oauth_[A-Za-z0-9_-]{8}=; Path=\/api\/auth\/oauth; Max-Age=0;/, "gone afterwards");
});

test("a state works in the browser it was made for, once, for ten minutes", async () => {
  const good = await begin("github"), back = await decide(good);
  const other = await begin("github"), [nonce, mac] = good.state.split(".");
  const flip = (text) => (text[0] === "A" ? "B" : "A") + text.slice(1);
  const name = (attempt) => attempt.cookie.split("=")[0], value = (attempt) => attempt.cookie.split("=")[1];
  const withState = (state) => {
    const url = new URL(back);
    if (state === undefined) url.searchParams.delete("state");
    else url.searchParams.set("state", state);
    return url;
  };
  const cases = [
    ["no state", good.cookie, withState(undefined)],
    ["empty state", good.cookie, withState("")],
    ["forged mac", good.cookie, withState(`${nonce}.${flip(mac)}`)],
    ["forged nonce", good.cookie, withState(`${flip(nonce)}.${mac}`)],
    ["mac of another state", good.cookie, withState(`${nonce}.${other.state.split(".")[1]}`)],
    ["no mac", good.cookie, withState(nonce)],
    ["cut mac", good.cookie, withState(`${nonce}.${mac.slice(0, -1)}`)],
    ["no cookie", undefined, back],
    ["another browser's cookie", `${name(good)}=${value(other)}`, back],
    ["empty cookie", `${name(good)}=`, back],
    ["the cookie twice", `${good.cookie}; ${name(good)}=${value(other)}`, back],
    ["a cookie made of the state", `${name(good)}=${nonce}`, back],
  ];
  for (const [why, cookie, url] of cases) isPage(await comeBack({ browser: new Visitor(), cookie }, url), 400, why);
  const elsewhere = new URL(back.href.replace("/github/", "/google/"));
  isPage(await comeBack({ browser: new Visitor(), cookie: good.cookie }, elsewhere), 400, "another provider's state");

  assert.equal((await comeBack(good, back)).status, 302, "none of that used it up");
  isPage(await comeBack(good, back), 400, "used");

  const late = await begin("github"), lateBack = await decide(late), hash = sha256(late.state.split(".")[0]).toString("hex");
  const [[left]] = await sql(`SELECT expires_at_us - UNIX_TIMESTAMP(NOW(6)) * 1000000 FROM oauth_attempt WHERE nonce_hash = X'${hash}'`);
  assert.ok(left > 590e6 && left <= 600e6, left);
  await sql(`UPDATE oauth_attempt SET expires_at_us = UNIX_TIMESTAMP() * 1000000 - 1000000 WHERE nonce_hash = X'${hash}'`);
  isPage(await comeBack(late, lateBack), 400, "expired since a second");
});

test("a state used 20 times at once signs in once", async () => {
  const attempt = await begin("google"), back = await decide(attempt);
  const answers = await Promise.all(Array.from({ length: 20 }, () => comeBack({ browser: new Visitor(), cookie: attempt.cookie }, back)));
  assert.deepEqual(answers.map((a) => a.status).sort(), [302, ...Array(19).fill(400)]);
});

test("who refuses at the provider comes back to the sign-in page", async () => {
  for (const provider of PROVIDERS) {
    const attempt = await begin(provider), back = await decide(attempt, { decision: "deny" });
    assert.equal(back.searchParams.get("error"), "access_denied");
    const answer = await comeBack(attempt, back);
    assert.equal(answer.status, 302);
    assert.equal(answer.headers.location, "/signin?error=access_denied");
    isPage(await comeBack(attempt, back), 400, "the state is used up");
  }
});

test("a code that the provider refuses is a page, 400", async () => {
  for (const provider of PROVIDERS) {
    const [mine, theirs] = [await begin(provider), await begin(provider)];
    const stolen = (await decide(theirs)).searchParams.get("code");
    for (const code of ["nonsense", "", stolen, "x\r\nHost: evil", "a&client_id=other"]) {
      const attempt = code === stolen ? mine : await begin(provider);
      const back = new URL(`${URL_BASE}/api/auth/oauth/${provider}/callback?${form({ code, state: attempt.state })}`);
      isPage(await comeBack(attempt, back), 400, `${provider} ${code}`);
    }
  }
});

test("a provider that is down is a page, 502", async () => {
  for (const provider of PROVIDERS) {
    const attempt = await begin(provider);
    const back = new URL(`${URL_BASE}/api/auth/oauth/${provider}/callback?${form({ code: "unreachable", state: attempt.state })}`);
    isPage(await comeBack(attempt, back), 502, provider);
  }
});

test("an address that the provider has not verified touches no account", async () => {
  const owner = await signIn();
  for (const provider of PROVIDERS)
    for (const email of [owner.email, randomEmail("unverified")]) {
      const attempt = await begin(provider);
      isPage(await comeBack(attempt, await decide(attempt, { email, verified: false })), 401, `${provider} ${email}`);
      const subject = BigInt(`0x${sha256(email).subarray(0, 6).toString("hex")}`);
      assert.deepEqual(await sql(`SELECT * FROM identity WHERE subject = '${subject}'`), []);
      const [[users]] = await sql(`SELECT COUNT(*) FROM users WHERE email = '${email}'`);
      assert.equal(users, email === owner.email ? "1" : "0");
    }
  assert.equal((await owner.get("/api/account/me")).status, 200);
});

test("a verified address joins the account that has it, from both providers", async () => {
  const owner = await signIn();
  for (const provider of PROVIDERS) assert.equal((await signInWith(provider, { email: owner.email })).user.id, owner.user.id);
  const rows = await sql(`SELECT provider FROM identity JOIN users USING (user_id) WHERE public_id = '${owner.user.id}' ORDER BY 1`);
  assert.deepEqual(rows, [["github"], ["google"]]);
});

test("an address that changed at the provider stays the same account", async () => {
  for (const provider of PROVIDERS) {
    const before = randomEmail("before"), after = randomEmail("after");
    const first = await signInWith(provider, { email: before });
    // The sandbox makes the subject from the address: this is what the same subject with a new address looks like.
    const subject = BigInt(`0x${sha256(after).subarray(0, 6).toString("hex")}`);
    await sql(`UPDATE identity JOIN users USING (user_id) SET subject = '${subject}' WHERE public_id = '${first.user.id}'`);
    const second = await signInWith(provider, { email: after });
    assert.equal(second.user.id, first.user.id);
    assert.equal(second.user.email, before, "the account keeps its address");
    assert.deepEqual(await sql(`SELECT * FROM users WHERE email = '${after}'`), []);
    // Whoever holds that address later at the other provider is somebody else.
    const other = provider === "github" ? "google" : "github";
    assert.notEqual((await signInWith(other, { email: after })).user.id, first.user.id);
  }
});

test("a deleted account does not come back with its identity", async () => {
  const email = randomEmail("deleted"), first = await signInWith("github", { email });
  assert.equal((await new Visitor({ token: first.token }).delete("/api/account", { confirm_email: email })).status, 200);
  const second = await signInWith("github", { email });
  assert.notEqual(second.user.id, first.user.id);
});

test("the sandbox asks for PKCE, as the providers do", async () => {
  for (const provider of PROVIDERS) {
    const attempt = await begin(provider), url = new URL(attempt.authorize);
    url.searchParams.delete("code_challenge");
    assert.equal((await request("GET", url.href, { check: false })).status, 400, "no challenge");

    const code = (await decide(attempt)).searchParams.get("code"), hash = sha256(attempt.state.split(".")[0]).toString("hex");
    const [[verifier]] = await sql(`SELECT verifier FROM oauth_attempt WHERE nonce_hash = X'${hash}'`);
    const token = (more) => request("POST", provider === "github" ? "/sandbox/github/login/oauth/access_token" : "/sandbox/google/token", {
      check: false, headers: FORM, body: form({ grant_type: "authorization_code", code, client_id: "sandbox", client_secret: "x",
        redirect_uri: attempt.authorize.searchParams.get("redirect_uri"), ...more }) });
    assert.equal((await token({})).body.access_token, undefined, "no verifier");
    assert.equal((await token({ code_verifier: randomBytes(32).toString("base64url") })).body.access_token, undefined, "a wrong one");
    assert.equal((await token({ code_verifier: verifier, redirect_uri: `${URL_BASE}/other` })).body.access_token, undefined, "another address");
    assert.ok((await token({ code_verifier: verifier })).body.access_token);
    assert.equal((await token({ code_verifier: verifier })).body.access_token, undefined, "a code once");
  }
});

test("only the two providers exist", async () => {
  for (const name of ["gitlab", "GitHub", "github%20", "..", "%2e%2e", "github%00"])
    for (const step of ["start", "callback?code=x&state=y"]) {
      const answer = await new Visitor().get(`/api/auth/oauth/${name}/${step}`, { check: false });
      assert.ok([400, 404].includes(answer.status), `${name}: ${answer.status}`);
      // Only an address that has the callback's shape is known to be asked for by a browser.
      const isCallback = step !== "start" && /^(gitlab|GitHub|github%20)$/.test(name);
      if (isCallback) assert.match(answer.text, /<h1>/, name);
      else assert.equal(typeof answer.body.error, "string", name);
    }
});

test("over HTTPS the cookie is Secure, and an unset provider is not there", async () => {
  const stack = await ownStack({ port: Number(new URL(URL_BASE).port) + 10, settings: (conf) =>
    conf.replace(/^public_url = .*/m, "public_url = https://turnpike.example")
      .replace(/(\[oauth\.google\]\nclient_id = )sandbox/, "$1") });
  try {
    const answer = await request("GET", `${stack.url}/api/auth/oauth/github/start`, { check: false });
    assert.match(answer.headers["set-cookie"][0], /; HttpOnly; SameSite=Lax; Secure$/);
    assert.equal(new URL(answer.headers.location).searchParams.get("redirect_uri"), "https://turnpike.example/api/auth/oauth/github/callback");
    assert.equal((await request("GET", `${stack.url}/api/auth/oauth/google/start`, { check: false })).status, 404);
  } finally {
    await stack.down();
  }
});
