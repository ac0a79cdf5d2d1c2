// Usage that the IDE reports, and the daily cap (product.md section 4).
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { promisify } from "node:util";
import { STATE, eventually, signIn, sql } from "../support.mjs";

const run = promisify(execFile);
const FREE_TURNS = 50, PRO_TURNS = 500;
const event = (more = {}) => ({ ts: 1714000000, model: "gpt-5", provider: "openai", ...more });

async function userId(person) {
  const [[id]] = await sql(`SELECT user_id FROM users WHERE public_id = '${person.user.id}'`);
  return id;
}

async function events(person) {
  const rows = await sql(`SELECT client_id, at_us, model, provider, input_tokens, output_tokens, cached_tokens,
    cache_write_tokens, cost_micro FROM usage_event WHERE user_id = ${await userId(person)} ORDER BY usage_id`);
  return rows.map((row) => row.join(" "));
}

test("one event, an array and a full batch are stored as they were sent", async () => {
  const person = await signIn();
  const record = async (body, n) => {
    const answer = await person.post("/api/usage/record", body);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.body, { ok: true, recorded: n });
  };
  await record(event({ id: "a", input_tokens: 1, output_tokens: 2, cached_tokens: 3, cache_write_tokens: 4, cost_usd: 0.25 }), 1);
  await record([event({ id: "b" })], 1);
  await record([], 0);
  await record([event(), event()], 2);
  assert.deepEqual(await events(person), [
    "a 1714000000000000 gpt-5 openai 1 2 3 4 250000", "b 1714000000000000 gpt-5 openai 0 0 0 0 0",
    "NULL 1714000000000000 gpt-5 openai 0 0 0 0 0", "NULL 1714000000000000 gpt-5 openai 0 0 0 0 0",
  ]);

  const batch = (n, name) => Array.from({ length: n }, (_, i) => event({ id: `${name}${i}` }));
  await record(batch(100, "c"), 100);
  const over = await person.post("/api/usage/record", batch(101, "d"));
  assert.equal(over.status, 400);
  assert.deepEqual(over.body.faults, [{ field: "items", rule: "max", limit: 100 }]);
  assert.equal((await events(person)).length, 104, "nothing of a refused batch is stored");
});

test("an id is stored once, for each person", async () => {
  const person = await signIn(), other = await signIn();
  const recorded = async (who, body) => (await who.post("/api/usage/record", body)).body.recorded;
  assert.equal(await recorded(person, event({ id: "same", cost_usd: 1 })), 1);
  assert.equal(await recorded(person, event({ id: "same", cost_usd: 2 })), 0);
  assert.equal(await recorded(person, [event({ id: "new" }), event({ id: "same" }), event({ id: "new" })]), 1, "also inside a batch");
  assert.equal(await recorded(person, event({ id: "SAME" })), 1, "ids are compared exactly");
  assert.equal(await recorded(other, event({ id: "same" })), 1);
  assert.equal((await person.get("/api/account/wallet")).body.lifetime_cents, 100, "the first one counts");
});

test("the same batch sent many times at once is counted once", async () => {
  const person = await signIn();
  const batch = Array.from({ length: 20 }, (_, i) => event({ id: `p${i}`, cost_usd: 0.01 }));
  const answers = await Promise.all(Array.from({ length: 10 }, () => person.post("/api/usage/record", batch)));
  assert.deepEqual([...new Set(answers.map((a) => a.status))], [200]);
  assert.equal(answers.reduce((sum, a) => sum + a.body.recorded, 0), 20);
  assert.equal((await person.get("/api/account/wallet")).body.lifetime_cents, 20);
});

test("no text that was not asked for reaches the database or a log", async () => {
  const person = await signIn();
  const secret = `secret-${randomBytes(8).toString("hex")}`;
  const answer = await person.post(`/api/usage/record?note=${secret}`, [
    event({ id: "kept", prompt: secret, path: `/home/${secret}`, repository: { name: secret }, messages: [secret], [secret]: 1 }),
  ], { headers: { "X-Note": secret } });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.recorded, 1);
  await person.post("/api/usage/increment", { turn_id: "t", prompt: secret, repo: secret });

  const { stdout } = await run("mariadb-dump", ["--no-defaults", `--socket=${STATE}/run/mysql.sock`, "-uroot", "--hex-blob",
    "turnpike"], { maxBuffer: 256 * 1024 * 1024 });
  assert.ok(stdout.includes(person.user.id), "the dump is one");
  assert.ok(!stdout.includes(secret), "in the database");
  const found = await run("grep", ["-rl", secret, `${STATE}/log`]).then((r) => r.stdout, (e) => (e.code === 1 ? "" : Promise.reject(e)));
  assert.equal(found, "", "in a log");
});

