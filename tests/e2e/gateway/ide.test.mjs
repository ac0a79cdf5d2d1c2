// IDE logins over a browser (gateway.md section 7): the code, its approval, PKCE, where the browser may be sent back to.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { calculatePKCECodeChallenge, randomPKCECodeVerifier } from "openid-client";
import { URL_BASE, Visitor, ownStack, randomEmail, signIn, sql, turnpike } from "../support.mjs";
import { claims, ideToken, isUnauthorized, mint, userOf, whoIs } from "./support.mjs";

const ide = (verb, body, options) => new Visitor(options).post(`/v1/auth/ide/${verb}`, body, options);
const as = (token, verb, body) => ide(verb, body, { token });

async function start(body) {
  const { status, body: answer, text } = await ide("start", body);
  assert.equal(status, 200, text);
  return answer;
}

const row = (code) => `code_hash = UNHEX(SHA2('${code}', 256))`;
const tokensOf = async (person) => Number((await sql(`SELECT COUNT(*) FROM ide_token WHERE user_id = ${await userOf(person.email)}`))[0][0]);

function refused(answer, status, code, why) {
  assert.deepEqual([answer.status, answer.body?.code], [status, code], `${why}: ${answer.text}`);
}

// In OAuth's words: the text is the code.
function says(answer, code, why) {
  assert.deepEqual([answer.status, answer.body.error, answer.body.code], [400, code, code], `${why}: ${answer.text}`);
  assert.ok(answer.body.error_description.length > 10);
}

test("waits, is looked at, approved, and exchanged for a token once", async () => {
  const person = await signIn();
  const { code, login_url, expires_in, ...more } = await start({ client_info: { platform: "darwin-arm64", version: "2.0" } });
  assert.match(code, /^[A-Za-z0-9_-]{43}$/);
  assert.deepEqual([login_url, expires_in, more], [`${URL_BASE}/ide#code=${code}`, 300, {}]);
  assert.deepEqual(await sql(`SELECT state, (expires_at_us - created_at_us) DIV 1000000 FROM ide_login WHERE ${row(code)}`), [["pending", "300"]]);
  says(await ide("token", { code }), "authorization_pending", "not yet");
  const view = await as(person.token, "describe", { code });
  const { created_at, expires_at, ip, ...rest } = view.body;
  assert.deepEqual(rest, { status: "pending", client_info: { platform: "darwin-arm64", version: "2.0" }, same_address: false });
  assert.ok(Date.parse(expires_at) - Date.parse(created_at) === 300000 && ip.startsWith("127."));
  assert.deepEqual((await as(person.token, "approve", { code })).body, { ok: true, status: "approved" });
  const { status, body } = await ide("token", { code });
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body).sort(), ["expires_at", "ide_token", "user"]);
  assert.deepEqual(body.user, { id: person.user.id, email: person.email, tier: "free" });
  assert.equal((await whoIs(body.ide_token)).user, await userOf(person.email));
  says(await ide("token", { code }), "invalid_grant", "used");
  assert.equal((await whoIs(body.ide_token)).status, 201, "a second try ends nothing");
  assert.equal((await as(person.token, "describe", { code })).body.status, "approved");
  for (const verb of ["approve", "deny"]) refused(await as(person.token, verb, { code }), 409, "already_decided", verb);
  assert.deepEqual(await sql(`SELECT event, LEFT(detail, 3) FROM audit_event WHERE user_id = ${await userOf(person.email)}
    AND event IN ('device_approved', 'token_created') ORDER BY audit_event_id`), [["device_approved", "ide"], ["token_created", "dev"]]);
});

