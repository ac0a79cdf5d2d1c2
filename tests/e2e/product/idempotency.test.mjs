// Idempotency-Key on the POSTs that count something (assurance.md section 2). On a stack of its own, whose workers are
// killed here. People are put straight into the database: signing in is not the topic.
import assert from "node:assert/strict";
import { createHash, randomBytes, randomInt } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { URL_BASE, Visitor, eventually, ownStack, sleep, sql } from "../support.mjs";

let stack;
const query = (text) => sql(text, stack.state);
const count = (answers, status) => answers.filter((answer) => answer.status === status).length;
const newKey = () => randomBytes(12).toString("hex");

before(async () => {
  stack = await ownStack({ port: Number(new URL(URL_BASE).port) + 30,
    settings: (conf) => conf.replace("[limits]", "[pool.core]\nprocesses = 2\n\n[limits]\ngeneral = 100000/60") });
});
after(() => stack?.down());

async function person() {
  const token = randomBytes(32).toString("base64url"), name = randomBytes(12).toString("hex");
  const hash = createHash("sha256").update(token).digest("hex"), now = Date.now() * 1000;
  await query(`INSERT INTO users (public_id, email, created_at_us) VALUES ('usr_${name}', '${name}@example.org', ${now});
    INSERT INTO session (public_id, user_id, token_hash, ip, created_at_us, last_seen_at_us, expires_at_us)
    VALUES ('sess_${name}', LAST_INSERT_ID(), X'${hash}', '127.0.0.1', ${now}, ${now}, ${now + 86400e6})`);
  const visitor = new Visitor({ token: `session:${token}` }), [[id]] = await query(`SELECT user_id FROM users WHERE public_id = 'usr_${name}'`);
  return {
    token: visitor.token,
    id,
    increment: (idempotencyKey, body = {}, options = {}) => visitor.post(`${stack.url}/api/usage/increment`, body, { idempotencyKey, check: false, ...options }),
    record: (idempotencyKey, body) => visitor.post(`${stack.url}/api/usage/record`, body, { idempotencyKey, check: false }),
    check: (idempotencyKey) => visitor.get(`${stack.url}/api/usage/check`, { idempotencyKey, check: false }),
    used: async () => Number((await query(`SELECT COALESCE(SUM(used), 0) FROM turn_count WHERE user_id = ${id}`))[0][0]),
    events: async () => Number((await query(`SELECT COUNT(*) FROM usage_event WHERE user_id = ${id}`))[0][0]),
  };
}
const scopeOf = ({ id }, key, url = "/api/usage/increment") => createHash("sha256").update(`${id} POST ${url.length} ${url} ${key}`).digest("hex");
const event = { ts: 1714000000, model: "m", provider: "p", input_tokens: 1 };

test("without a key each call counts", async () => {
  const alice = await person();
  for (const used of [1, 2, 3]) {
    const answer = await alice.increment(undefined);
    assert.equal(answer.body.used, used);
    assert.equal(answer.headers["idempotent-replayed"], undefined);
  }
});

test("a key has 1 to 255 printable ASCII characters (I-1)", async () => {
  const alice = await person();
  for (const key of ["k", "a".repeat(255), "with blanks and !\"#~", "key with : / ? = & %00"])
    assert.equal((await alice.increment(key)).status, 200, key);
  const used = await alice.used();
  assert.equal(used, 4);
  const raw = (lines) => new Promise((resolve, reject) => {
    const socket = net.connect(Number(new URL(stack.url).port), "127.0.0.1");
    let text = "";
    socket.on("data", (data) => { text += data; }).on("end", () => resolve(Number(text.split(" ")[1]))).on("error", reject);
    socket.write(Buffer.from(`POST /api/usage/increment HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\nAuthorization: Bearer ${alice.token}\r\n${lines}\r\n\r\n`, "latin1"));
  });
  const bad = {
    "empty": "Idempotency-Key:",
    "blanks": "Idempotency-Key:   ",
    "256": `Idempotency-Key: ${"a".repeat(256)}`,
    "tab inside": "Idempotency-Key: a\tb",
    "control character": "Idempotency-Key: a\x01b",
    "DEL": "Idempotency-Key: a\x7fb",
    "Latin-1": "Idempotency-Key: caf\xe9",
    "UTF-8": "Idempotency-Key: caf\xc3\xa9",
    "two keys": "Idempotency-Key: one\r\nIdempotency-Key: two",
    "the same key twice": "Idempotency-Key: one\r\nidempotency-key: one",
  };
  for (const [name, lines] of Object.entries(bad)) assert.equal(await raw(lines), 400, name);
  assert.equal(await raw("idempotency-KEY: fine"), 200);
  assert.equal(await alice.used(), used + 1);
});

