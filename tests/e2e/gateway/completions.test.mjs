// POST /v1/completions: filling in between a prefix and a suffix (gateway.md 2.5).
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Visitor, randomAddress } from "../support.mjs";
import { Gateway, cost, credits, dollars, fill, words } from "./ai.mjs";

const gateway = new Gateway();
let person;
before(async () => { person = await gateway.person(); });

const ask = (body, { from = randomAddress(), who = person, ...options } = {}) =>
  new Visitor({ token: who.token, address: from }).post("/v1/completions", body, options);

async function good(body, options) {
  const answer = await ask(body, options);
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

for (const model of ["codegrex-tab", "sandbox-tab"]) {
  test(`${model}: the whole answer, member by member, and its cost`, async () => {
    const someone = await gateway.person({ topup: 1000000n });
    const since = Math.floor(Date.now() / 1000);
    const { body, headers } = await good(fill("tokens=7 input=23456", { model }), { who: someone });
    const { id, created, ...rest } = body;
    const micro = cost(model, { input: 23456, output: 7 });
    assert.match(id, /^cmpl-[0-9A-Za-z]{24}$/);
    assert.ok(created >= since && created <= Date.now() / 1000);
    assert.deepEqual(rest, {
      object: "text_completion", model, choices: [{ text: words(7), index: 0, logprobs: null, finish_reason: "stop" }],
      usage: { prompt_tokens: 23456, completion_tokens: 7, total_tokens: 23463, prompt_tokens_details: { cached_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0 }, inputTokens: 23456, outputTokens: 7, creditsUsed: credits(micro) },
    });
    assert.equal(headers["x-turnpike-receipt"], id.replace("cmpl-", "act_"));
    const receipt = await gateway.receipt(headers["x-turnpike-receipt"]);
    assert.deepEqual([receipt.cost, receipt.endpoint, receipt.mode, receipt.provider], [micro, "completions", "tab", "sandbox-fim"]);
    assert.equal(dollars(micro).replace(/\.?0+$/, ""), headers["x-turnpike-cost"].replace(/\.?0+$/, ""));
    assert.equal(await gateway.atRest(someone), 1000000n - micro);
  });
}

test("a stream: a frame for each token, usage with the end, or apart when asked for", async () => {
  const plain = await gateway.fill(person, fill("tokens=4 input=9", { stream: true }));
  assert.match(plain.headers["content-type"], /^text\/event-stream/);
  const usage = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 },
    inputTokens: 9, outputTokens: 4, creditsUsed: credits(cost("codegrex-tab", { input: 9, output: 4 })) };
  const head = { id: plain.headers["x-turnpike-receipt"].replace("act_", "cmpl-"), object: "text_completion", created: plain.chunks[0].created, model: "codegrex-tab" };
  const choice = (text, finish_reason = null) => [{ text, index: 0, logprobs: null, finish_reason }];
  assert.deepEqual(plain.chunks, [...["alpha ", "bravo ", "charlie ", "delta "].map((text) => ({ ...head, choices: choice(text) })), { ...head, choices: choice("", "stop"), usage }]);
  assert.deepEqual([plain.n_done, plain.blocks.at(-1)], [1, "data: [DONE]"]);
  const apart = await gateway.fill(person, fill("tokens=4 input=9", { stream: true, stream_options: { include_usage: true } }));
  assert.deepEqual(apart.chunks.slice(-2).map((c) => [c.choices.length, c.choices[0]?.finish_reason, c.usage]), [[1, "stop", undefined], [0, undefined, usage]]);
});

test("`prompt` is the same as `prefix`; either may be empty beside a suffix; other files may come along", async () => {
  assert.equal((await good({ model: "codegrex-tab", prompt: "a [[sandbox: tokens=2]]", suffix: "b" })).body.choices[0].text, words(2));
  await good({ model: "codegrex-tab", prefix: "", suffix: "b" });
  await good({ model: "codegrex-tab", prefix: "x", language: "c", path: "a/b.c", context: [{ path: "a.h", content: "int f(void);" }], stop: "\n\n", temperature: 0.2, user: "u", echo: false });
});

test("how answers end", async () => {
  const { body } = await good(fill("tokens=9", { max_tokens: 4 }));
  assert.deepEqual([body.choices[0].text, body.choices[0].finish_reason, body.usage.completion_tokens], [words(4), "length", 4]);
});