test("all faults of an event are listed", async () => {
  const person = await signIn();
  const bad = {
    id: 5, ts: "1714000000", model: ["gpt-5"], provider: null, input_tokens: 1.5, output_tokens: -1, cached_tokens: "7",
    cache_write_tokens: 1000000001, cost_usd: "0.25",
  };
  const { status, body } = await person.post("/api/usage/record", bad);
  assert.equal(status, 400);
  assert.equal(body.error, "bad_request");
  assert.deepEqual(body.faults, [
    { field: "id", rule: "string" }, { field: "ts", rule: "integer" }, { field: "model", rule: "string" },
    { field: "provider", rule: "required" }, { field: "input_tokens", rule: "integer" },
    { field: "output_tokens", rule: "min", limit: 0 }, { field: "cached_tokens", rule: "integer" },
    { field: "cache_write_tokens", rule: "max", limit: 1000000000 }, { field: "cost_usd", rule: "number" },
  ]);
  for (const { field } of body.faults) assert.ok(body.message.includes(field), `the message names ${field}`);
});

test("what is no event is refused and stores nothing", async () => {
  const person = await signIn();
  const cases = [
    undefined, "{", "[]x", "null", "1", '"text"', [[event()]], [1], [event(), {}], {}, event({ ts: -1 }), event({ ts: 0 }), event({ ts: 1e15 }),
    event({ ts: 1714000000.5 }), event({ model: "" }), event({ model: "m".repeat(101) }), event({ provider: "p".repeat(65) }),
    event({ id: "" }), event({ id: "i".repeat(65) }), '{"ts":1,"ts":2,"model":"m","provider":"p"}',
    '{"ts":1,"model":"m\\u0000","provider":"p"}', '{"ts":1,"model":"\\ud800","provider":"p"}',
    `{"ts":1,"model":"m","provider":"p","cost_usd":NaN}`,
  ];
  for (const body of cases) {
    const answer = await person.post("/api/usage/record", body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.ok(["bad_request", "invalid_json"].includes(answer.body.error), answer.text);
  }
  assert.deepEqual(await events(person), []);
});

test("cost_usd is exact to the micro-dollar and rounded up below it", async () => {
  const person = await signIn();
  const accepted = [
    ["0", 0], ["0.0", 0], ["-0", 0], ["0.000001", 1], ["1e-6", 1], ["0.0000001", 1], ["1e-7", 1], ["9.99e-7", 1], ["0.0000011", 2],
    ["0.1", 100000], ["0.3", 300000], ["0.30000000000000004", 300001], ["2.675", 2675000], ["1.0000000", 1000000],
    ["123.456789", 123456789], ["1e2", 100000000], ["1000", 1000000000], ["1000.000000", 1000000000],
  ];
  const refused = ["-0.000001", "-1", "-1e-7", "1000.000001", "1e4", "1e300", '"1"', "true", "[1]", "{}"];
  const body = (cost, id) => `{"ts":1714000000,"model":"m","provider":"p","id":"${id}","cost_usd":${cost}}`;
  for (const [i, [cost]] of accepted.entries()) {
    const answer = await person.post("/api/usage/record", body(cost, i));
    assert.equal(answer.status, 200, `${cost}: ${answer.text}`);
  }
  for (const cost of refused) {
    const answer = await person.post("/api/usage/record", body(cost, "no"));
    assert.equal(answer.status, 400, `${cost}: ${answer.text}`);
    assert.equal(answer.body.faults[0].field, "cost_usd");
  }
  const stored = await sql(`SELECT cost_micro FROM usage_event WHERE user_id = ${await userId(person)} ORDER BY usage_id`);
  assert.deepEqual(stored.map(([micro], i) => [accepted[i][0], Number(micro)]), accepted);
});

test("a repeated Idempotency-Key answers again and does nothing again", async () => {
  const person = await signIn(), other = await signIn();
  const send = (who, body, key = "k-1") => who.post("/api/usage/record", body, { idempotencyKey: key });
  const first = await send(person, event({ cost_usd: 0.01 }));
  assert.deepEqual(first.body, { ok: true, recorded: 1 });
  const again = await send(person, event({ cost_usd: 0.01 }));
  assert.equal(again.text, first.text);
  assert.equal(again.headers["idempotent-replayed"], "true");
  assert.equal((await events(person)).length, 1);

  const mismatch = await send(person, event({ cost_usd: 0.02 }));
  assert.equal(mismatch.status, 422);
  assert.equal(mismatch.body.error, "idempotency_mismatch");
  assert.equal((await send(other, event({ cost_usd: 0.02 }))).status, 200, "keys of another account are others");
  assert.equal((await send(person, event(), "k-2")).body.recorded, 1);
  for (const key of ["x".repeat(256), "é"]) {
    assert.equal((await person.post("/api/usage/record", event(), { headers: { "Idempotency-Key": Buffer.from(key).toString("latin1") } })).status, 400);
  }
});

test("while the first request with a key runs, a second one is told to wait", async () => {
  const person = await signIn(), id = await userId(person);
  for (const [path, body] of [["/api/usage/record", event({ id: "one" })], ["/api/usage/increment", { n: 3 }]]) {
    const held = sql(`BEGIN; SELECT 1 FROM users WHERE user_id = ${id} FOR UPDATE; DO GET_LOCK('held-${id}', 0); DO SLEEP(1); COMMIT`);
    await eventually(async () => assert.notEqual((await sql(`SELECT IS_USED_LOCK('held-${id}')`))[0][0], "NULL"));
    const answers = await Promise.all([1, 2].map(() => person.post(path, body, { idempotencyKey: "busy" })));
    await held;
    const [done, waits] = answers.sort((a, b) => a.status - b.status);
    assert.equal(done.status, 200);
    assert.equal(waits.status, 409);
    assert.equal(waits.body.error, "conflict");
    assert.ok(Number(waits.headers["retry-after"]) >= 1);
    assert.equal((await person.post(path, body, { idempotencyKey: "busy" })).text, done.text);
    assert.equal((await person.post(path, { ...body, n: 4, ts: 1 }, { idempotencyKey: "busy" })).status, 422);
  }
  assert.equal((await events(person)).length, 1);
  assert.equal((await person.get("/api/usage/check")).body.used, 3);
});

test("check tells the use of today and when it starts anew", async () => {
  const person = await signIn();
  const check = async () => (await person.get("/api/usage/check")).body;
  const midnight = (Math.floor(Date.now() / 86400000) + 1) * 86400;
  assert.deepEqual(await check(), { allowed: true, used: 0, limit: FREE_TURNS, resets_at: midnight, plan: "free" });
  assert.deepEqual((await person.post("/api/usage/increment")).body, { used: 1, limit: FREE_TURNS });
  assert.deepEqual((await person.post("/api/usage/increment", { n: 4 })).body, { used: 5, limit: FREE_TURNS });
  assert.equal((await check()).used, 5);

  await sql(`UPDATE turn_count SET day = day - 1 WHERE user_id = ${await userId(person)}`);
  assert.equal((await check()).used, 0, "yesterday is over");
});

test("over the cap the answer is still 200, with allowed false", async () => {
  const person = await signIn();
  const check = async () => (await person.get("/api/usage/check")).body;
  await person.post("/api/usage/increment", { n: FREE_TURNS - 1 });
  assert.equal((await check()).allowed, true);
  await person.post("/api/usage/increment");
  assert.deepEqual([(await check()).allowed, (await check()).used], [false, FREE_TURNS]);
  assert.deepEqual((await person.post("/api/usage/increment")).body, { used: FREE_TURNS + 1, limit: FREE_TURNS });

  for (const [plan, limit] of [["pro", PRO_TURNS], ["pro_plus", null], ["team", null], ["lifetime", null], ["a_plan_of_old", null]]) {
    await sql(`UPDATE users SET plan = '${plan}' WHERE user_id = ${await userId(person)}`);
    const { allowed, ...rest } = await check();
    assert.equal(allowed, true, plan);
    assert.deepEqual([rest.limit, rest.plan], [limit, plan]);
    assert.equal((await person.post("/api/usage/increment", { n: 1 })).body.limit, limit);
  }
});

test("a turn_id counts once", async () => {
  const person = await signIn(), other = await signIn();
  const used = async (who, body) => (await who.post("/api/usage/increment", body)).body.used;
  assert.equal(await used(person, { turn_id: "t-1", n: 2 }), 2);
  assert.equal(await used(person, { turn_id: "t-1", n: 2 }), 2);
  assert.equal(await used(person, { turn_id: "t-2" }), 3);
  assert.equal(await used(other, { turn_id: "t-1" }), 1);

  const same = await Promise.all(Array.from({ length: 20 }, () => person.post("/api/usage/increment", { turn_id: "t-3" })));
  assert.deepEqual([...new Set(same.map((a) => a.status))], [200]);
  assert.equal((await person.get("/api/usage/check")).body.used, 4);
});

test("fifty increments at once are all counted", async () => {
  const person = await signIn();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) =>
    person.post("/api/usage/increment", i % 2 === 0 ? { n: 2 } : { turn_id: `t-${i}` })));
  assert.deepEqual(answers.filter((a) => a.status !== 200).map((a) => a.text), []);
  assert.equal((await person.get("/api/usage/check")).body.used, 75);
  assert.equal(Math.max(...answers.map((a) => a.body.used)), 75, "the last one saw them all");
});

test("increments that make no sense are refused", async () => {
  const person = await signIn();
  for (const body of [{ n: 0 }, { n: -1 }, { n: 1001 }, { n: "1" }, { n: 1.5 }, { turn_id: "" }, { turn_id: "t".repeat(65) }, { turn_id: 1 }, [], "["]) {
    assert.equal((await person.post("/api/usage/increment", body)).status, 400, JSON.stringify(body));
  }
  assert.equal((await person.get("/api/usage/check")).body.used, 0);
});