test("100 repeats: one effect, 100 equal answers (I-2)", async () => {
  const alice = await person(), key = newKey();
  const first = await alice.increment(key, { n: 7 });
  assert.equal(first.status, 200);
  assert.equal(first.headers["idempotent-replayed"], undefined);
  for (let i = 0; i < 100; i++) {
    const again = await alice.increment(key, { n: 7 });
    assert.equal(again.status, first.status);
    assert.equal(again.text, first.text);
    assert.equal(again.headers["content-type"], first.headers["content-type"]);
    assert.equal(again.headers["cache-control"], "no-store");
    assert.equal(again.headers["idempotent-replayed"], "true");
  }
  assert.equal(await alice.used(), 7);

  const recorded = await alice.record(key, [event, event]);
  assert.deepEqual(recorded.body, { ok: true, recorded: 2 });
  for (let i = 0; i < 100; i++) assert.equal((await alice.record(key, [event, event])).text, recorded.text);
  assert.equal(await alice.events(), 2);
  const [[calls]] = await query(`SELECT SUM(calls) FROM usage_day WHERE user_id = ${alice.id}`);
  assert.equal(calls, "2", "the sums of the day as well");
});

test("an answer that says 500 is repeated as well", async () => {
  const alice = await person(), key = newKey();
  await query("CREATE TRIGGER broken BEFORE INSERT ON turn_count FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'secret cause'");
  const first = await alice.increment(key).finally(() => query("DROP TRIGGER broken"));
  assert.equal(first.status, 500);
  assert.ok(!first.text.includes("secret"));
  const again = await alice.increment(key);
  assert.equal(again.status, 500);
  assert.equal(again.text, first.text);
  assert.equal(again.headers["idempotent-replayed"], "true");
  assert.equal(await alice.used(), 0);
  assert.equal((await alice.increment(newKey())).status, 200);
});

test("the same key with another body is refused, and changes nothing (I-3)", async () => {
  const alice = await person(), key = newKey(), first = await alice.increment(key, '{"n":2}');
  for (const body of ['{"n":3}', '{"n": 2}', '{"n":2}\n', "", "{}", '{"n":2,"x":1}']) {
    const answer = await alice.increment(key, body);
    assert.equal(answer.status, 422, body);
    assert.equal(answer.body.error, "idempotency_mismatch");
    assert.equal(answer.headers["idempotent-replayed"], undefined);
  }
  assert.equal((await alice.increment(key, '{"n":2}')).text, first.text);
  assert.equal(await alice.used(), 2);
});

test("while the first is running, others are told to wait (I-4)", async () => {
  const alice = await person(), key = newKey();
  await alice.increment(newKey());
  const lock = query(`BEGIN; SELECT used FROM turn_count WHERE user_id = ${alice.id} FOR UPDATE; DO SLEEP(1.5); ROLLBACK`);
  await eventually(async () => assert.notDeepEqual(await query("SELECT 1 FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'"), []));
  const first = alice.increment(key);
  await eventually(async () => assert.deepEqual(await query(`SELECT status FROM idempotency WHERE scope_hash = X'${scopeOf(alice, key)}'`), [["NULL"]]));
  const second = await alice.increment(key);
  assert.equal(second.status, 409);
  assert.equal(second.body.error, "conflict");
  const seconds = Number(second.headers["retry-after"]);
  assert.ok(seconds >= 1 && seconds <= 61, seconds);
  assert.equal((await alice.increment(key, { n: 9 })).status, 422, "another body is wrong even now");
  assert.equal((await first).status, 200);
  await lock;
  assert.equal((await alice.increment(key)).text, (await first).text);
  assert.equal(await alice.used(), 2);
});

