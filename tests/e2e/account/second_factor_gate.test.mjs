// While the second factor is pending: every route with every kind of credential (F-37), and the ways in that have to wait
// for it, up to the IDE's.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { before, describe, test } from "node:test";
import { STATE, URL_BASE, Visitor, mailTo, request, sql, turnpike } from "../support.mjs";
import { exchange, freshCode } from "../signing.mjs";
import { claims, ideToken, mint } from "../gateway/support.mjs";
import { Browser, PASSWORD, ageSignIn, browserOf, codeAt, deviceOf, enrol, person } from "./factor.mjs";

// What a pending credential is let through to.
const EXEMPT = ["GET /api/auth/session", "POST /api/auth/session", "POST /api/auth/signout", "POST /api/account/2fa/verify"];

// Rows of `turnpike routes` that ask for a credential, with something in their parameters.
async function routes() {
  const { stdout } = await turnpike(["routes"]);
  const { paths } = JSON.parse(fs.readFileSync(path.join(STATE, "openapi.json"), "utf8"));
  return stdout.trim().split("\n").map((line) => line.split("\t"))
    .map(([family, method, template]) => ({ family, method, template, security: paths[template]?.[method.toLowerCase()]?.security }))
    .filter(({ security }) => security?.length > 0)
    .map((route) => ({ ...route, name: `${route.method} ${route.template}`, url: route.template.replace(/\{[^}]+\}/g, "x") }));
}

const ask = (route, send) => send(route.method, route.url, route.method === "GET" ? {} : { body: {} });
// Whether the route's family knows nothing of this kind of credential.
const isForeign = (kind, { family }) => (kind.includes("cookie") ? family !== "account" : kind.includes("API key") ? family !== "anthropic"
  : !kind.includes("session token") && family === "account");
const tells = (answer) => /"mfa_required"|"Prove the second factor/.test(answer.text);

describe("a credential whose second factor is pending", () => {
  let who, secret, all, kinds;
  before(async () => {
    who = await person();
    const early = { device: await deviceOf(who), ide: await ideToken(who.email), browser: await browserOf(who) };
    const token = await mint(claims({ email: who.email, app_metadata: { email_verified: true }, aal: "aal1" }));
    assert.equal((await new Visitor({ token }).get("/v1/account/me")).body?.email ?? who.email, who.email);
    ({ secret } = await enrol(who, await browserOf(who)));
    all = await routes();
    const by = (headers) => (method, url, options) => new Visitor().send(method, url, { headers, ...options });
    const cookies = (browser) => ({ Cookie: [...browser.jar].map(([name, value]) => `${name}=${value}`).join("; ") });
    kinds = {
      "the cookie of before": by(cookies(early.browser)),
      "the cookie of a new sign-in": by(cookies(await browserOf(who))),
      "the session token of before": by({ Authorization: `Bearer ${early.device.token}` }),
      "the session token of a new sign-in": by({ Authorization: `Bearer ${(await deviceOf(who)).token}` }),
      "the IDE's token of before": by({ Authorization: `Bearer ${early.ide}` }),
      "the IDE's token as an API key": by({ "x-api-key": early.ide }),
      "a JWT of aal1": by({ Authorization: `Bearer ${token}` }),
    };
  });

  for (const kind of ["the cookie of before", "the cookie of a new sign-in", "the session token of before", "the session token of a new sign-in",
    "the IDE's token of before", "the IDE's token as an API key", "a JWT of aal1"])
    test(`${kind}: no route that asks for one lets it in`, async () => {
      let refusedFor = 0;
      assert.ok(all.length > 30);
      for (const route of all) {
        if (EXEMPT.includes(route.name)) continue;
        const answer = await ask(route, kinds[kind]);
        if (tells(answer)) refusedFor++;
        if (tells(answer)) assert.equal(answer.status, 403, `${route.name}: ${answer.text}`);
        // Of an IDE's token, where a person is asked for.
        else if (answer.status === 403) assert.match(answer.text, /An IDE token may not do this/, route.name);
        // Not a credential there: nobody, where the route lets in nobody as well.
        else if (answer.status !== 401) assert.ok(isForeign(kind, route) && route.security.some((s) => Object.keys(s).length === 0), `${route.name}: ${answer.status} ${answer.text}`);
        for (const told of [who.email, "topup_balance", '"display_name"']) assert.ok(!answer.text.includes(told), `${route.name} tells ${told}`);
      }
      assert.ok(refusedFor >= (kind.includes("API key") ? 2 : kind.includes("cookie") ? 3 : 10), `${refusedFor} routes said why`);
    });

  test("the same session is asked nowhere once it has proved it", async () => {
    const device = await deviceOf(who);
    assert.equal((await device.post("/api/account/2fa/verify", { code: codeAt(secret) })).status, 200);
    for (const route of all.filter(({ name }) => !/DELETE|auth|2fa|delete/.test(name))) {
      const answer = await ask(route, (method, url, options) => new Visitor({ token: device.token }).send(method, url, options));
      assert.ok(!tells(answer), `${route.name}: ${answer.text}`);
    }
    assert.equal((await device.get("/api/account/me")).status, 200);
  });

  test("a JWT of aal2 has proved it at the project", async () => {
    const token = await mint(claims({ email: who.email, app_metadata: { email_verified: true }, aal: "aal2" }));
    const answer = await new Visitor({ token }).get("/v1/account/me");
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.email, who.email);
  });

  test("signing out is open to it", async () => {
    const device = await deviceOf(who), browser = await browserOf(who);
    assert.equal((await device.post("/api/auth/signout")).status, 200);
    assert.equal((await device.get("/api/account/me")).status, 401);
    const { body: { csrfToken } } = await browser.get("/api/auth/csrf");
    const answer = await browser.post("/api/auth/signout", { csrfToken });
    assert.equal(answer.status, 302);
    assert.ok(!answer.headers.location.includes("MissingCSRF"));
    assert.ok(!browser.jar.has("authjs.session-token"));
  });
});

