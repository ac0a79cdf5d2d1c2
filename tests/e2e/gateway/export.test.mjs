// The account leaves (gateway.md section 4): the export of everything, and the deletion.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { STATE, Visitor, credit, eventually, randomEmail, signIn, sql } from "../support.mjs";
import { claims, ideToken, isUnauthorized, mint, now, userOf, whoIs } from "./support.mjs";

const chat = (directive) => ({ model: "sandbox-chat", messages: [{ role: "user", content: `go [[sandbox: ${directive}]]` }] });

async function approvedToken(person) {
  const { body: login } = await new Visitor().post("/v1/auth/device/start", { client_info: { platform: "linux-x64" } });
  assert.equal((await new Visitor(person).post("/v1/auth/device/approve", login)).status, 200);
  return (await new Visitor().post("/v1/auth/device/poll", login)).body.ide_token;
}

describe("the export", () => {
  test("of an empty account has every part", async () => {
    const person = await signIn();
    const { status, headers, body } = await person.get("/v1/account/export");
    assert.equal(status, 200);
    assert.match(headers["content-type"], /^application\/json/);
    assert.equal(headers["content-disposition"], 'attachment; filename="account.json"');
    assert.equal(headers["cache-control"], "no-store");
    const { exportedAt, account, devices, ...rest } = body;
    assert.ok(Math.abs(Date.parse(exportedAt) - Date.now()) < 60e3);
    assert.deepEqual(account, (await person.get("/v1/account/me")).body);
    assert.deepEqual(rest, {
      subscription: { status: "none", tier: "free", currentPeriodEnd: null, cancelAtPeriodEnd: false },
      transactions: [], usage: [], consents: [], feedback: [], telemetry: [],
    });
    assert.deepEqual(devices.map((d) => [d.kind, d.device]), [["session", "linux-x64"]]);
    const [[event, detail]] = await sql(`SELECT event, detail FROM audit_event WHERE user_id = ${await userOf(person.email)} ORDER BY audit_event_id DESC LIMIT 1`);
    assert.deepEqual([event, detail], ["exported", "gateway"]);
  });

  test("says the same as the lists, all pages of them, and nothing secret", async () => {
    const person = await signIn(), user = await userOf(person.email), ide = await approvedToken(person);
    await credit(person.email, { topup: 5000000, allowance: 1000000 });
    const { status } = await new Visitor({ token: ide }).post("/v1/chat/completions", chat("tokens=3 input=5"));
    assert.equal(status, 200);
    await eventually(async () => assert.equal((await person.get("/v1/account/usage/activity")).body.total, 1));
    // More than a page of each; what is made up of the calls is only what the export reads.
    await sql(`INSERT INTO ai_call (public_id, user_id, request_id, endpoint, mode, model, status, is_estimated, attempts, input_tokens,
        cached_tokens, cache_write_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, catalog_id, price_input, price_cached,
        price_cache_write, price_cache_write_1h, price_output, price_reasoning, multiplier, estimate_micro, cost_micro, hold_id, started_at_us,
        latency_us, settled_at_us)
      SELECT CONCAT('act_', LPAD(seq, 4, '0'), LEFT(MD5(CONCAT(${user}, seq)), 20)), user_id, CONCAT('r', seq), endpoint, mode, model, 'refunded', 0, 1, 1, 0, 0, 0, 1, 0, catalog_id,
        0, 0, 0, 0, 0, 0, 0, 0, 0, '', started_at_us + seq, 1, 1 FROM ai_call JOIN seq_1_to_2100 WHERE user_id = ${user}`);
    await sql(`INSERT INTO identity (user_id, provider, subject, created_at_us) VALUES (${user}, 'github', '${randomUUID()}', 1700000000000000);
      UPDATE users SET renews_at_us = (UNIX_TIMESTAMP() + 86400) * 1000000, plan = 'pro', overage_enabled = 1, cancel_at_period_end = 1 WHERE user_id = ${user}`);
    const { body, text } = await person.get("/v1/account/export", { timeout: 60000 });
    assert.equal(body.usage.length, 2101);
    assert.equal(new Set(body.usage.map((u) => u.id)).size, 2101, "each once");
    const listed = (await person.get("/v1/account/usage/activity?limit=200")).body.items;
    assert.deepEqual(body.usage.slice(0, 200), listed);
    assert.deepEqual(body.transactions, (await person.get("/v1/account/transactions")).body.transactions);
    assert.equal(body.transactions.length, 3);
    assert.deepEqual([body.subscription.status, body.subscription.tier, body.subscription.cancelAtPeriodEnd], ["active", "pro", true]);
    assert.ok(Date.parse(body.subscription.currentPeriodEnd) > Date.now());
    assert.deepEqual(body.devices.map((d) => [d.kind, d.name]).sort(), [["ide", "linux-x64"], ["session", null]]);
    assert.deepEqual(body.consents, [{ kind: "sign_in", name: "github", givenAt: "2023-11-14T22:13:20.000Z" }, { kind: "overage", name: "overage", givenAt: null }]);
    for (const secret of [person.token.slice(8), ide, ide.slice(4)]) assert.ok(!text.includes(secret));
    const hashes = (await sql(`SELECT LOWER(HEX(token_hash)) FROM session WHERE user_id = ${user} UNION SELECT LOWER(HEX(token_hash)) FROM ide_token WHERE user_id = ${user}`)).flat();
    assert.equal(hashes.length, 2);
    for (const hash of hashes) assert.ok(!text.toLowerCase().includes(hash) && !text.includes(Buffer.from(hash, "hex").toString("base64url")));
    assert.doesNotMatch(text, /hash|secret|password|cus_|token_/i);
  });

  test("has what clients reported in somebody's name, all pages of it, and nobody else's", async () => {
    const person = await signIn(), other = await signIn(), user = await userOf(person.email);
    const props = { files: 3, nested: { text: "\"ä\"\n" } }, words = { message: "It\nworks 🙂", category: "bug", rating: 5, requestId: "req_0", appVersion: "1.2" };
    const report = async (who, name) => {
      assert.equal((await who.post("/v1/telemetry", { events: [{ name }, { name, ts: "2026-01-31T12:34:56.789Z", props }] })).status, 202);
      return (await who.post("/v1/feedback", words)).body.id;
    };
    const said = await report(person, "mine");
    await report(other, "theirs");
    await sql(`INSERT INTO telemetry (user_id, name, props, received_at_us) SELECT ${user}, CONCAT('t', seq), JSON_OBJECT('x', REPEAT('y', 4000)), 1700000000000000 FROM seq_1_to_450;
      INSERT INTO feedback (public_id, user_id, message, received_at_us) SELECT CONCAT('fb_', LEFT(MD5(CONCAT(${user}, seq)), 24)), ${user}, REPEAT(CONVERT(UNHEX('F09F9982') USING utf8mb4), 4000), 1700000000000000 FROM seq_1_to_1300`);
    const { status, body } = await person.get("/v1/account/export", { timeout: 60000 });
    assert.equal(status, 200);
    const { telemetry, feedback } = body;
    assert.deepEqual([telemetry.length, feedback.length], [452, 1301]);
    assert.deepEqual(telemetry.slice(0, 450).map((e) => e.name), Array.from({ length: 450 }, (_, i) => `t${450 - i}`), "newest first, each once");
    assert.equal(new Set(feedback.map((f) => f.id)).size, 1301);
    const { receivedAt, ...event } = telemetry[450];
    assert.deepEqual(event, { name: "mine", ts: "2026-01-31T12:34:56.789Z", props });
    assert.ok(Math.abs(Date.parse(receivedAt) - Date.now()) < 60e3);
    assert.deepEqual([telemetry[451].ts, telemetry[451].props], [null, null]);
    const { createdAt, ...mine } = feedback.at(-1);
    assert.deepEqual(mine, { id: said, ...words });
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60e3);
    const product = (await person.get("/api/account/export", { timeout: 60000 })).body;
    assert.deepEqual([product.telemetry.length, product.feedback.length], [452, 1301]);
  });

  test("once in ten minutes for each person, wherever they ask from; any credential may", async () => {
    const person = await signIn(), other = await signIn();
    assert.equal((await new Visitor({ token: await ideToken(person.email) }).get("/v1/account/export")).status, 200);
    const refused = await new Visitor(person).get("/v1/account/export");
    assert.deepEqual([refused.status, refused.body.code], [429, "rate_limited"]);
    assert.ok(Number(refused.headers["retry-after"]) > 590 && Number(refused.headers["retry-after"]) <= 600);
    assert.equal((await other.get("/v1/account/export")).status, 200);
    isUnauthorized(await new Visitor().get("/v1/account/export"), "nobody");
  });
});

