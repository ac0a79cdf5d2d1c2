// Device logins (gateway.md section 7): the gateway's own shape, the same for OAuth clients (RFC 8628), who may decide, and
// what ends a login on its way.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import * as oauth from "openid-client";
import { STATE, URL_BASE, Visitor, mailTo, newestMail, randomEmail, signIn, sql, turnpike } from "../support.mjs";
import { claims, ideToken, isUnauthorized, mint, userOf, whoIs } from "./support.mjs";

const run = promisify(execFile);
const CODE = /^[A-HJ-NP-Z]{4}-[A-HJ-NP-Z]{4}$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const GRANT = "urn:ietf:params:oauth:grant-type:device_code";

// Every call comes from another address, since few are let through from one.
const device = (verb, body, options) => new Visitor(options).post(`/v1/auth/device/${verb}`, body, options);
const as = (token, verb, body) => device(verb, body, { token });
const look = (token, code) => new Visitor({ token }).get(`/v1/auth/device/${encodeURIComponent(code)}`);

async function start(client_info = { platform: "linux-x64", version: "1.2.3" }) {
  const { status, body, text } = await device("start", { client_info });
  assert.equal(status, 200, text);
  return body;
}

async function poll(device_code) {
  const { status, body, text } = await device("poll", { device_code });
  assert.equal(status, 200, text);
  return body;
}

const row = (login) => `device_hash = UNHEX(SHA2('${login.device_code}', 256))`;
const change = (login, what) => sql(`UPDATE device_login SET ${what} WHERE ${row(login)}`);
const tokensOf = async (person) => Number((await sql(`SELECT COUNT(*) FROM ide_token WHERE user_id = ${await userOf(person.email)}`))[0][0]);
const events = async (person) => (await sql(`SELECT event, COALESCE(detail, '') FROM audit_event
  WHERE user_id = ${await userOf(person.email)} AND event IN ('device_approved', 'device_denied', 'token_created', 'signed_out')
  ORDER BY audit_event_id`)).map((r) => r.filter((text) => text !== "").join(" ").replace(/dev_\w+/, "dev_"));

function refused(answer, status, code, why) {
  assert.deepEqual([answer.status, answer.body?.code], [status, code], `${why}: ${answer.text}`);
}

describe("starting", () => {
  test("gives a code for the device and one for its owner, and keeps only the hash of the first", async () => {
    const login = await start();
    assert.match(login.device_code, /^[A-Za-z0-9_-]{43}$/);
    assert.match(login.user_code, CODE);
    assert.deepEqual([login.verification_uri, login.expires_in, login.interval], [`${URL_BASE}/device`, 600, 2]);
    assert.equal(login.verification_uri_complete, `${URL_BASE}/device?user_code=${login.user_code}`);
    const [[state, platform, version, lasts, code]] = await sql(`SELECT state, platform, version,
      (expires_at_us - created_at_us) DIV 1000000, user_code FROM device_login WHERE ${row(login)}`);
    assert.deepEqual([state, platform, version, lasts, code], ["pending", "linux-x64", "1.2.3", "600", login.user_code.replace("-", "")]);
  });

  test("needs nothing, takes a form, and takes no text that misleads", async () => {
    for (const body of [undefined, {}, { client_info: {} }, { client_info: null }, { more: 1 }, { client_info: { platform: "  " } }]) {
      const { status, body: answer } = await device("start", body);
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual(await sql(`SELECT platform, version FROM device_login WHERE ${row(answer)}`), [["NULL", "NULL"]]);
    }
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    const form = await device("start", "client_id=my+cli&scope=openid", { headers });
    assert.equal(form.status, 200);
    assert.deepEqual(await sql(`SELECT platform FROM device_login WHERE ${row(form.body)}`), [["my cli"]]);
    for (const client_info of [{ platform: "a\nb" }, { version: "\u202egnp.exe" }, { platform: "x".repeat(65) }, { platform: 7 }, "linux", []])
      refused(await device("start", { client_info }), 400, "validation_failed", JSON.stringify(client_info));
    refused(await device("start", "client_info=x", { headers }), 400, "validation_failed", "an object in a form");
    const named = await device("start", { client_info: { platform: "a\u0001b", version: "\u2066" } });
    assert.deepEqual(named.body.details.map((d) => d.path), ["client_info.platform", "client_info.version"]);
  });
});