const pkce = () => {
  const verifier = randomBytes(32).toString("base64url");
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
};
const handoffIn = (address) => /^hypex:\/\/auth\?handoff=([\w-]{43})$/.exec(address)[1];
const prove = (token, secret) => new Visitor({ token }).post("/api/account/2fa/verify", { code: codeAt(secret) });

// The mail about the second factor comes first, so that it is not taken for the code's.
const codeFor = async ({ email }, more) => {
  await mailTo(email);
  return freshCode(email, more);
};

// The page's part from a pending session token on; resolves to the hand-off for the IDE.
async function toTheIde(token, secret, challenge) {
  const page = new Visitor({ token });
  const early = await page.post("/api/auth/handoff", { challenge });
  assert.equal(early.status, 403);
  assert.equal(early.body.error, "mfa_required");
  assert.equal((await prove(token, secret)).status, 200);
  const { status, body, text } = await page.post("/api/auth/handoff", { challenge });
  assert.equal(status, 200, text);
  assert.equal(body.expires_in, 60);
  return handoffIn(body.redirect);
}

async function isWhole(answer, who) {
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(Object.keys(answer.body), ["token", "expires_at", "user"]);
  assert.equal(answer.body.user.id, who.user);
  assert.equal((await new Visitor({ token: answer.body.token }).get("/api/account/me")).status, 200);
}

test("a code signs in half: the answer tells nothing of the account", async () => {
  const who = await person(), { secret } = await enrol(who, await browserOf(who));
  const answer = await new Visitor().post("/api/auth/verify", { email: who.email, code: await codeFor(who) });
  assert.deepEqual(Object.keys(answer.body), ["token", "expires_at", "mfa_required"]);
  assert.equal(answer.body.mfa_required, true);
  assert.equal((await prove(answer.body.token, secret)).status, 200);
  assert.equal((await new Visitor({ token: answer.body.token }).get("/api/account/me")).body.id, who.user);
});

test("a code for the IDE: the browser proves it, then hands over", async () => {
  const who = await person(), { secret } = await enrol(who, await browserOf(who)), { verifier, challenge } = pkce();
  const code = await codeFor(who, { from: "ide", challenge });
  const answer = await new Visitor().post("/api/auth/verify", { email: who.email, code });
  assert.deepEqual(Object.keys(answer.body), ["token", "expires_at", "mfa_required", "challenge"]);
  assert.equal(answer.body.challenge, challenge);
  const handoff = await toTheIde(answer.body.token, secret, answer.body.challenge);
  assert.equal((await exchange(handoff, { verifier: challenge })).status, 400, "the IDE's challenge holds, and a wrong one spends it");
  const again = await new Visitor({ token: answer.body.token }).post("/api/auth/handoff", { challenge });
  await isWhole(await exchange(handoffIn(again.body.redirect), { verifier }), who);
});

test("a password for the IDE: the same way", async () => {
  const who = await person(), { secret } = await enrol(who, await browserOf(who)), { verifier, challenge } = pkce();
  const answer = await new Visitor().post("/api/auth/password", { email: who.email, password: PASSWORD, from: "ide", challenge });
  assert.deepEqual(Object.keys(answer.body), ["token", "expires_at", "mfa_required", "challenge"]);
  await isWhole(await exchange(await toTheIde(answer.body.token, secret, answer.body.challenge), { verifier }), who);
});

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