test("is denied, expires, or was never there", async () => {
  const person = await signIn(), { code } = await start();
  assert.deepEqual((await as(person.token, "deny", { code })).body, { ok: true, status: "denied" });
  says(await ide("token", { code }), "access_denied", "denied");
  refused(await as(person.token, "approve", { code }), 409, "already_decided", "denied");
  const late = await start();
  await as(person.token, "approve", { code: late.code });
  await sql(`UPDATE ide_login SET expires_at_us = UNIX_TIMESTAMP(NOW(6)) * 1000000 - 1 WHERE ${row(late.code)}`);
  says(await ide("token", { code: late.code }), "expired_token", "late");
  for (const verb of ["approve", "deny", "describe"]) refused(await as(person.token, verb, { code: late.code }), 404, "not_found", verb);
  for (const unknown of ["", "x", "A".repeat(43), "A".repeat(200)]) says(await ide("token", { code: unknown }), "invalid_grant", unknown);
  for (const body of [undefined, {}, { code: 7 }, { code: "x".repeat(201) }, { code, code_verifier: "x".repeat(129) }])
    refused(await ide("token", body), 400, "validation_failed", JSON.stringify(body));
  assert.equal(await tokensOf(person), 0);
});

describe("PKCE", () => {
  test("S256: only who has the verifier gets the token, and a wrong one spoils nothing", async () => {
    const person = await signIn(), code_verifier = randomPKCECodeVerifier();
    const { code } = await start({ code_challenge: await calculatePKCECodeChallenge(code_verifier), code_challenge_method: "S256" });
    says(await ide("token", { code }), "invalid_grant", "not even whether it was approved");
    await as(person.token, "approve", { code });
    for (const wrong of [undefined, "", "x", code_verifier.slice(1), createHash("sha256").update(code_verifier).digest("base64url"), randomBytes(32).toString("base64url")])
      says(await ide("token", { code, code_verifier: wrong }), "invalid_grant", `verifier ${wrong}`);
    assert.equal((await ide("token", { code, code_verifier })).status, 200);
    says(await ide("token", { code, code_verifier }), "invalid_grant", "used");
  });

  test("a verifier without a challenge is refused: somebody has taken the challenge away", async () => {
    const person = await signIn(), { code } = await start();
    await as(person.token, "approve", { code });
    says(await ide("token", { code, code_verifier: randomPKCECodeVerifier() }), "invalid_grant", "downgraded");
    assert.equal((await ide("token", { code })).status, 200);
  });

  test("other challenges are refused at the start", async () => {
    for (const body of [{ code_challenge: "x".repeat(42) }, { code_challenge: "x".repeat(44) }, { code_challenge: "+".repeat(43) }, { code_challenge: 7 },
      { code_challenge: "x".repeat(43), code_challenge_method: "plain" }])
      refused(await ide("start", body), 400, "validation_failed", JSON.stringify(body));
  });
});

describe("the way back", () => {
  test("this machine and the IDE's own scheme, nothing else", async () => {
    const person = await signIn();
    for (const redirect_uri of ["http://127.0.0.1:49152/cb?state=x", "http://localhost/", "http://[::1]:8080/cb", "hypex://auth"]) {
      const { code } = await start({ redirect_uri });
      assert.equal((await as(person.token, "describe", { code })).body.redirect_uri, redirect_uri);
      assert.deepEqual((await as(person.token, "approve", { code })).body, { ok: true, status: "approved", redirect_uri });
    }
    for (const redirect_uri of ["https://example.org/", "http://example.org/", "http://127.0.0.1@example.org/", "javascript://127.0.0.1/%0aalert(1)", "/cb",
      "//localhost/", "http://localhost.example.org/", "http://127.0.0.1/\r\nSet-Cookie: a=b", "data:text/html,x", "http://127.0.0.1/#x", "x".repeat(501)]) {
      const answer = await ide("start", { redirect_uri });
      refused(answer, 400, "validation_failed", redirect_uri);
      assert.equal(answer.body.details[0].path, "redirect_uri");
    }
  });

  test("hosts that the operator lists, over https", async () => {
    const port = Number(new URL(URL_BASE).port) + 48;
    const stack = await ownStack({ port, settings: (conf) => `${conf}\n[gateway]\nredirect_hosts = ide.example.org a.example.org:8443\nide_schemes =\n` });
    try {
      const status = async (redirect_uri) => (await new Visitor().post(`${stack.url}/v1/auth/ide/start`, { redirect_uri })).status;
      assert.equal(await status("https://ide.example.org/cb"), 200);
      assert.equal(await status("https://a.example.org:8443/"), 200);
      for (const uri of ["https://a.example.org/", "http://ide.example.org/", "https://x.ide.example.org/", "hypex://auth"]) assert.equal(await status(uri), 400, uri);
    } finally {
      await stack.down();
    }
  });
});