describe("a login", () => {
  test("waits, is looked at, approved in any spelling, and gives a token that works", async () => {
    const person = await signIn(), login = await start();
    assert.deepEqual(await poll(login.device_code), { status: "pending", interval: 2 });
    const view = await look(person.token, login.user_code);
    assert.equal(view.status, 200);
    const { created_at, expires_at, ip, ...rest } = view.body;
    assert.deepEqual(rest, { status: "pending", client_info: { platform: "linux-x64", version: "1.2.3" }, same_address: false });
    assert.match(created_at, ISO);
    assert.equal(Date.parse(expires_at) - Date.parse(created_at), 600000);
    assert.match(ip, /^127\./, "where it is");
    const beside = await new Visitor({ token: person.token, address: ip }).get(`/v1/auth/device/${login.user_code}`);
    assert.equal(beside.body.same_address, true);

    const typed = ` ${login.user_code.toLowerCase().replace("-", " . ")}7 `;
    const approved = await as(person.token, "approve", { user_code: typed });
    assert.deepEqual([approved.status, approved.body], [200, { ok: true, status: "approved" }]);
    assert.equal(await tokensOf(person), 0, "made when it is picked up");
    const { status, ide_token, expires_at: until, user, ...more } = await poll(login.device_code);
    assert.deepEqual([status, more], ["approved", {}]);
    assert.match(ide_token, /^cgx_[A-Za-z0-9_-]{43}$/);
    assert.ok(Math.abs(Date.parse(until) - Date.now() - 90 * 86400e3) < 60e3);
    assert.deepEqual(user, { id: person.user.id, email: person.email, tier: "free" });
    assert.equal((await whoIs(ide_token)).user, await userOf(person.email));
    assert.deepEqual(await sql(`SELECT name FROM ide_token WHERE user_id = ${await userOf(person.email)}`), [["linux-x64 1.2.3"]]);
    assert.deepEqual(await events(person), ["device_approved device", "token_created dev_"]);
    assert.equal((await look(person.token, login.user_code)).body.status, "approved");
  });

  test("is repeated once when the answer was lost: the former token ends", async () => {
    const person = await signIn(), login = await start();
    await as(person.token, "approve", login);
    const first = await poll(login.device_code), second = await poll(login.device_code), third = await poll(login.device_code);
    assert.deepEqual([first.status, second.status, third], ["approved", "approved", { status: "expired" }]);
    assert.notEqual(first.ide_token, second.ide_token);
    isUnauthorized(await whoIs(first.ide_token), "replaced");
    assert.equal((await whoIs(second.ide_token)).status, 201);

    const late = await start();
    await as(person.token, "approve", late);
    const { ide_token } = await poll(late.device_code);
    await change(late, "consumed_at_us = consumed_at_us - 30100000");
    assert.deepEqual(await poll(late.device_code), { status: "expired" });
    assert.equal((await whoIs(ide_token)).status, 201, "and stays when it is too late");
  });

  test("is denied, and stays so", async () => {
    const person = await signIn(), other = await signIn(), login = await start();
    const denied = await as(person.token, "deny", login);
    assert.deepEqual([denied.status, denied.body], [200, { ok: true, status: "denied" }]);
    for (const verb of ["approve", "deny"])
      for (const { token } of [person, other]) refused(await as(token, verb, login), 409, "already_decided", verb);
    assert.deepEqual([await poll(login.device_code), await poll(login.device_code)], [{ status: "denied" }, { status: "denied" }]);
    assert.deepEqual([await events(person), await tokensOf(person)], [["device_denied device"], 0]);
  });

  test("expires, whatever was decided", async () => {
    const person = await signIn();
    for (const decided of [false, true]) {
      const login = await start();
      if (decided) await as(person.token, "approve", login);
      await change(login, "expires_at_us = UNIX_TIMESTAMP(NOW(6)) * 1000000 - 1");
      assert.deepEqual(await poll(login.device_code), { status: "expired" });
      for (const verb of ["approve", "deny"]) refused(await as(person.token, verb, login), 404, "not_found", verb);
      refused(await look(person.token, login.user_code), 404, "not_found", "a look");
    }
    for (const code of ["x", "A".repeat(43), "", "ä".repeat(43)]) assert.deepEqual(await poll(code), { status: "expired" }, code);
    for (const body of [undefined, {}, { device_code: null }, { device_code: 7 }, { device_code: "x".repeat(201) }])
      refused(await device("poll", body), 400, "validation_failed", JSON.stringify(body));
  });

  test("that is polled too fast, twice in a row, is slowed down; a fifth too early is fine", async () => {
    const login = await start();
    const ago = (ms) => change(login, `polled_at_us = polled_at_us - ${ms * 1000}`);
    const says = async (expected, why) => assert.deepEqual(await poll(login.device_code), expected, why);
    await says({ status: "pending", interval: 2 }, "the first");
    await says({ status: "pending", interval: 2 }, "too fast once");
    await ago(1600);
    await says({ status: "pending", interval: 2 }, "in time: it starts anew");
    await says({ status: "pending", interval: 2 }, "too fast once");
    await says({ status: "slow_down", interval: 7 }, "twice");
    await ago(2000);
    await says({ status: "pending", interval: 7 }, "too fast for the new interval, once");
    await says({ status: "slow_down", interval: 12 }, "twice");
    await ago(9600);
    await says({ status: "pending", interval: 12 }, "in time");
    const person = await signIn();
    await as(person.token, "approve", login);
    assert.equal((await poll(login.device_code)).status, "approved", "haste does not keep the answer away");
  });

  test("by curl alone", async () => {
    const person = await signIn();
    const curl = async (...args) => JSON.parse((await run("curl", ["-sS", "--interface", new Visitor().address, ...args])).stdout);
    const login = await curl(`${URL_BASE}/v1/auth/device/start`, "-X", "POST");
    const ask = () => curl(`${URL_BASE}/v1/auth/device/poll`, "--json", JSON.stringify({ device_code: login.device_code }));
    assert.equal((await ask()).status, "pending");
    const approved = await curl(`${URL_BASE}/v1/auth/device/approve`, "--oauth2-bearer", person.token, "--json", `{"user_code":"${login.user_code}"}`);
    assert.equal(approved.ok, true);
    const { ide_token } = await ask();
    assert.equal((await curl(`${URL_BASE}/v1/account/me`, "--oauth2-bearer", ide_token)).email, person.email);
    assert.deepEqual(await curl(`${URL_BASE}/v1/auth/device/revoke`, "--oauth2-bearer", ide_token, "-X", "POST"), { ok: true });
    assert.equal((await curl(`${URL_BASE}/v1/account/me`, "--oauth2-bearer", ide_token)).code, "unauthorized");
  });
});

