// Models that hang, drip, flood and talk nonsense; workers killed and the database gone in the middle of streams; readers
// that stand still (F-03, F-20, F-80, F-81, F-85). Whatever happens, calls end in time, are settled once, and nothing
// stays reserved.
import assert from "node:assert/strict";
import fs from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { CATALOG, Gateway, chat, cost, fill, said, withModel, words } from "../e2e/gateway/ai.mjs";
import { alive, eventually, start } from "./support.mjs";

const DIALECTS = ["openai", "anthropic"];
// Short for the mode chat, as ever for the others.
const BUDGET = { first_byte: 1, idle: 1, stream: 4, whole: 2 };

const catalog = structuredClone(CATALOG);
for (const dialect of DIALECTS) {
  for (const name of ["hang", "garbage", "odd"]) withModel(catalog, `${dialect}-${name}`, { dialect });
  for (const name of ["mute", "stuck", "drip", "nonsense", "line"]) withModel(catalog, `${dialect}-${name}`, { dialect, routes: 1 });
}
withModel(catalog, "tab-hang", { dialect: "fim_openai", routes: 1 });

let stack, gateway, person;
before(async () => {
  stack = await start(28, { config: { ...Object.fromEntries(Object.entries(BUDGET).map(([k, v]) => [`mode.chat.${k}`, v])), "mode.tab.whole": 1, "database.timeout": 2 } });
  gateway = new Gateway(stack);
  fs.writeFileSync(stack.file("test-catalog.json"), JSON.stringify(catalog));
  const { status, stderr } = await stack.turnpike("catalog", "load", stack.file("test-catalog.json"));
  assert.equal(status, 0, stderr);
  await stack.restart("SIGUSR1");
  person = await gateway.person();
});
after(() => stack?.down());

afterEach(async () => {
  if (!person) return;
  await eventually(async () => assert.deepEqual(await gateway.sql("SELECT public_id FROM hold WHERE state = 'open'"), []), 5000);
  const { status, stdout, stderr } = await stack.turnpike("ledger", "verify");
  assert.equal(status, 0, stdout + stderr);
});

const unique = (name) => `${name}-${process.pid}-${Date.now()}`;
const within = (answer, least_ms, most_ms) => assert.ok(answer.ms >= least_ms && answer.ms < most_ms, `${Math.round(answer.ms)} ms`);

async function refunded(answer) {
  const receipt = await gateway.receipt(answer);
  assert.deepEqual([receipt.status, receipt.cost], ["refunded", 0n], receipt.reason);
}

