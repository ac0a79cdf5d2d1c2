// The list of everything that opens an account, of every family, and how one of it ends (product.md section 3, ours).
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor, mailTo, newestMail, signIn, sql } from "../support.mjs";
import { ideToken, userOf } from "../gateway/support.mjs";

const DAY_S = 86400;
const now_s = () => Math.floor(Date.now() / 1000);

async function list(person) {
  const { status, body, text } = await person.get("/api/account/credentials");
  assert.equal(status, 200, text);
  return body.credentials;
}

// A browser that signed in with a password, as far as the list sees it.
async function browser(person, { seenAgo = 0, lasts = 30 * DAY_S } = {}) {
  const id = `web_${[...Array(24)].map(() => Math.floor(Math.random() * 10)).join("")}`, at = `(UNIX_TIMESTAMP() - ${seenAgo}) * 1000000`;
  await sql(`INSERT INTO web_session (public_id, user_id, token_hash, auth_at_us, last_seen_at_us, expires_at_us, ip, user_agent)
    VALUES ('${id}', ${await userOf(person.email)}, UNHEX(SHA2('${id}', 256)), ${at}, ${at}, ${at} + ${lasts} * 1000000, '127.9.9.9', 'Firefox')`);
  return id;
}

test("lists sessions, browsers and IDE tokens, the newest first, the live ones alone", async () => {
  const person = await signIn(), user = await userOf(person.email);
  await signIn({ email: person.email, device: "darwin-arm64" });
  await ideToken(person.email);
  const web = await browser(person, { seenAgo: 1000 });
  await browser(person, { seenAgo: 8 * DAY_S }); // seven days without a use end it
  await browser(person, { seenAgo: 10, lasts: 5 });
  const old = await ideToken(person.email), other = await signIn({ email: person.email });
  await sql(`UPDATE ide_token SET expires_at_us = 1 WHERE token_hash = UNHEX(SHA2('${old}', 256));
    UPDATE session SET expires_at_us = 1 WHERE token_hash = UNHEX(SHA2('${other.token.slice(8)}', 256))`);
  const items = await list(person), about = now_s();
  assert.deepEqual(items.map(({ kind, name, device, current }) => [kind, name, device, current]), [
    ["ide", "laptop", null, false], ["session", null, "darwin-arm64", false], ["session", null, "linux-x64", true], ["browser", "Firefox", null, false],
  ]);
  const [ide, , session, firefox] = items;
  assert.deepEqual([firefox.id, firefox.ip, ide.ip, session.ip], [web, "127.9.9.9", null, person.address]);
  for (const [item, lasts] of [[ide, 90], [session, 30], [firefox, 30]]) {
    assert.match(item.id, { ide: /^dev_/, session: /^sess_/, browser: /^web_/ }[item.kind]);
    assert.equal(item.expires_at - item.last_seen_at, lasts * DAY_S);
    assert.ok(Math.abs(item.created_at - about) <= 1010);
  }
  const sessions = (await person.get("/api/account/sessions")).body.sessions;
  assert.deepEqual(sessions.map((s) => s.id).sort(), items.filter((c) => c.kind === "session").map((c) => c.id).sort(), "the older list has sessions alone");
  assert.equal((await sql(`SELECT COUNT(*) FROM web_session WHERE user_id = ${user}`))[0][0], "3");
});

test("a browser that signs in with a password is on it, and ends from here", async () => {
  const person = await signIn(), password = "seven wild geese over Skagen", newerThan = await newestMail(person.email);
  await new Visitor().post("/api/account/forgot-password", { email: person.email });
  const [, token] = (await mailTo(person.email, { newerThan })).text.match(/\/reset\/([\w-]+)/);
  assert.equal((await new Visitor().post("/api/account/reset-password", { token, password })).status, 200);
  const there = new Visitor(), cookies = (answer) => answer.headers["set-cookie"].map((c) => c.split(";")[0]);
  const csrf = await there.get("/api/auth/csrf");
  const entered = await there.post("/api/auth/callback/credentials", { csrfToken: csrf.body.csrfToken, email: person.email, password },
    { headers: { Cookie: cookies(csrf).join("; "), "User-Agent": "Mozilla/5.0 Geese" } });
  const session = { Cookie: cookies(entered).find((c) => c.startsWith("authjs.session-token=")) };
  assert.equal((await there.get("/api/auth/session", { headers: session })).body.user.email, person.email);

  const again = await signIn({ email: person.email }), [web] = (await list(again)).filter((c) => c.kind === "browser");
  assert.deepEqual([web.name, web.ip, web.current], ["Mozilla/5.0 Geese", there.address, false]);
  assert.equal((await again.delete(`/api/account/credentials/${web.id}`)).status, 200);
  const over = await there.get("/api/auth/session", { headers: session, check: false });
  assert.deepEqual([over.status, over.body], [200, null]);
});