describe("the deletion", () => {
  test("wants the address of the account, and a person", async () => {
    const person = await signIn(), other = await signIn();
    for (const body of [undefined, {}, { confirmEmail: "" }, { confirmEmail: other.email }, { confirmEmail: `x${person.email}` }, { confirmEmail: 7 },
      { confirmEmail: person.user.id }, { confirm_email: person.email }])
      for (const send of [(v) => v.delete("/v1/account", body), (v) => v.post("/v1/account/delete", body)]) {
        const { status, body: answer } = await send(new Visitor(person));
        assert.deepEqual([status, answer.code], [400, "validation_failed"], JSON.stringify(body));
      }
    const ide = await new Visitor({ token: await ideToken(person.email) }).delete("/v1/account", { confirmEmail: person.email });
    assert.deepEqual([ide.status, ide.body.code], [403, "forbidden"]);
    await sql(`UPDATE users SET mfa_since_us = UNIX_TIMESTAMP(NOW(6)) * 1000000 WHERE user_id = ${await userOf(other.email)}`);
    const pending = await other.delete("/v1/account", { confirmEmail: other.email });
    assert.deepEqual([pending.status, pending.body.code], [403, "mfa_required"]);
    assert.equal((await person.get("/v1/account/me")).status, 200, "nothing was deleted");
    const done = await person.delete("/v1/account", { confirmEmail: `  ${person.email.toUpperCase()} ` });
    assert.deepEqual([done.status, done.body], [200, { deleted: true }]);
    isUnauthorized(await person.get("/v1/account/me"), "deleted");
  });

  test("forgets the person in every table, and keeps the books", async () => {
    const person = await signIn(), user = await userOf(person.email);
    const tokens = [person.token, await approvedToken(person), await ideToken(person.email), (await signIn({ email: person.email })).token];
    await credit(person.email, { topup: 5000000 });
    assert.equal((await new Visitor(person).post("/v1/chat/completions", chat("tokens=3 input=5"))).status, 200);
    await eventually(async () => assert.equal((await person.get("/v1/account/usage/activity")).body.total, 1));
    await new Visitor(person).post("/v1/feedback", { message: "hello" });
    const { body: login } = await new Visitor().post("/v1/auth/device/start");
    await new Visitor(person).post("/v1/auth/device/approve", login);
    const { body: ide } = await new Visitor().post("/v1/auth/ide/start");
    await new Visitor(person).post("/v1/auth/ide/approve", ide);
    const h = "UNHEX(SHA2(UUID(), 256))";
    await sql(`INSERT INTO password VALUES (${user}, 'x', 1);
      INSERT INTO second_factor VALUES (${user}, 'x', 1, REPEAT('x', 16), 1);
      INSERT INTO recovery_code (user_id, code_hash, created_at_us) VALUES (${user}, ${h}, 1);
      INSERT INTO web_session (public_id, user_id, token_hash, auth_at_us, last_seen_at_us, expires_at_us, ip) VALUES (LEFT(UUID(), 28), ${user}, ${h}, 1, 1, 1, '::1');
      INSERT INTO email_token (token_hash, purpose, user_id, ip, created_at_us, expires_at_us) VALUES (${h}, 'verify', ${user}, '::1', 1, 1);
      INSERT INTO identity (user_id, provider, subject, created_at_us) VALUES (${user}, 'github', '${randomUUID()}', 1)`);
    const sum = () => sql(`SELECT COALESCE(SUM(e.amount), 0), COUNT(*) FROM ledger_account a JOIN ledger_entry e USING (account_id) WHERE a.owner_kind = 'user' AND a.owner_id = ${user}`);
    const before = await sum();
    const done = await new Visitor(person).post("/v1/account/delete", { confirmEmail: person.email });
    assert.deepEqual([done.status, done.body], [200, { deleted: true }]);

    for (const token of tokens) isUnauthorized(await whoIs(token), "deleted");
    const tables = await sql(`SELECT TABLE_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'user_id'`);
    const kept = ["ai_call", "credit_lot", "credit_statement", "hold", "users"];
    const left = [];
    for (const [table] of tables) {
      const [[n]] = await sql(`SELECT COUNT(*) FROM ${table} WHERE user_id = ${user}`);
      if (n !== "0") left.push(table);
    }
    assert.deepEqual(left.sort(), kept, "what the books need");
    assert.deepEqual(await sum(), before);
    assert.deepEqual(await sql(`SELECT email, display_name, email_verified_at_us, mfa_since_us FROM users WHERE user_id = ${user}`), [["NULL", "NULL", "NULL", "NULL"]]);
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM ai_call WHERE user_id = ${user} AND request_id <> ''`), [["0"]]);
    const request = done.headers["x-request-id"];
    assert.deepEqual(await sql(`SELECT event, user_id, ip, user_agent FROM audit_event WHERE request_id = '${request}'`), [["account_deleted", "NULL", "NULL", "NULL"]]);
    assert.equal((await new Visitor().post("/v1/auth/device/poll", login)).body.status, "expired");
    const again = await signIn({ email: person.email });
    assert.notEqual(again.user.id, person.user.id, "the address opens a new account");
  });

  // Of a user: what is reserved in all, and how many holds are open.
  const reserved = (user) => sql(`SELECT CAST(SUM(reserved) AS SIGNED), (SELECT COUNT(*) FROM hold WHERE user_id = ${user} AND state = 'open')
    FROM ledger_account WHERE owner_kind = 'user' AND owner_id = ${user}`);

  test("frees what is reserved for calls that nobody ends any more", async () => {
    const person = await signIn(), user = await userOf(person.email);
    await credit(person.email, { topup: 5000000 });
    await sql(`UPDATE ledger_account SET reserved = 70 WHERE owner_kind = 'user' AND owner_id = ${user} AND kind = 'topup';
      INSERT INTO hold (public_id, user_id, held_topup, held_allowance, held_overage, seen_cost, reference_kind, reference_id, deadline_at_us, created_at_us)
      VALUES (CONCAT('hold_', LEFT(MD5(UUID()), 24)), ${user}, 30, 0, 0, 0, 'test', 'x', ${Date.now() + 3600e3} * 1000, 1),
        (CONCAT('hold_', LEFT(MD5(UUID()), 24)), ${user}, 40, 0, 0, 25, 'test', 'x', ${Date.now() + 3600e3} * 1000, 1)`);
    assert.equal((await person.delete("/v1/account", { confirmEmail: person.email })).status, 200);
    assert.deepEqual(await reserved(user), [["0", "0"]]);
    assert.deepEqual(await sql(`SELECT state, COALESCE(cost, 0) FROM hold WHERE user_id = ${user} ORDER BY hold_id`), [["released", "0"], ["swept", "25"]]);
    const [[balance]] = await sql(`SELECT balance FROM ledger_account WHERE owner_kind = 'user' AND owner_id = ${user} AND kind = 'topup'`);
    assert.equal(Number(balance), 5000000 - 25, "what was delivered is paid");
  });

  test("lets a call that is under way end, and charges it", async () => {
    const person = await signIn(), user = await userOf(person.email);
    await credit(person.email, { topup: 5000000 });
    const call = new Visitor(person).post("/v1/chat/completions", chat("tokens=3 input=5 first_ms=1500"));
    await eventually(async () => assert.equal((await reserved(user))[0][1], "1"));
    assert.equal((await new Visitor(person).delete("/v1/account", { confirmEmail: person.email })).status, 200);
    assert.equal((await call).status, 200);
    await eventually(async () => assert.deepEqual(await sql(`SELECT status, cost_micro FROM ai_call WHERE user_id = ${user}`), [["ok", String(3 * 5 + 15 * 3)]]));
    await eventually(async () => assert.deepEqual(await reserved(user), [["0", "0"]]));
    const [[balance]] = await sql(`SELECT balance FROM ledger_account WHERE owner_kind = 'user' AND owner_id = ${user} AND kind = 'topup'`);
    assert.equal(Number(balance), 5000000 - 60);
  });

  test("by a Supabase token: older tokens are of no use, a newer one opens an empty account", async () => {
    const person = claims({ email: randomEmail("gone"), email_verified: true, iat: now() - 5 });
    const token = await mint(person), me = (await new Visitor({ token }).get("/v1/account/me")).body;
    const done = await new Visitor({ token }).delete("/v1/account", { confirmEmail: person.email });
    assert.deepEqual([done.status, done.body], [200, { deleted: true }]);
    isUnauthorized(await new Visitor({ token }).get("/v1/account/me"), "from before");
    const fresh = await mint({ ...person, iat: now() + 2 });
    const { status, body } = await new Visitor({ token: fresh }).get("/v1/account/me");
    assert.deepEqual([status, body.email], [200, person.email]);
    assert.notEqual(body.id, me.id);
  });

  test("with an address that was never proved touches nobody who has it", async () => {
    const owner = await signIn();
    await new Visitor(owner).post("/api/auth/request-code", { email: owner.email });
    const token = await mint(claims({ email: owner.email })); // says so of itself
    const me = (await new Visitor({ token }).get("/v1/account/me")).body;
    assert.notEqual(me.id, owner.user.id);
    assert.equal((await new Visitor({ token }).delete("/v1/account", { confirmEmail: owner.email })).status, 200);
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM sign_in_code WHERE email = '${owner.email}'`), [["1"]], "their code");
    assert.equal((await owner.get("/v1/account/me")).status, 200);
    const nameless = await mint(claims());
    const { id } = (await new Visitor({ token: nameless }).get("/v1/account/me")).body;
    assert.equal((await new Visitor({ token: nameless }).delete("/v1/account", { confirmEmail: id })).status, 200, "without an address: the id");
  });
});