describe("OAuth clients", () => {
  const config = () => {
    const c = new oauth.Configuration({
      issuer: URL_BASE,
      device_authorization_endpoint: `${URL_BASE}/v1/auth/device/start`,
      token_endpoint: `${URL_BASE}/v1/auth/device/token`,
    }, "my-cli", undefined, oauth.None());
    oauth.allowInsecureRequests(c); // the stack is on this machine
    return c;
  };

  test("openid-client drives the device grant to its end", async () => {
    const person = await signIn(), client = config();
    const login = await oauth.initiateDeviceAuthorization(client, {});
    assert.match(login.user_code, CODE);
    const polling = oauth.pollDeviceAuthorizationGrant(client, login);
    assert.deepEqual((await look(person.token, login.user_code)).body.client_info, { platform: "my-cli" });
    assert.equal((await as(person.token, "approve", login)).status, 200);
    const tokens = await polling;
    assert.deepEqual([tokens.token_type, tokens.expires_in], ["bearer", 90 * 86400]);
    assert.equal((await whoIs(tokens.access_token)).user, await userOf(person.email));
  });

  test("openid-client is told that somebody said no", async () => {
    const person = await signIn(), client = config();
    const login = await oauth.initiateDeviceAuthorization(client, {});
    assert.equal((await as(person.token, "deny", login)).status, 200);
    await assert.rejects(oauth.pollDeviceAuthorizationGrant(client, login), (error) => error.error === "access_denied" && error.status === 400);
  });

  test("each way to fail has its word (RFC 8628 section 3.5, RFC 6749 section 5.2)", async () => {
    const person = await signIn(), headers = { "Content-Type": "application/x-www-form-urlencoded" };
    const token = (fields) => device("token", new URLSearchParams(fields).toString(), { headers });
    const grant = (login) => token({ grant_type: GRANT, device_code: login.device_code, client_id: "x" });
    const says = (answer, error) => {
      assert.deepEqual([answer.status, answer.body.error, answer.body.code], [400, error, error], answer.text);
      assert.equal(answer.headers["cache-control"], "no-store");
    };
    const login = await start();
    says(await grant(login), "authorization_pending");
    assert.ok((await grant(login)).body.error_description.length > 10);
    says(await grant(login), "slow_down");
    await as(person.token, "approve", login);
    const first = await grant(login), second = await grant(login);
    assert.deepEqual([first.status, second.status], [200, 200]);
    assert.deepEqual(Object.keys(first.body).sort(), ["access_token", "expires_in", "token_type"]);
    isUnauthorized(await whoIs(first.body.access_token), "replaced");
    says(await grant(login), "expired_token");
    const other = await start();
    await as(person.token, "deny", other);
    says(await grant(other), "access_denied");
    says(await token({ grant_type: "password", device_code: "x" }), "unsupported_grant_type");
    says(await token({ grant_type: GRANT }), "invalid_request");
    says(await token({ device_code: "x" }), "invalid_request");
    says(await token({ grant_type: GRANT, device_code: "x" }), "expired_token");
    says(await device("token", { grant_type: GRANT, device_code: "x" }), "expired_token"); // as JSON, too
  });
});