describe("who decides", () => {
  test("is a person: a session or a Supabase token, with the second factor proved", async () => {
    const person = await signIn(), token = await ideToken(person.email), { code } = await start();
    for (const verb of ["approve", "deny", "describe"]) {
      refused(await as(token, verb, { code }), 403, "forbidden", verb);
      isUnauthorized(await ide(verb, { code }), verb);
    }
    await sql(`UPDATE users SET mfa_since_us = UNIX_TIMESTAMP(NOW(6)) * 1000000 WHERE user_id = ${await userOf(person.email)}`);
    for (const verb of ["approve", "deny", "describe"]) refused(await as(person.token, verb, { code }), 403, "mfa_required", verb);
    const jwt = await mint(claims({ email: randomEmail("jwt"), email_verified: true }));
    assert.equal((await as(jwt, "approve", { code })).status, 200);
    assert.equal((await whoIs((await ide("token", { code })).body.ide_token)).user, (await whoIs(jwt)).user);
  });

  test("ten wrong codes, together with those of devices", async () => {
    const person = await signIn(), { code } = await start();
    for (let i = 0; i < 5; i++) refused(await as(person.token, "describe", { code: `x${i}` }), 404, "not_found", "wrong");
    for (let i = 0; i < 5; i++) refused(await new Visitor(person).get("/v1/auth/device/ZZZZZZZZ"), 404, "not_found", "wrong");
    for (const verb of ["approve", "deny", "describe"]) refused(await as(person.token, verb, { code }), 429, "rate_limited", verb);
    says(await ide("token", { code }), "authorization_pending", "nothing was decided");
  });
});

describe("between the steps and at the same time", () => {
  test("a suspended or deleted account gets no token (F-39)", async () => {
    const suspended = await signIn(), deleted = await signIn(), a = await start(), b = await start();
    await as(suspended.token, "approve", a);
    await as(deleted.token, "approve", b);
    await turnpike(["user", "suspend", suspended.email]);
    says(await ide("token", { code: a.code }), "access_denied", "suspended");
    assert.equal((await deleted.delete("/v1/account", { confirmEmail: deleted.email })).status, 200);
    says(await ide("token", { code: b.code }), "invalid_grant", "deleted");
    assert.equal(await tokensOf(suspended), 0);
  });

  test("fifty exchanges give one token (F-40), and one decision of many counts", async () => {
    const person = await signIn(), { code } = await start();
    const decisions = await Promise.all(Array.from({ length: 16 }, (_, i) => as(person.token, i % 2 ? "approve" : "deny", { code })));
    assert.equal(decisions.filter((a) => a.status === 200).length, 1);
    for (const answer of decisions.filter((a) => a.status !== 200)) refused(answer, 409, "already_decided", "too late");
    const other = await start();
    await as(person.token, "approve", { code: other.code });
    const answers = await Promise.all(Array.from({ length: 50 }, () => ide("token", { code: other.code })));
    assert.equal(answers.filter((a) => a.status === 200).length, 1);
    for (const answer of answers.filter((a) => a.status !== 200)) says(answer, "invalid_grant", "used");
    assert.equal(await tokensOf(person), 1);
  });
});

test("twenty calls a minute from one address, with those of devices", async () => {
  const visitor = new Visitor();
  for (let i = 1; i <= 20; i++) {
    const { headers } = await visitor.post(i % 2 ? "/v1/auth/ide/start" : "/v1/auth/device/start");
    assert.deepEqual([headers["ratelimit-limit"], headers["ratelimit-remaining"]], ["20", String(20 - i)]);
  }
  for (const verb of ["start", "token", "approve", "deny", "describe"])
    refused(await visitor.post(`/v1/auth/ide/${verb}`, { code: "x" }), 429, "rate_limited", verb);
});
