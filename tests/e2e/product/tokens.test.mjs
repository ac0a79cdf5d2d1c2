// Session tokens: what is accepted, what is stored, how sessions end (product.md 0.1).
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { exchange, freshCode, me, verify } from "../signing.mjs";
import { Visitor, randomEmail, signIn, sql } from "../support.mjs";

const hashOf = (token) => createHash("sha256").update(token.replace("session:", "")).digest("hex");
const newToken = () => randomBytes(32).toString("base64url");
const sessionOf = async (token) => {
  const [row] = await sql(`SELECT last_seen_at_us, expires_at_us, ip FROM session WHERE token_hash = X'${hashOf(token)}'`);
  return { seen: BigInt(row[0]), expires: BigInt(row[1]), ip: row[2] };
};

// Another session of the same person, without another mail.
async function anotherDevice(visitor, device = "darwin-x64") {
  const value = newToken(), hash = createHash("sha256").update(value).digest("hex");
  await sql(`INSERT INTO handoff (handoff_hash, user_id, expires_at_us)
    SELECT X'${hash}', user_id, UNIX_TIMESTAMP() * 1000000 + 60000000 FROM users WHERE public_id = '${visitor.user.id}'`);
  const answer = await exchange(value, { device });
  assert.equal(answer.status, 200);
  return Object.assign(new Visitor({ token: answer.body.token }), { user: visitor.user });
}

test("the scheme may be in any case, the prefix may be missing", async () => {
  const { token, user } = await signIn();
  const bare = token.slice("session:".length);
  for (const value of [`Bearer ${token}`, `bearer ${token}`, `BEARER ${token}`, `bEaReR   ${token}`, `Bearer ${bare}`]) {
    const answer = await new Visitor().get("/api/account/me", { headers: { Authorization: value } });
    assert.equal(answer.status, 200, value.replace(bare, "..."));
    assert.equal(answer.body.id, user.id);
  }
});

test("every token that is no good gets the same 401 (F-95)", async () => {
  const visitor = await signIn(), expired = await anotherDevice(visitor), revoked = await anotherDevice(visitor);
  const gone = await signIn();
  await sql(`UPDATE session SET expires_at_us = UNIX_TIMESTAMP() * 1000000 - 1000000 WHERE token_hash = X'${hashOf(expired.token)}'`);
  assert.equal((await revoked.post("/api/auth/signout")).status, 200);
  assert.equal((await gone.delete("/api/account", { confirm_email: gone.email })).status, 200);

  const bare = visitor.token.slice("session:".length);
  const [{ id: publicId }] = (await visitor.get("/api/account/sessions")).body.sessions;
  const cases = {
    "missing": undefined,
    "empty": "",
    "scheme only": "Bearer",
    "scheme and blanks": "Bearer    ",
    "no scheme": visitor.token,
    "other scheme": `Token ${visitor.token}`,
    "Basic": `Basic ${Buffer.from(`x:${visitor.token}`).toString("base64")}`,
    "Basic with the token": `Basic ${visitor.token}`,
    "two in one": `Bearer ${visitor.token}, Bearer ${visitor.token}`,
    "prefix only": "Bearer session:",
    "prefix twice": `Bearer session:session:${bare}`,
    "other prefix": `Bearer Session:${bare}`,
    "a character short": `Bearer session:${bare.slice(1)}`,
    "a character more": `Bearer session:${bare}A`,
    "padded": `Bearer session:${bare}=`,
    "a blank inside": `Bearer session: ${bare}`,
    "other case": `Bearer session:${bare.toLowerCase() === bare ? bare.toUpperCase() : bare.toLowerCase()}`,
    "quotes": `Bearer session:' OR 1=1 -- ${"x".repeat(28)}`,
    "wildcards": `Bearer session:${"%".repeat(43)}`,
    "very long": `Bearer session:${"A".repeat(4000)}`,
    "unknown": `Bearer session:${newToken()}`,
    "its hash": `Bearer session:${Buffer.from(hashOf(visitor.token), "hex").toString("base64url")}`,
    "public id of the session": `Bearer ${publicId}`,
    "expired": `Bearer ${expired.token}`,
    "revoked": `Bearer ${revoked.token}`,
    "of a deleted account": `Bearer ${gone.token}`,
  };
  const expected = await new Visitor().get("/api/account/me");
  for (const [name, value] of Object.entries(cases)) {
    const headers = value === undefined ? {} : { Authorization: value };
    for (const [method, url] of [["GET", "/api/account/me"], ["POST", "/api/usage/increment"], ["POST", "/api/auth/signout"]]) {
      const answer = await new Visitor().send(method, url, { headers });
      assert.equal(answer.status, 401, `${name} ${url}`);
      assert.equal(answer.text, expected.text, name);
      assert.equal(answer.headers["www-authenticate"], "Bearer", name);
    }
  }
  for (const url of [`/api/account/me?token=${visitor.token}`, `/api/account/me?hypex_token=${visitor.token}&access_token=${visitor.token}`])
    assert.equal((await new Visitor().get(url, { headers: { Cookie: `token=${visitor.token}; session=${bare}` } })).status, 401, "only the header counts");
  assert.equal((await me(visitor.token)).status, 200, "the good one is still good");
});

