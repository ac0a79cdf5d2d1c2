// MariaDB killed, restarted, read-only, locked, with connections cut: what clients see meanwhile, that nothing
// acknowledged is lost or doubled, and that no worker has to be restarted (F-81 to F-84).
import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before, test } from "node:test";
import { clean, eventually, randomEmail, sleep, start } from "./support.mjs";

let stack, someone;
before(async () => {
  stack = await start(4, { config: { "database.timeout": 2, "pool.core.threads": 8 } });
  someone = await stack.signIn();
});
after(() => stack?.down());

function unavailable(answer) {
  assert.equal(answer.status, 503, answer.text);
  assert.equal(answer.headers["content-type"], "application/json; charset=utf-8");
  assert.equal(answer.body.error, "unavailable");
  assert.equal(typeof answer.body.message, "string");
  assert.match(answer.headers["retry-after"] ?? "", /^[1-9]\d?$/);
  assert.equal(answer.headers["cache-control"], "no-store");
}

// Counts turns in a few lanes until told to stop; each is repeated under its key until it is acknowledged.
class Turns {
  constructor(visitor, lanes = 4) {
    Object.assign(this, { visitor, keys: 0, tries: 0, seen: {}, stopped: false });
    this.lanes = Array.from({ length: lanes }, () => this.lane());
  }

  async lane() {
    while (!this.stopped) {
      const idempotencyKey = `turn-${this.keys++}`;
      for (;;) {
        this.tries++;
        const answer = await this.visitor.post("/api/usage/increment", { n: 1 }, { idempotencyKey });
        const what = answer.status === 200 ? "200" : `${answer.status} ${answer.body.error}`;
        this.seen[what] = (this.seen[what] ?? 0) + 1;
        if (answer.status === 200) break;
        await sleep(50);
      }
      await sleep(5);
    }
  }

  // Lets every lane finish its turn. A key whose outcome was unknown is decided when its lease ends: now.
  async end(stack) {
    this.stopped = true;
    const lease = setInterval(() => stack.sql("UPDATE idempotency SET lease_until_us = 0 WHERE status IS NULL AND created_at_us < UNIX_TIMESTAMP(NOW(6)) * 1000000 - 3000000"), 500);
    await Promise.all(this.lanes);
    clearInterval(lease);
  }
}

async function used(visitor) {
  return (await visitor.get("/api/usage/check")).body.used;
}

test("a database that answers no more cuts an export off in the middle; before its first byte it is a 503", async (t) => {
  const person = await stack.signIn();
  const id = await stack.number(`SELECT user_id FROM users WHERE email = '${person.email}'`);
  await stack.sql(`INSERT INTO usage_event (user_id, at_us, model, provider, input_tokens, output_tokens, cached_tokens, cache_write_tokens, cost_micro)
    SELECT ${id}, seq * 1000000, REPEAT('m', 100), 'p', 0, 0, 0, 0, 1 FROM seq_1_to_5000`);
  const whole = await person.get("/api/account/export");
  assert.equal(whole.status, 200);
  assert.equal(whole.body.usage.length, 5000);

  const asked = async (table) => {
    const lock = stack.session(t);
    await lock.run(`LOCK TABLES ${table} WRITE`);
    const answer = await person.get("/api/account/export").catch((error) => error);
    await lock.end();
    return answer;
  };
  const cut = await asked("turn"); // comes after the usage
  assert.match(cut.code, /ECONNRESET|HPE_/, "not an answer that looks complete");
  await eventually(() => assert.match(fs.readFileSync(stack.file("log/events.log"), "utf8"), /"event":"answer_cut_off".*"route":"\/api\/account\/export"/));
  unavailable(await asked("identity"));
  assert.equal((await person.get("/api/account/export")).text.length, whole.text.length);
});