test("50 at once: one effect (I-4)", async () => {
  for (let round = 0; round < 5; round++) {
    const alice = await person(), key = newKey();
    const answers = await Promise.all(Array.from({ length: 50 }, () => alice.increment(key)));
    assert.equal(count(answers, 200) + count(answers, 409), 50);
    const done = answers.filter((a) => a.status === 200);
    assert.equal(done.filter((a) => a.headers["idempotent-replayed"] === undefined).length, 1);
    assert.equal(new Set(done.map((a) => a.text)).size, 1);
    for (const waits of answers.filter((a) => a.status === 409)) assert.ok(Number(waits.headers["retry-after"]) >= 1);
    assert.equal(await alice.used(), 1);
  }
});

test("what fails before it is executed is not kept (I-5)", async () => {
  const alice = await person();
  const failures = {
    "syntax": [400, '{"n":', {}],
    "validation": [400, '{"n":0}', {}],
    "type": [415, '{"n":1}', { headers: { "Content-Type": "text/plain" } }],
    "size": [413, JSON.stringify({ n: 1, pad: "x".repeat(65536) }), {}],
    "token": [401, '{"n":1}', { headers: { Authorization: "Bearer session:nobody" } }],
  };
  for (const [name, [status, body, options]] of Object.entries(failures)) {
    const key = newKey();
    assert.equal((await alice.increment(key, body, options)).status, status, name);
    assert.deepEqual(await query(`SELECT * FROM idempotency WHERE scope_hash = X'${scopeOf(alice, key)}'`), [], name);
    const corrected = await alice.increment(key, { n: 1 });
    assert.equal(corrected.status, 200, name);
    assert.equal(corrected.headers["idempotent-replayed"], undefined, name);
  }
  assert.equal(await alice.used(), Object.keys(failures).length);
});

test("a key belongs to its account, method and path", async () => {
  const alice = await person(), bob = await person(), key = newKey();
  assert.equal((await alice.increment(key)).body.used, 1);
  const his = await bob.increment(key);
  assert.equal(his.headers["idempotent-replayed"], undefined);
  assert.equal((await alice.record(key, event)).headers["idempotent-replayed"], undefined);
  assert.deepEqual([await alice.used(), await bob.used(), await alice.events(), await bob.events()], [1, 1, 1, 0]);
  assert.equal((await alice.increment(`${key} `)).headers["idempotent-replayed"], "true", "blanks around belong to HTTP");
  assert.equal((await alice.increment(key.toUpperCase())).headers["idempotent-replayed"], undefined, "case counts");
  for (const used of [2, 2]) assert.equal((await alice.check(key)).body.used, used, "reading has no use for a key");
});

test("kept for a day, then pruned (I-6)", async () => {
  const alice = await person(), key = newKey(), first = await alice.increment(key);
  const where = `scope_hash = X'${scopeOf(alice, key)}'`;
  const age = (seconds) => query(`UPDATE idempotency SET created_at_us = (UNIX_TIMESTAMP() - ${seconds}) * 1000000 WHERE ${where}`);
  const jobs = () => fs.readFileSync(path.join(stack.state, "log/events.log"), "utf8").split('"process":"jobs"').length;
  const prune = async (witness) => {
    await query(`INSERT INTO idempotency (scope_hash, fingerprint, lease_until_us, created_at_us) VALUES (X'${witness}', X'00', 0, 1)`);
    const before = jobs();
    process.kill(Number(fs.readFileSync(path.join(stack.state, "run/supervise.pid"), "utf8")), "SIGHUP"); // jobs prune after their start
    await eventually(async () => assert.ok(jobs() > before), 20000);
    await eventually(async () => assert.deepEqual(await query(`SELECT * FROM idempotency WHERE scope_hash = X'${witness}'`), []), 20000);
  };
  await age(86400 - 60);
  await prune("01".repeat(32));
  assert.equal((await alice.increment(key)).text, first.text, "after 23:59 hours");
  await age(2 * 86400);
  await prune("02".repeat(32));
  assert.deepEqual(await query(`SELECT * FROM idempotency WHERE ${where}`), []);
  const anew = await alice.increment(key);
  assert.equal(anew.headers["idempotent-replayed"], undefined);
  assert.equal(anew.body.used, 2);
});