for (const dialect of DIALECTS) {
  test(`${dialect}: a model that says nothing: the next route after the first byte's time, or 408`, async () => {
    const answers = await Promise.all([
      gateway.stream(person, chat("hang only=sandbox-a tokens=4", { model: `${dialect}-hang` })),
      gateway.stream(person, chat("hang", { model: `${dialect}-mute` })),
      gateway.chat(person, chat("hang only=sandbox-a", { model: `${dialect}-mute` })),
    ]);
    const [second, stream, whole] = answers;
    assert.deepEqual([second.status, said(second.chunks ?? [])], [200, words(4)], second.text);
    within(second, 990, 2500);
    assert.deepEqual([stream.status, stream.body.code], [408, "timeout"]);
    assert.deepEqual([whole.status, whole.body.code], [408, "timeout"]);
    within(whole, 1990, 3500);
    await Promise.all([refunded(stream), refunded(whole)]);
    assert.equal((await gateway.receipt(second)).attempts, 2);
  });

  test(`${dialect}: a model that stops in the middle: an error in the stream, and what came is charged`, async () => {
    const answer = await gateway.stream(person, chat("tokens=100 hang_at=1500", { model: `${dialect}-stuck` }));
    assert.deepEqual([answer.status, answer.chunks.at(-1).code, answer.n_done, answer.end], [200, "timeout", 1, "end"]);
    within(answer, 990, 2500);
    const receipt = await gateway.receipt(answer), text = said(answer.chunks);
    assert.ok(text.length > 0 && words(100).startsWith(text));
    assert.deepEqual([receipt.status, receipt.is_estimated, receipt.output_tokens], ["cut", 1, Math.ceil(text.length / 4)]);
  });

  test(`${dialect}: a model that drips byte after byte ends with the whole time`, async () => {
    const [stream, whole] = await Promise.all([
      gateway.stream(person, chat("drip=200", { model: `${dialect}-drip` })),
      gateway.chat(person, chat("drip=200", { model: `${dialect}-drip` })),
    ]);
    assert.deepEqual([stream.status, stream.body?.code], [408, "timeout"], stream.text);
    assert.deepEqual([whole.status, whole.body?.code], [408, "timeout"], whole.text);
    within(stream, 3990, 5500);
    within(whole, 1990, 3500);
    await Promise.all([refunded(stream), refunded(whole)]);
  });

  test(`${dialect}: nonsense: the next route before the first byte, an error after it`, async () => {
    for (const stream of [true, false]) {
      const answer = await gateway.chat(person, chat("garbage=0 only=sandbox-a tokens=3", { model: `${dialect}-garbage`, stream }));
      assert.equal(answer.status, 200, answer.text);
      if (!stream) assert.equal(answer.body.choices[0].message.content, words(3));
    }
    const whole = await gateway.chat(person, chat("garbage", { model: `${dialect}-nonsense` }));
    assert.deepEqual([whole.status, whole.body.code], [502, "upstream_error"]);
    await refunded(whole);
    const late = await gateway.stream(person, chat("garbage=5 tokens=9", { model: `${dialect}-nonsense` }));
    assert.deepEqual([late.status, late.chunks.at(-1).code, late.n_done], [200, "upstream_error", 1]);
    assert.equal(said(late.chunks), words(5));
    assert.equal((await gateway.receipt(late)).status, "cut");
  });

  test(`${dialect}: half a megabyte in one line is carried; ten are refused, in bounded memory, and not charged`, async () => {
    const rss = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${stack.workers("ai")[0].pid}/status`, "utf8"))[1]);
    const before_ = rss(), someone = await gateway.person();
    for (const stream of [true, false]) {
      const answer = await gateway.chat(someone, chat("line=10485760 tokens=2", { model: `${dialect}-line`, stream }));
      assert.equal(stream ? answer.chunks.at(-1).code : answer.body.code, "upstream_error", answer.text.slice(0, 300));
      const long = await gateway.chat(person, chat("line=500000 tokens=2", { model: `${dialect}-odd`, stream }));
      assert.equal((stream ? said(long.chunks) : long.body.choices[0].message.content).length > 499000, true);
    }
    assert.equal(await gateway.atRest(someone), 100000000n, "nothing was delivered");
    await eventually(() => assert.ok(rss() - before_ < 64 * 1024, `${rss() - before_} KiB`));
  });

  test(`${dialect}: gzip that nobody asked for is unpacked, characters that are none do not get through`, async () => {
    const model = `${dialect}-odd`;
    for (const stream of [true, false]) {
      const packed = await gateway.chat(person, chat("gzip tokens=20 input=9", { model, stream }));
      assert.equal(packed.status, 200, packed.text);
      assert.equal(stream ? said(packed.chunks) : packed.body.choices[0].message.content, words(20));
      assert.equal((await gateway.receipt(packed)).cost, cost(model, { input: 9, output: 20 }, catalog));
      const bad = await gateway.chat(person, chat("utf8=bad tokens=5", { model, stream }));
      assert.equal(Buffer.from(bad.text).includes(Buffer.from([0xc3, 0x28])), false);
      if (bad.status === 200) assert.ok(stream ? bad.n_done === 1 : bad.body.choices.length === 1);
      else assert.deepEqual([bad.status, bad.body.code], [502, "upstream_error"]);
    }
  });
}

test("a completion waits a second, not a minute", async () => {
  const answer = await gateway.fill(person, fill("hang", { model: "tab-hang" }));
  assert.deepEqual([answer.status, answer.body.code], [408, "timeout"]);
  within(answer, 990, 2500);
  await refunded(answer);
});

// Streams of a minute and more, each of its own person; resolves when all of them are under way.
async function longStreams(n, { tokens = 2000, rate = 50 } = {}) {
  const streams = await Promise.all(Array.from({ length: n }, async (_, i) => {
    const stream = { person: await gateway.person({ topup: 1000000n }), tag: unique(`long-${i}`), n_frames: 0 };
    const body = chat(`rate=${rate} tokens=${tokens} input=30 tag=${stream.tag}`, { mode: "agent", max_tokens: tokens, model: i % 2 ? "sandbox-claude" : "sandbox-chat", stream_options: { include_usage: true } });
    stream.answer = gateway.stream(stream.person, body, { timeout: 60000, leave: (a) => { stream.n_frames = a.text.split('"content":"').length - 2; return false; } });
    return stream;
  }));
  await eventually(() => { for (const s of streams) assert.ok(s.n_frames >= 3, `${s.n_frames}`); });
  return streams;
}

test("a worker that is killed in the middle: its calls are settled from its journal within seconds, once", async () => {
  for (let round = 0; round < 2; round++) {
    const streams = await longStreams(6);
    const [{ pid }] = stack.workers("ai");
    process.kill(pid, "SIGKILL");
    const killed_at = performance.now();
    await eventually(() => assert.ok(!alive(pid)));
    const answers = await Promise.all(streams.map((s) => s.answer));
    for (const answer of answers) assert.notEqual(answer.n_done, 1, "nobody takes it for complete");
    for (const [i, stream] of streams.entries()) {
      const receipt = await gateway.receipt(answers[i]);
      assert.deepEqual([receipt.status, receipt.is_estimated], ["crashed", 1]);
      const text = said(answers[i].chunks);
      assert.ok(receipt.output_tokens >= Math.ceil(text.length / 4) && receipt.output_tokens <= Math.ceil((text.length + 40) / 4), `${receipt.output_tokens} for ${text.length}`);
      assert.equal(await gateway.atRest(stream.person), 1000000n - receipt.cost);
      assert.equal((await gateway.receipts(stream.person)).length, 1);
      await eventually(async () => assert.equal((await gateway.records(stream.tag))[0].state, "aborted"), 2000);
    }
    assert.ok(performance.now() - killed_at < 5000, `${Math.round(performance.now() - killed_at)} ms`);
    assert.deepEqual(fs.readdirSync(stack.file("shm")).filter((f) => f.startsWith("calls.ai.")).length, 1, "the dead one's journal is gone");
    assert.equal((await gateway.chat(person, chat("tokens=1"))).status, 200);
  }
});

test("a completion whose model had only thought when the worker was killed costs nothing", async () => {
  const tag = unique("thought"), someone = await gateway.person();
  const answer = gateway.fill(someone, fill(`think=40 tokens=5 hang_at=2500 tag=${tag}`, { model: "sandbox-chat", stream: true }));
  await eventually(async () => assert.equal((await gateway.records(tag))[0]?.state, "open"));
  await gateway.fill(person, fill("tokens=1")); // meanwhile the thoughts have been read
  process.kill(stack.workers("tab")[0].pid, "SIGKILL");
  await answer;
  const [id] = await eventually(async () => {
    const ids = await gateway.receipts(someone);
    assert.equal(ids.length, 1);
    return ids;
  });
  const receipt = await gateway.receipt(id);
  assert.deepEqual([receipt.status, receipt.attempts, receipt.cost, receipt.output_tokens], ["crashed", 1, 0n, 0]);
  assert.equal(await gateway.atRest(someone), 100000000n);
});

test("the database dies in the middle: streams go on and are settled when it is back; who comes meanwhile is refused", async () => {
  const streams = await longStreams(4, { tokens: 200 });
  await stack.killDatabase();
  const seen = streams.map((s) => s.n_frames);
  // Somebody whose account this process has not looked up a moment ago.
  const refused = await gateway.chat(person, chat("tokens=1"));
  assert.equal(refused.status, 503, refused.text);
  assert.match(refused.headers["retry-after"], /^\d+$/);
  await eventually(() => streams.forEach((s, i) => assert.ok(s.n_frames > seen[i] + 10)));
  const answers = await Promise.all(streams.map((s) => s.answer));
  for (const answer of answers) assert.deepEqual([answer.status, answer.n_done, said(answer.chunks)], [200, 1, words(200)]);
  await stack.up();
  for (const [i, stream] of streams.entries()) {
    const receipt = await gateway.receipt(answers[i]);
    assert.deepEqual([receipt.status, receipt.is_estimated, receipt.cost], ["ok", 0, cost("sandbox-chat", { input: 30, output: 200 })]);
    assert.equal(await gateway.atRest(stream.person), 1000000n - receipt.cost);
  }
  assert.equal((await gateway.chat(person, chat("tokens=1"))).status, 200);
});

test("readers that stand still slow nobody else, and get all of it when they go on", async () => {
  const tag = unique("slow"), held = [];
  const slow = Array.from({ length: 4 }, () => {
    let stopped = false;
    return gateway.stream(person, chat(`tokens=60000 tag=${tag}`, { mode: "agent", max_tokens: 60000 }),
      { timeout: 60000, slow: (incoming) => { if (!stopped) { stopped = true; incoming.pause(); held.push(incoming); } } });
  });
  await eventually(() => assert.equal(held.length, 4));
  const others = await Promise.all(Array.from({ length: 20 }, () => gateway.stream(person, chat("rate=50 tokens=25", { mode: "plan" }))));
  for (const answer of others) {
    assert.equal(said(answer.chunks), words(25));
    assert.ok(answer.ms < 2500, `${answer.ms} ms`);
  }
  assert.ok((await gateway.records(tag)).every((r) => r.state === "open"), "they have megabytes to send, and nobody takes them");
  for (const incoming of held) incoming.resume();
  for (const answer of await Promise.all(slow)) {
    assert.equal(said(answer.chunks), words(60000));
    assert.deepEqual([answer.n_done, answer.chunks.at(-1).usage.outputTokens], [1, 60000]);
  }
});