test("kill -9 of the database, five times under load", { timeout: 90_000 }, async (t) => {
  const counter = await stack.signIn();
  const workers = stack.workers().map((p) => p.pid);
  const turns = new Turns(counter);
  const recovered = [];
  for (let i = 0; i < 5; i++) {
    await sleep(500);
    await stack.killDatabase();
    unavailable(await someone.get("/api/account/me"));
    const up = stack.up();
    const back = eventually(() => stack.sql("SELECT 1"), 30000).then(() => performance.now());
    await eventually(async () => assert.equal((await someone.get("/api/account/me")).status, 200), 30000);
    recovered.push(Math.round(performance.now() - (await back)));
    await up;
  }
  await turns.end(stack);
  t.diagnostic(`${turns.keys} turns in ${turns.tries} tries: ${JSON.stringify(turns.seen)}; recovered after ${recovered} ms`);
  assert.equal(await used(counter), turns.keys);
  assert.deepEqual(Object.keys(turns.seen).filter((what) => !["200", "503 unavailable", "503 outcome_unknown", "409 conflict"].includes(what)), []);
  assert.ok(recovered.every((ms) => ms < 5000), `${recovered} ms`);
  assert.deepEqual(stack.workers().map((p) => p.pid), workers, "no worker was restarted");
});

test("while the database is away, what does not need it works and the rest says so at once", async (t) => {
  const visitor = stack.visitor();
  const catalog = await visitor.get("/api/billing/v2/catalog"), founding = await visitor.get("/api/counter/founding");
  assert.deepEqual([catalog.status, founding.status], [200, 200]);
  await stack.killDatabase();
  try {
    const health = await visitor.get("/api/v2/health");
    assert.deepEqual([health.status, health.body.ok], [200, true]);
    assert.ok(health.ms < 500, `health: ${health.ms} ms`);
    await eventually(async () => { // nginx keeps the last one for a second
      const status = await visitor.get("/api/v2/status/public");
      assert.equal(status.status, 200);
      assert.deepEqual([status.body.status, status.body.components.worker], ["down", "down"]);
      assert.ok(status.ms < 500, `status: ${status.ms} ms`);
    }, 3000);
    const feed = await visitor.get(`/api/update/linux-x64/stable/${"0".repeat(40)}`);
    assert.deepEqual([feed.status, feed.text], [204, ""]);
    assert.equal((await visitor.get("/signin")).status, 200);
    assert.equal((await visitor.get("/metrics")).status, 200);

    await sleep(1100); // past the second for which nginx does not ask
    for (const [url, before] of [["/api/billing/v2/catalog", catalog], ["/api/counter/founding", founding]]) {
      const stale = await visitor.get(url);
      assert.deepEqual([stale.status, stale.text], [200, before.text], url);
    }

    const email = randomEmail();
    for (const [name, send] of Object.entries({
      me: () => someone.get("/api/account/me"),
      "changing me": () => someone.patch("/api/account/me", { display_name: "Ada" }),
      "a turn": () => someone.post("/api/usage/increment", {}, { idempotencyKey: "away" }),
      "asking for a code": () => visitor.post("/api/auth/request-code", { email }),
      "using a code": () => visitor.post("/api/auth/verify", { email, code: "123456" }),
      "a hand-off": () => visitor.post("/api/auth/exchange", { handoff: "x".repeat(43) }),
      oauth: () => visitor.get("/api/auth/oauth/github/start"),
      "signing out": () => someone.post("/api/auth/signout", {}),
    })) {
      const answer = await send();
      await t.test(name, () => {
        unavailable(answer);
        assert.ok(answer.ms < 1000, `${answer.ms} ms`);
      });
    }
    // What needs no look-up is still refused for what it is.
    assert.equal((await stack.visitor({ token: "session:short" }).get("/api/account/me")).status, 401);
    assert.equal((await visitor.post("/api/auth/request-code", { email: "nobody" })).body.error, "invalid_email");
  } finally {
    await stack.up();
  }
  assert.equal((await someone.get("/api/account/me")).status, 200);
  assert.equal((await someone.post("/api/usage/increment", {}, { idempotencyKey: "away" })).status, 200);
});