test("the database has the SHA-256 of a token, and nothing that signs in (F-97)", async () => {
  const visitor = await signIn(), bare = visitor.token.slice("session:".length);
  const [[hash, length]] = await sql(`SELECT HEX(token_hash), LENGTH(token_hash) FROM session WHERE token_hash = X'${hashOf(visitor.token)}'`);
  assert.equal(hash.toLowerCase(), hashOf(visitor.token));
  assert.equal(length, "32");

  const email = randomEmail(), code = await freshCode(email);
  const [[mac]] = await sql(`SELECT HEX(code_mac) FROM sign_in_code WHERE email = '${email}'`);
  for (const text of [code, email + code, email + "\n" + code, "signin-code\n" + email + "\n" + code])
    assert.notEqual(mac.toLowerCase(), createHash("sha256").update(text).digest("hex"), "a code's hash needs a key");

  const tables = await sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'turnpike'");
  for (const [table] of tables) {
    const columns = await sql(`SELECT column_name FROM information_schema.columns WHERE table_schema = 'turnpike' AND table_name = '${table}'`);
    const text = columns.map(([column]) => `COALESCE(CAST(\`${column}\` AS CHAR), '')`).join(", ");
    const [[found]] = await sql(`SELECT COUNT(*) FROM \`${table}\` WHERE CONCAT_WS(' ', ${text}) LIKE BINARY '%${bare.replaceAll("_", "\\_")}%'`);
    assert.equal(found, "0", table);
  }
});

test("use pushes the expiry forward, written at most once a minute; it ends to the second (A-31)", async () => {
  const visitor = await signIn(), first = await sessionOf(visitor.token);
  for (let i = 0; i < 5; i++) assert.equal((await visitor.get("/api/account/me")).status, 200);
  assert.deepEqual(await sessionOf(visitor.token), first, "within a minute nothing is written");

  const age = (seconds) => sql(`UPDATE session SET last_seen_at_us = last_seen_at_us - ${seconds}000000, expires_at_us = expires_at_us - ${seconds}000000
    WHERE token_hash = X'${hashOf(visitor.token)}'`);
  await age(50);
  const mover = new Visitor({ token: visitor.token });
  assert.equal((await mover.get("/api/account/me")).status, 200);
  assert.equal((await sessionOf(visitor.token)).seen, first.seen - 50_000_000n, "50 s after the last write");
  await age(11);
  assert.equal((await mover.get("/api/account/me")).status, 200);
  const later = await sessionOf(visitor.token);
  assert.ok(later.seen > first.seen, "61 s after");
  assert.equal(later.expires - later.seen, 30n * 86400n * 1_000_000n);
  assert.equal(later.ip, mover.address);

  await age(30 * 86400 - 5);
  assert.equal((await visitor.get("/api/account/me")).status, 200, "five seconds before the end");
  await age(30 * 86400 + 1);
  assert.equal((await visitor.get("/api/account/me")).status, 401, "a second after");
});