describe("who decides", () => {
  test("is a person: a session or a Supabase token, no IDE token, nobody unknown", async () => {
    const person = await signIn(), login = await start(), ide = await ideToken(person.email);
    for (const verb of ["approve", "deny"]) {
      refused(await as(ide, verb, login), 403, "forbidden", verb);
      isUnauthorized(await device(verb, login), verb);
    }
    refused(await look(ide, login.user_code), 403, "forbidden", "a look");
    assert.equal((await poll(login.device_code)).status, "pending");
    const jwt = await mint(claims({ email: randomEmail("jwt"), email_verified: true }));
    assert.equal((await as(jwt, "approve", login)).status, 200);
    const { ide_token } = await poll(login.device_code);
    assert.equal((await whoIs(ide_token)).user, (await whoIs(jwt)).user);
  });

  test("has proved the second factor; the token then counts as proved, until it is asked for anew", async () => {
    const person = await signIn(), user = await userOf(person.email), login = await start();
    await sql(`UPDATE users SET mfa_since_us = UNIX_TIMESTAMP(NOW(6)) * 1000000 WHERE user_id = ${user}`);
    for (const verb of ["approve", "deny"]) refused(await as(person.token, verb, login), 403, "mfa_required", verb);
    refused(await look(person.token, login.user_code), 403, "mfa_required", "a look");
    await sql(`UPDATE session SET mfa_at_us = UNIX_TIMESTAMP(NOW(6)) * 1000000 WHERE user_id = ${user}`);
    assert.equal((await as(person.token, "approve", login)).status, 200);
    const { ide_token } = await poll(login.device_code);
    assert.equal((await new Visitor({ token: ide_token }).get("/v1/account/me")).status, 200);
    await sql(`UPDATE users SET mfa_since_us = UNIX_TIMESTAMP(NOW(6)) * 1000000 + 1 WHERE user_id = ${user}`);
    refused(await new Visitor({ token: ide_token }).get("/v1/account/me"), 403, "mfa_required", "turned off and on");
  });

  test("without a second factor gives a token that is pending once there is one", async () => {
    const person = await signIn(), user = await userOf(person.email), login = await start();
    await as(person.token, "approve", login);
    await sql(`UPDATE users SET mfa_since_us = UNIX_TIMESTAMP(NOW(6)) * 1000000 WHERE user_id = ${user}`);
    const { status, ide_token } = await poll(login.device_code);
    assert.equal(status, "approved");
    refused(await new Visitor({ token: ide_token }).get("/v1/account/me"), 403, "mfa_required", "turned on in between");
  });
});