test("reserved: 128 tokens unless the client says", async () => {
  const reserved = async (more) => (await gateway.receipt((await good({ ...fill("tokens=1"), ...more })).headers["x-turnpike-receipt"])).estimate;
  const output = (n) => cost("codegrex-tab", { output: n });
  const [usual, most] = [await reserved({}), await reserved({ max_tokens: 512 })];
  assert.ok(most - usual >= output(512 - 128) - 1n && most - usual <= output(512 - 128) + 1n, `${usual} ${most}`);
});

test("a model for chats fills in, too, when it is asked to", async () => {
  for (const model of ["sandbox-chat", "sandbox-claude"]) {
    const { body, headers } = await good(fill("tokens=3 input=100", { model }));
    assert.deepEqual([body.object, body.choices[0].text.trim(), body.choices[0].finish_reason], ["text_completion", words(3).trim(), "stop"]);
    assert.equal((await gateway.receipt(headers["x-turnpike-receipt"])).cost, cost(model, { input: 100, output: 3 }));
  }
});

test("every fault of a body, with its place", async () => {
  const ok = { model: "codegrex-tab", prefix: "x" };
  const cases = [
    [{}, ["model", "prefix"]], [{ ...ok, model: "" }, ["model"]], [{ model: "codegrex-tab" }, ["prefix"]], [{ ...ok, prefix: "" }, ["prefix"]], [{ model: "m", prompt: "" }, ["prompt"]],
    [{ ...ok, prefix: 1 }, ["prefix"]], [{ ...ok, suffix: 1 }, ["suffix"]], [{ ...ok, max_tokens: 513 }, ["max_tokens"]], [{ ...ok, max_tokens: 0 }, ["max_tokens"]],
    [{ ...ok, temperature: 3 }, ["temperature"]], [{ ...ok, stop: [1] }, ["stop[0]"]], [{ ...ok, n: 2 }, ["n"]], [{ ...ok, stream: 1 }, ["stream"]], [{ ...ok, language: 1 }, ["language"]],
    [{ ...ok, context: [{ path: "a" }, 5] }, ["context[0].content", "context[1]"]], [{ ...ok, context: Array(65).fill({ path: "a", content: "b" }) }, ["context"]],
    [{ ...ok, model: "codegrex-tab", prompt: [1, 2], prefix: null }, ["prompt"]],
  ];
  for (const [body, paths] of cases) {
    const answer = await ask(body);
    assert.deepEqual([answer.status, answer.body.code], [400, "validation_failed"], JSON.stringify(body));
    assert.deepEqual(answer.body.details.map((d) => d.path), paths, JSON.stringify(body));
    assert.equal(answer.headers["x-turnpike-hold"], undefined);
  }
  assert.equal((await ask({ ...ok, model: "none" })).body.code, "model_not_found");
  assert.equal((await ask({ ...ok, prefix: "x".repeat(600 * 1024) })).status, 413);
});

test("too little credit: no model is asked", async () => {
  const poor = await gateway.person({ topup: 50n }), tag = `tab-poor-${Date.now()}`;
  const answer = await ask(fill(`tag=${tag}`), { who: poor });
  assert.deepEqual([answer.status, answer.body.code, answer.body.available], [402, "insufficient_credits", 0.05]);
  assert.deepEqual(await gateway.records(tag), []);
});

test("a model that breaks off while it thinks has said nothing: an error that may be tried again, and nothing charged", async () => {
  const someone = await gateway.person(), body = fill("think=40 tokens=5 cut_at=2500", { model: "sandbox-chat", stream: true });
  const answer = await gateway.fill(someone, body);
  assert.deepEqual([answer.status, answer.body.code, answer.headers["x-should-retry"]], [502, "upstream_error", undefined]);
  const receipt = await gateway.receipt(answer);
  assert.deepEqual([receipt.status, receipt.cost], ["refunded", 0n]);
  assert.ok(receipt.attempts > 1, "other routes were asked");
  assert.equal(await gateway.atRest(someone), 100000000n);
});

test("who leaves before the answer is not worked for", async () => {
  const tag = `tab-left-${Date.now()}`;
  const gone = await gateway.fill(person, fill(`first_ms=3000 tag=${tag}`), { timeout: 150 });
  assert.equal(gone.end, "timeout");
  const left_at = Date.now();
  let record;
  do [record] = await gateway.records(tag); while (record.state === "open" && Date.now() - left_at < 2500);
  assert.deepEqual([record.state, record.ended_at_ms - left_at < 2000], ["aborted", true]);
});