test("connections that are killed between and inside statements", async (t) => {
  const counter = await stack.signIn();
  const turns = new Turns(counter);
  const root = stack.session(t);
  let killed = 0;
  const load = stack.pace("/api/account/me", { token: someone.token, rate: 300, connections: 20, seconds: 4 });
  const until = performance.now() + 3500;
  while (performance.now() < until) {
    for (const [id] of await stack.sql("SELECT id FROM information_schema.processlist WHERE user = 'turnpike'")) {
      await root.run(`KILL ${id}`).catch((error) => { if (!/Unknown thread/.test(error.message)) throw error; });
      killed++;
    }
  }
  const seen = await load;
  await turns.end(stack);
  await root.end();
  t.diagnostic(`${killed} killed; ${turns.keys} turns in ${turns.tries} tries: ${JSON.stringify(turns.seen)}; ${JSON.stringify(seen)}`);
  assert.ok(killed > 50, `${killed} killed`);
  assert.equal(await used(counter), turns.keys);
  // A read goes on over a fresh connection; only one that is cut twice in a row says 503.
  assert.ok(seen.failures <= seen.requests / 100, JSON.stringify(seen));
  assert.ok(clean(await stack.pace("/api/account/me", { token: someone.token, rate: 300, seconds: 1 })));
});

test("a read-only server: reading goes on, writing is 503 and leaves nothing", async () => {
  const email = randomEmail(), before = await used(someone);
  const mails = await stack.number("SELECT COUNT(*) FROM outbox");
  await stack.sql("SET GLOBAL read_only = 1");
  try {
    assert.equal((await someone.get("/api/account/me")).status, 200);
    unavailable(await stack.visitor().post("/api/auth/request-code", { email }));
    unavailable(await someone.post("/api/usage/increment", {}, { idempotencyKey: "read-only" }));
    unavailable(await someone.post("/api/usage/increment", { turn_id: "read-only" }));
    unavailable(await someone.patch("/api/account/me", { display_name: "Ada" }));
  } finally {
    await stack.sql("SET GLOBAL read_only = 0");
  }
  assert.equal(await used(someone), before);
  assert.equal(await stack.number("SELECT COUNT(*) FROM outbox"), mails);
  assert.equal((await someone.post("/api/usage/increment", {}, { idempotencyKey: "read-only" })).body.used, before + 1);
  assert.equal((await someone.post("/api/usage/increment", { turn_id: "read-only" })).body.used, before + 2);
  assert.equal((await stack.visitor().post("/api/auth/request-code", { email })).status, 200);
});

test("a locked table costs those who need it two seconds, and others nothing", async (t) => {
  const lock = stack.session(t);
  await lock.run("LOCK TABLES turn_count WRITE");
  const held = Array.from({ length: 6 }, () => someone.get("/api/usage/check")); // of eight threads
  await eventually(async () => assert.equal((await stack.sql("SHOW PROCESSLIST")).filter((row) => /turn_count/.test(row[7])).length, 6));
  const [health, me, update] = await Promise.all([
    stack.pace("/api/v2/health", { rate: 100, seconds: 1 }),
    stack.pace("/api/account/me", { token: someone.token, rate: 100, seconds: 1 }),
    stack.pace(`/api/update/linux-x64/stable/${"0".repeat(40)}`, { rate: 100, seconds: 1 }),
  ]);
  const code = await stack.visitor().post("/api/auth/request-code", { email: randomEmail() });
  const answers = await Promise.all(held);
  t.diagnostic(`held ${answers.map((a) => Math.round(a.ms))} ms; health ${health.p99_ms}, me ${me.p99_ms}, update ${update.p99_ms} ms`);
  for (const answer of answers) {
    unavailable(answer);
    assert.ok(answer.ms > 1500 && answer.ms < 4500, `${answer.ms} ms`);
  }
  for (const load of [health, me, update]) assert.ok(clean(load) && load.p99_ms < 1000, JSON.stringify(load));
  assert.equal(code.status, 200);
  await lock.run("UNLOCK TABLES");
  await lock.end();
  assert.equal((await someone.get("/api/usage/check")).status, 200);
});

test("a locked row: bounded, and right afterwards", async (t) => {
  const visitor = await stack.signIn();
  await visitor.post("/api/usage/increment", { turn_id: "first" });
  const lock = stack.session(t);
  await lock.run("BEGIN");
  await lock.run(`SELECT * FROM turn_count WHERE user_id = (SELECT user_id FROM users WHERE email = '${visitor.email}') FOR UPDATE`);
  const answer = await visitor.post("/api/usage/increment", { turn_id: "second" });
  unavailable(answer);
  assert.ok(answer.ms < 8000, `${answer.ms} ms`);
  await lock.run("ROLLBACK");
  await lock.end();
  assert.equal((await visitor.post("/api/usage/increment", { turn_id: "second" })).body.used, 2);
});