describe("what ends a login between its steps (F-39)", () => {
  const steps = {
    "the account is suspended": (person) => turnpike(["user", "suspend", person.email]),
    "the account is deleted": (person) => person.delete("/v1/account", { confirmEmail: person.email }),
  };
  steps["the password is set anew"] = async (person) => {
    const newerThan = await newestMail(person.email);
    assert.equal((await new Visitor().post("/api/account/forgot-password", { email: person.email })).status, 200);
    const [, token] = (await mailTo(person.email, { newerThan })).text.match(/\/reset\/([\w-]+)/);
    assert.equal((await new Visitor().post("/api/account/reset-password", { token, password: "seven wild geese over Skagen" })).status, 200);
  };
  const outcome = ["denied", "expired", "expired"];
  for (const [i, [name, end]] of Object.entries(steps).entries())
    test(`${name} after the approval`, async () => {
      const person = await signIn(), login = await start(), user = await userOf(person.email);
      await as(person.token, "approve", login);
      await end(person);
      assert.deepEqual(await poll(login.device_code), { status: outcome[i] });
      assert.deepEqual(await sql(`SELECT COUNT(*) FROM ide_token WHERE user_id = ${user}`), [["0"]]);
    });

  test("the account is suspended, or the session ends, before the approval", async () => {
    const person = await signIn(), login = await start(), other = await signIn();
    await turnpike(["user", "suspend", person.email]);
    refused(await as(person.token, "approve", login), 403, "forbidden", "suspended");
    await other.post("/api/auth/signout");
    isUnauthorized(await as(other.token, "approve", login), "signed out");
    assert.equal((await poll(login.device_code)).status, "pending");
  });

  test("the token is revoked, or the account suspended, before the answer is asked for again", async () => {
    const person = await signIn();
    for (const end of [
      ({ ide_token }) => device("revoke", { ide_token }),
      async () => person.delete(`/api/account/credentials/${(await person.get("/api/account/credentials")).body.credentials.find((c) => c.kind === "ide").id}`),
    ]) {
      const login = await start();
      await as(person.token, "approve", login);
      assert.equal((await end(await poll(login.device_code))).status, 200);
      assert.deepEqual(await poll(login.device_code), { status: "expired" });
    }
    const login = await start();
    await as(person.token, "approve", login);
    await poll(login.device_code);
    await turnpike(["user", "suspend", person.email]);
    assert.deepEqual(await poll(login.device_code), { status: "denied" });
    assert.equal(await tokensOf(person), 1, "of no use while it lasts");
  });
});

describe("at the same time", () => {
  test("fifty polls leave one token (F-40)", async () => {
    const person = await signIn(), login = await start();
    await as(person.token, "approve", login);
    const answers = await Promise.all(Array.from({ length: 50 }, () => poll(login.device_code)));
    const approved = answers.filter((a) => a.status === "approved");
    assert.equal(approved.length, 2, "and its one repetition");
    assert.ok(answers.every((a) => ["approved", "expired"].includes(a.status)));
    assert.equal(await tokensOf(person), 1);
    const works = await Promise.all(approved.map(async (a) => (await whoIs(a.ide_token)).status));
    assert.deepEqual(works.sort(), [201, 401]);
  });

  test("of many decisions, one counts", async () => {
    const people = await Promise.all(Array.from({ length: 4 }, () => signIn()));
    const login = await start();
    const answers = await Promise.all(Array.from({ length: 24 }, (_, i) =>
      as(people[i % 4].token, i % 3 === 0 ? "deny" : "approve", login).then((answer) => ({ ...answer, person: people[i % 4] }))));
    const won = answers.filter((a) => a.status === 200);
    assert.equal(won.length, 1);
    for (const answer of answers.filter((a) => a.status !== 200)) refused(answer, 409, "already_decided", "too late");
    const { status, user } = await poll(login.device_code);
    assert.equal(status, won[0].body.status);
    if (status === "approved") assert.equal(user.email, won[0].person.email);
  });
});