test("signing in gives a new token, whatever the request brings along (F-45)", async () => {
  const old = await signIn(), planted = `session:${newToken()}`;
  for (const known of [planted, old.token]) {
    const code = await freshCode(old.email);
    const answer = await verify(old.email, code, { token: known, session: known, session_id: known },
      { headers: { Authorization: `Bearer ${known}`, Cookie: `token=${known}; session=${known}` } });
    assert.equal(answer.status, 200);
    assert.notEqual(answer.body.token, known);
  }
  assert.equal((await me(planted)).status, 401, "a planted token stays nothing");
  assert.equal((await me(old.token)).status, 200);
});

test("signing out ends this session at once, and only this one", async () => {
  const visitor = await signIn(), other = await anotherDevice(visitor);
  const answer = await visitor.post("/api/auth/signout");
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.body, { ok: true });
  const dead = await Promise.all(Array.from({ length: 20 }, () => me(visitor.token)));
  assert.ok(dead.every((a) => a.status === 401), "on every worker");
  assert.equal((await new Visitor({ token: visitor.token }).post("/api/auth/signout")).status, 401, "a second time");
  assert.equal((await me(other.token)).status, 200);
});

test("signing out the others tells how many, and keeps this one", async () => {
  const visitor = await signIn(), bystander = await signIn();
  const others = [await anotherDevice(visitor), await anotherDevice(visitor), await anotherDevice(visitor)];
  const answer = await new Visitor({ token: visitor.token }).post("/api/auth/signout-others");
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.body, { ok: true, revoked: 3 });
  for (const other of others) assert.equal((await me(other.token)).status, 401);
  assert.equal((await me(visitor.token)).status, 200);
  assert.equal((await me(bystander.token)).status, 200, "other people stay");
  assert.deepEqual((await new Visitor({ token: visitor.token }).post("/api/auth/signout-others")).body, { ok: true, revoked: 0 });
});

test("a revoked device and a deleted account are out on the next request", async () => {
  const visitor = await signIn(), other = await anotherDevice(visitor, "win32-x64");
  const { body } = await visitor.get("/api/account/sessions");
  const { id } = body.sessions.find((s) => s.device === "win32-x64");
  assert.equal((await visitor.delete(`/api/account/sessions/${id}`)).status, 200);
  assert.equal((await me(other.token)).status, 401);
  assert.equal((await visitor.delete(`/api/account/sessions/${id}`)).status, 404);

  const third = await anotherDevice(visitor), code = await freshCode(visitor.email);
  assert.equal((await visitor.delete("/api/account", { confirm_email: visitor.email })).status, 200);
  for (const { token } of [visitor, third]) assert.equal((await me(token)).status, 401);
  assert.equal((await verify(visitor.email, code)).status, 400, "a code of before is dead as well (F-39)");
});

test("tokens are unique (A-29)", async () => {
  const visitor = await signIn();
  const tokens = await Promise.all(Array.from({ length: 60 }, async () => (await anotherDevice(visitor)).token));
  assert.equal(new Set(tokens).size, 60);
  const bits = tokens.map((token) => Buffer.from(token.slice("session:".length), "base64url"));
  assert.ok(bits.every((b) => b.length === 32), "256 bits");
  const ones = bits.reduce((sum, b) => sum + b.reduce((n, byte) => n + byte.toString(2).replaceAll("0", "").length, 0), 0);
  assert.ok(Math.abs(ones / (60 * 256) - 0.5) < 0.03, `share of ones: ${ones / (60 * 256)}`);
});