// Back from the provider, as its consent page sends the browser.
async function oauth(email, query) {
  const browser = new Visitor();
  const started = await browser.get(`/api/auth/oauth/github/start${query}`);
  const page = await request("GET", started.headers.location, { check: false });
  const hidden = Object.fromEntries([...page.text.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
  const body = new URLSearchParams({ ...hidden, email, verified: "yes", decision: "allow" }).toString();
  const back = new URL((await request("POST", "/sandbox/oauth/consent", { check: false, headers: FORM, body })).headers.location);
  const answer = await browser.get(back.pathname + back.search, { headers: { Cookie: started.headers["set-cookie"][0].split(";")[0] } });
  assert.equal(answer.status, 302, answer.text);
  return new URL(answer.headers.location, URL_BASE);
}

test("OAuth for the IDE: the hand-off is for the browser first", async () => {
  const who = await person(), { verifier, challenge } = pkce();
  const plain = await oauth(who.email, `?from=ide&challenge=${challenge}`);
  assert.equal(plain.pathname + plain.search, "/signin?from=ide", "without a second factor as ever");
  await isWhole(await exchange(plain.hash.slice("#handoff=".length), { verifier }), who);

  const { secret } = await enrol(who, await browserOf(who)), back = await oauth(who.email, `?from=ide&challenge=${challenge}`);
  assert.deepEqual([...back.searchParams], [["mfa", "required"], ["from", "ide"], ["challenge", challenge]]);
  const half = await exchange(back.hash.slice("#handoff=".length));
  assert.deepEqual(Object.keys(half.body), ["token", "expires_at", "mfa_required"]);
  const handoff = await toTheIde(half.body.token, secret, back.searchParams.get("challenge"));
  await isWhole(await exchange(handoff, { verifier }), who);
});

test("OAuth for the page: the session is pending", async () => {
  const who = await person(), { secret } = await enrol(who, await browserOf(who)), { verifier, challenge } = pkce();
  const back = await oauth(who.email, `?from=web&challenge=${challenge}`);
  assert.equal(back.pathname + back.search, "/signin");
  const half = await exchange(back.hash.slice("#handoff=".length), { verifier });
  assert.deepEqual(Object.keys(half.body), ["token", "expires_at", "mfa_required"]);
  assert.equal((await prove(half.body.token, secret)).status, 200);
});

test("a hand-off is made by a young session that is still there, and is worth what that is when it is used", async () => {
  const who = await person(), device = await deviceOf(who), { challenge, verifier } = pkce();
  for (const wrong of ["short", "!".repeat(43)]) assert.equal((await device.post("/api/auth/handoff", { challenge: wrong })).status, 400);
  const made = await device.post("/api/auth/handoff", { challenge });
  assert.equal(made.status, 200, made.text);
  const { secret } = await enrol(who, await browserOf(who));
  const late = await exchange(handoffIn(made.body.redirect), { verifier });
  assert.equal(late.body.mfa_required, true, "the second factor came in between (F-39)");
  assert.equal((await prove(device.token, secret)).status, 200);
  const gone = await new Visitor({ token: device.token }).post("/api/auth/handoff", {});
  assert.equal((await device.post("/api/auth/signout")).status, 200);
  assert.equal((await exchange(handoffIn(gone.body.redirect))).status, 400, "it went with its session (F-39)");

  const old = await deviceOf(await person());
  await sql(`UPDATE session SET created_at_us = created_at_us - 601000000 WHERE token_hash = X'${createHash("sha256").update(old.token.slice(8)).digest("hex")}'`);
  const tooOld = await old.post("/api/auth/handoff", {});
  assert.equal(tooOld.status, 403);
  assert.equal(tooOld.body.error, "reauth_required");
  assert.equal((await new Visitor().post("/api/auth/handoff", {})).status, 401);
});

test("a hand-off makes a sign-in no younger", async () => {
  const who = await person(), device = await deviceOf(who);
  await ageSignIn(who, 590);
  const made = await device.post("/api/auth/handoff", {});
  assert.equal(made.status, 200, made.text);
  const { status, body } = await exchange(handoffIn(made.body.redirect));
  assert.equal(status, 200);
  await ageSignIn(who, 20);
  const next = await new Visitor({ token: body.token }).post("/api/auth/handoff", {});
  assert.deepEqual([next.status, next.body.error], [403, "reauth_required"]);
});

test("the browser's cookie is nothing to the other families", async () => {
  const browser = await browserOf(await person());
  for (const url of ["/api/account/me", "/v1/account/me"]) assert.equal((await browser.get(url)).status, 401, url);
  const bearer = new Browser({ token: browser.jar.get("authjs.session-token") });
  assert.equal((await bearer.get("/api/account/2fa/setup")).status, 401, "nor is its value a token");
});