test("one of each kind ends, at once, and leaves a record", async () => {
  const person = await signIn(), other = await signIn({ email: person.email }), token = await ideToken(person.email);
  const web = await browser(person);
  for (const { id, current } of await list(person)) {
    if (current) continue;
    const { status, body } = await person.delete(`/api/account/credentials/${id}`);
    assert.deepEqual([status, body], [200, { ok: true }]);
    assert.equal((await person.delete(`/api/account/credentials/${id}`)).status, 404, "once");
    const [[event, detail, ip]] = await sql(`SELECT event, detail, ip FROM audit_event WHERE user_id = ${await userOf(person.email)} ORDER BY audit_event_id DESC LIMIT 1`);
    assert.deepEqual([event, detail, ip], ["credential_revoked", id, person.address]);
  }
  assert.equal((await other.get("/api/account/me")).status, 401);
  assert.equal((await new Visitor({ token }).get("/v1/account/me")).status, 401);
  assert.deepEqual(await sql(`SELECT COUNT(*) FROM web_session WHERE public_id = '${web}'`), [["0"]]);
  const [last, ...rest] = await list(person);
  assert.deepEqual([rest.length, last.current], [0, true]);
  assert.equal((await person.delete(`/api/account/credentials/${last.id}`)).status, 200, "also the one that asks");
  assert.equal((await person.get("/api/account/credentials")).status, 401);
});

test("those of others are not there (F-77)", async () => {
  const owner = await signIn(), stranger = await signIn();
  await ideToken(owner.email);
  await browser(owner);
  const items = await list(owner);
  assert.equal(items.length, 3);
  for (const id of [...items.map((c) => c.id), "x", "sess_", `dev_${"A".repeat(24)}`, "a".repeat(65), "%00", "'"]) {
    const { status, body } = await stranger.delete(`/api/account/credentials/${encodeURIComponent(id)}`);
    assert.deepEqual([status, body.error], [404, "not_found"], id);
  }
  assert.equal((await stranger.delete("/api/account/credentials/a%5cb")).status, 400);
  assert.deepEqual(await list(owner), items, "and stay");
  assert.equal((await list(stranger)).length, 1);
});

test("signing out others ends sessions and browsers; IDE tokens stay", async () => {
  const person = await signIn(), token = await ideToken(person.email);
  await signIn({ email: person.email });
  await browser(person);
  const { status, body } = await person.post("/api/auth/signout-others");
  assert.deepEqual([status, body], [200, { ok: true, revoked: 2 }]);
  assert.deepEqual((await list(person)).map((c) => c.kind).sort(), ["ide", "session"]);
  assert.equal((await new Visitor({ token }).get("/v1/account/me")).status, 200);
});

test("signing out others takes back what was approved and not picked up yet (F-39)", async () => {
  const person = await signIn(), auth = (path, body, options) => new Visitor(options).post(`/v1/auth/${path}`, body);
  const device = (await auth("device/start")).body, ide = (await auth("ide/start")).body;
  assert.equal((await auth("device/approve", { user_code: device.user_code }, person)).status, 200);
  assert.equal((await auth("ide/approve", { code: ide.code }, person)).status, 200);
  assert.equal((await person.post("/api/auth/signout-others")).status, 200);
  assert.equal((await auth("device/poll", { device_code: device.device_code })).body.status, "expired");
  assert.equal((await auth("ide/token", { code: ide.code })).body.code, "invalid_grant");
});