test("a claim that nobody finishes is free after its lease of 60 s, for one (I-8)", async () => {
  const alice = await person(), key = newKey(), where = `scope_hash = X'${scopeOf(alice, key)}'`;
  await alice.increment(key);
  const [[lease]] = await query(`SELECT lease_until_us - created_at_us FROM idempotency WHERE ${where}`);
  assert.equal(Number(lease), 60e6);

  // As a worker that was killed leaves it: claimed, without an effect.
  await query(`DELETE FROM turn_count WHERE user_id = ${alice.id}; UPDATE idempotency SET status = NULL, body = NULL WHERE ${where}`);
  const waits = await alice.increment(key);
  assert.equal(waits.status, 409);
  assert.ok(Number(waits.headers["retry-after"]) > 50 && Number(waits.headers["retry-after"]) <= 61);
  await query(`UPDATE idempotency SET lease_until_us = UNIX_TIMESTAMP() * 1000000 - 1000000 WHERE ${where}`);
  const answers = await Promise.all(Array.from({ length: 20 }, () => alice.increment(key)));
  assert.equal(count(answers, 200) + count(answers, 409), 20);
  assert.equal(answers.filter((a) => a.status === 200 && a.headers["idempotent-replayed"] === undefined).length, 1);
  assert.equal(await alice.used(), 1);
});

test("whoever lost the lease while working does not take effect", async () => {
  const alice = await person(), key = newKey(), where = `scope_hash = X'${scopeOf(alice, key)}'`;
  await alice.increment(newKey());
  const lock = query(`BEGIN; SELECT used FROM turn_count WHERE user_id = ${alice.id} FOR UPDATE; DO SLEEP(1.5); ROLLBACK`);
  await eventually(async () => assert.notDeepEqual(await query("SELECT 1 FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'"), []));
  const slow = alice.increment(key);
  await eventually(async () => assert.deepEqual(await query(`SELECT status FROM idempotency WHERE ${where}`), [["NULL"]]));
  await query(`UPDATE idempotency SET lease_until_us = 1 WHERE ${where}`);
  const second = alice.increment(key); // takes the claim over
  const answers = await Promise.all([slow, second]);
  await lock;
  assert.equal(await alice.used(), 2, "one before, one by either of the two");
  assert.equal(count(answers, 200), 1, answers.map((a) => a.status).join());
  assert.equal(count(answers, 503), 1, "the other one says that it does not know");
  const again = await alice.increment(key);
  assert.equal(again.text, answers.find((a) => a.status === 200).text);
});

test("kill -9 at any moment: the effect and its answer are there both, or neither (I-7)", { timeout: 120_000 }, async () => {
  const alice = await person(), moments = 22;
  // Slow steps, so that the kills hit all of them: before and after the effect, before and after the answer is stored.
  await query(`CREATE TRIGGER slow_effect BEFORE UPDATE ON turn_count FOR EACH ROW DO SLEEP(0.02);
    CREATE TRIGGER slow_answer BEFORE UPDATE ON idempotency FOR EACH ROW DO SLEEP(0.02)`);
  await alice.increment(newKey());
  let interrupted = 0, rounds = 0;
  for (; interrupted < moments && rounds < 4 * moments; rounds++) {
    const key = newKey(), call = alice.increment(key).catch(() => ({ status: 0 }));
    await sleep(randomInt(0, 60));
    for (const pid of coreWorkers()) process.kill(pid, "SIGKILL");
    let answer = await call;
    interrupted += answer.status === 200 ? 0 : 1;
    for (let tries = 0; answer.status !== 200; tries++) {
      assert.ok(tries < 400, `round ${rounds}: still ${answer.status}`);
      assert.ok([0, 409, 502, 503].includes(answer.status), answer.text);
      if (answer.status === 409) await query("UPDATE idempotency SET lease_until_us = 1 WHERE status IS NULL"); // 60 s pass
      else await sleep(10);
      answer = await alice.increment(key).catch(() => ({ status: 0 }));
    }
    assert.equal(await alice.used(), rounds + 2, `round ${rounds}`);
  }
  await query("DROP TRIGGER slow_effect; DROP TRIGGER slow_answer");
  assert.ok(interrupted >= 20, `${interrupted} of ${rounds} kills hit a request under way`);
});

function coreWorkers() {
  return fs.readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try {
      const args = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return args[0] === `${stack.state}/bin/turnpike-worker` && args.includes("core");
    } catch {
      return false; // it has just ended
    }
  }).map(Number);
}