describe("limits", () => {
  const wrong = (i) => `ZZZZ-Z${"ABCDEFGHJKLMNPQRSTUVWXYZ"[i % 24]}ZZ`;

  test("ten wrong codes in ten minutes for each person, from wherever they come (F-46)", async () => {
    const person = await signIn(), login = await start();
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => i % 4 === 0 ? look(person.token, wrong(i))
      : as(person.token, i % 2 ? "approve" : "deny", { user_code: i % 3 ? wrong(i) : "1234" })));
    assert.deepEqual([404, 429].map((s) => answers.filter((a) => a.status === s).length), [10, 30]);
    const right = await as(person.token, "approve", login);
    refused(right, 429, "rate_limited", "a right one does not tell by then");
    assert.match(right.headers["retry-after"], /^[1-9]\d*$/);
    assert.equal((await poll(login.device_code)).status, "pending");
    assert.equal((await as((await signIn()).token, "approve", login)).status, 200, "others are not touched");
  });

  test("right codes are not counted, decided or not", async () => {
    const person = await signIn(), login = await start();
    for (let i = 0; i < 9; i++) refused(await as(person.token, "approve", { user_code: wrong(i) }), 404, "not_found", `wrong ${i}`);
    for (let i = 0; i < 12; i++) assert.equal((await look(person.token, login.user_code)).status, 200);
    assert.equal((await as(person.token, "approve", login)).status, 200);
    for (let i = 0; i < 12; i++) refused(await as(person.token, "deny", login), 409, "already_decided", `again ${i}`);
    refused(await look(person.token, wrong(1)), 404, "not_found", "the tenth");
    refused(await look(person.token, wrong(1)), 429, "rate_limited", "the eleventh");
    refused(await look(person.token, "A".repeat(65)), 400, "validation_failed", "no code at all");
  });

  test("twenty calls a minute from one address; polls are counted by their code, sixty a minute", async () => {
    const visitor = new Visitor();
    const send = (verb) => visitor.post(`/v1/auth/device/${verb}`, { device_code: "x", ide_token: "x" });
    for (let i = 1; i <= 20; i++) {
      const { status, headers } = await send(i % 2 ? "revoke" : "start");
      assert.deepEqual([status, headers["ratelimit-limit"], headers["ratelimit-remaining"]], [200, "20", String(20 - i)]);
    }
    for (const verb of ["start", "revoke", "approve"]) refused(await send(verb), 429, "rate_limited", verb);
    for (let i = 0; i < 25; i++) assert.equal((await send("poll")).status, 200, "polls are not among them");

    const login = await start();
    for (let i = 1; i <= 60; i++) {
      const { status, headers } = await device("poll", { device_code: login.device_code });
      assert.deepEqual([status, headers["ratelimit-limit"], headers["ratelimit-remaining"]], [200, "60", String(60 - i)]);
    }
    refused(await device("poll", { device_code: login.device_code }), 429, "rate_limited", "the sixty-first");
    refused(await device("token", { grant_type: GRANT, device_code: login.device_code }), 429, "rate_limited", "by the other name");
  });
});

test("whoever has a token ends it, and learns nothing else", async () => {
  const person = await signIn(), token = await ideToken(person.email), other = await ideToken(person.email);
  const ok = (answer) => assert.deepEqual([answer.status, answer.body], [200, { ok: true }]);
  ok(await device("revoke", { ide_token: token }));
  isUnauthorized(await whoIs(token), "revoked");
  ok(await device("revoke", undefined, { token: other }));
  isUnauthorized(await whoIs(other), "revoked as a bearer");
  for (const ide_token of [token, "x", `cgx_${"A".repeat(43)}`, person.token]) ok(await device("revoke", { ide_token }));
  assert.equal((await whoIs(person.token)).status, 201, "sessions are no IDE tokens");
  for (const body of [undefined, {}]) refused(await device("revoke", body), 400, "validation_failed", "nothing to revoke");
  assert.deepEqual(await events(person), ["signed_out dev_", "signed_out dev_"]);
});

test("neither codes nor tokens are in the database or the logs (F-93, F-97)", async () => {
  const person = await signIn(), login = await start();
  await as(person.token, "approve", login);
  const { ide_token } = await poll(login.device_code);
  const { stdout } = await run("mariadb-dump", ["--no-defaults", `--socket=${STATE}/run/mysql.sock`, "-uroot", "turnpike"],
    { maxBuffer: 512 * 1024 * 1024 });
  const { stdout: logs } = await run("bash", ["-c", `cat ${STATE}/log/*.log`], { maxBuffer: 512 * 1024 * 1024 });
  for (const secret of [login.device_code, ide_token, ide_token.slice(4)]) {
    assert.ok(!stdout.includes(secret), "in the database");
    assert.ok(!logs.includes(secret), "in a log");
  }
});
