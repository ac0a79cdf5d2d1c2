// Streams of POST /v1/chat/completions: every frame and its order (gateway.md 2.3), when it comes, and who leaves.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { STATE, URL_BASE, eventually, turnpike } from "../support.mjs";
import { Gateway, chat, cost, credits, said, words } from "./ai.mjs";

const gateway = new Gateway();
const apart = { stream_options: { include_usage: true } };
let person, quiet;
before(async () => {
  person = await gateway.person();
  // Fifteen seconds pass while the other tests run.
  quiet = gateway.stream(person, chat("tokens=9 hang_at=700"), { leave: (a) => a.text.includes(": keep-alive") || a.text.includes("[DONE]") });
});
after(async () => quiet);

const MODELS = ["sandbox-chat", "sandbox-claude"];

async function good(body, options) {
  const answer = await gateway.stream(person, body, options);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual([answer.end, answer.n_done, answer.blocks.at(-1)], ["end", 1, "data: [DONE]"]);
  return answer;
}

for (const model of MODELS) {
  test(`${model}: frame by frame`, async () => {
    const { headers, chunks, comments, blocks } = await good(chat("tokens=3 think=2 input=50", { model }));
    assert.equal(headers["content-type"], "text/event-stream; charset=utf-8");
    assert.equal(headers["cache-control"], "no-cache, no-transform");
    assert.equal(headers["content-encoding"], undefined);
    assert.match(headers["x-request-id"], /^req_/);
    assert.match(headers["x-turnpike-hold"], /^hold_/);
    const tokens = { input: 50, output: 5 }, micro = cost(model, tokens);
    const head = { id: headers["x-turnpike-receipt"].replace("act_", "chatcmpl-"), object: "chat.completion.chunk", created: chunks[0].created, model };
    const frame = (delta) => ({ ...head, choices: [{ index: 0, delta, finish_reason: null, logprobs: null }] });
    assert.deepEqual(chunks, [
      frame({ role: "assistant", content: "" }),
      frame({ reasoning_content: "alpha " }), frame({ reasoning_content: "bravo " }),
      frame({ content: "alpha " }), frame({ content: "bravo " }), frame({ content: "charlie " }),
      { ...head, choices: [{ index: 0, delta: {}, finish_reason: "stop", logprobs: null }],
        usage: { prompt_tokens: 50, completion_tokens: 5, total_tokens: 55, prompt_tokens_details: { cached_tokens: 0 },
          completion_tokens_details: { reasoning_tokens: model === "sandbox-chat" ? 2 : 0 }, inputTokens: 50, outputTokens: 5, creditsUsed: credits(micro) } },
    ]);
    assert.deepEqual(comments.length, 1);
    assert.equal(BigInt(Math.round(1e6 * Number(comments[0].match(/^: x-turnpike-cost: (\d+(\.\d+)?)$/)[1]))), micro);
    for (const block of blocks) assert.doesNotMatch(block, /\n/, "one line each");
    const receipt = await gateway.receipt({ headers });
    assert.deepEqual([receipt.status, receipt.cost, receipt.is_estimated], ["ok", micro, 0]);
  });

  test(`${model}: usage in a frame of its own, only when asked for`, async () => {
    const { chunks } = await good(chat("tokens=2 input=7", { model, ...apart }));
    assert.deepEqual(chunks.slice(0, -1).map((c) => [c.choices.length, "usage" in c]), Array(chunks.length - 1).fill([1, false]));
    assert.deepEqual([chunks.at(-2).choices[0].finish_reason, chunks.at(-1).choices, chunks.at(-1).usage.outputTokens], ["stop", [], 2]);
    const not = (await good(chat("tokens=2", { model, stream_options: { include_usage: false } }))).chunks;
    assert.deepEqual(not.map((c) => c.choices.length), Array(4).fill(1), "whoever indexes choices[0] is safe");
    assert.equal(not.at(-1).usage.completion_tokens, 2);
  });

  test(`${model}: tools begin with their name, and go on in fragments`, async () => {
    const { chunks } = await good(chat("tool=get_weather tokens=8 say=1 calls=2", { model }));
    const deltas = chunks.map((c) => c.choices[0].delta);
    assert.deepEqual([deltas[0], deltas[1]], [{ role: "assistant", content: "" }, { content: "alpha " }]);
    const calls = deltas.slice(2, -1).map((d) => { assert.deepEqual(Object.keys(d), ["tool_calls"]); return d.tool_calls[0]; });
    const starts = calls.filter((c) => c.id !== undefined);
    assert.deepEqual(starts.map(({ id, ...rest }) => rest), [0, 1].map((index) => ({ index, type: "function", function: { name: "get_weather", arguments: "" } })));
    assert.notEqual(starts[0].id, starts[1].id);
    for (const index of [0, 1]) {
      const own = calls.filter((c) => c.index === index);
      assert.equal(own[0], starts[index]);
      assert.deepEqual(Object.keys(own[1]), ["index", "function"]);
      assert.ok(own.length > 2, "fragments");
      assert.deepEqual(Object.keys(JSON.parse(own.map((c) => c.function.arguments).join(""))), ["text"]);
    }
    assert.equal(chunks.at(-1).choices[0].finish_reason, "tool_calls");
  });

  test(`${model}: other ends`, async () => {
    const long = await good(chat("tokens=9", { model, max_tokens: 4 }));
    assert.deepEqual([said(long.chunks), long.chunks.at(-1).choices[0].finish_reason], [words(4), "length"]);
    assert.equal((await good(chat("refuse", { model }))).chunks.at(-1).choices[0].finish_reason, "content_filter");
  });

  test(`${model}: characters are never split`, async () => {
    const { chunks, parts } = await good(chat("utf8 tokens=15", { model }));
    assert.equal(said(chunks), "grün naïve 日本 мир 🙂 café 한국 Ωmega żółć 中文 🚀 señor ελιά ไทย ёж ");
    for (const { text } of parts) assert.ok(!text.includes("\ufffd"));
  });

  test(`${model}: frames come one by one, the first as soon as the model begins`, async () => {
    const { parts } = await good(chat("first_ms=200 rate=20 tokens=10", { model }));
    const at = [];
    for (const { text, ms } of parts) for (let n = text.split('"content":"').length - 1; n > 0; n--) at.push(ms);
    assert.equal(at.length, 11);
    assert.ok(at[1] >= 195, `the first at ${at[1]} ms`);
    // Nine gaps of 50 ms, which a buffer would swallow; a busy machine may be late to read the first of them.
    assert.ok(at[10] - at[1] >= 225, `${at[10] - at[1]} ms`);
    assert.ok(new Set(at).size >= 9, "not in one go");
  });

  test(`${model}: no usage reported: estimated and marked`, async () => {
    const body = chat("usage=none tokens=20", { model, ...apart });
    const { chunks, headers } = await good(body);
    const tokens = { input: Math.ceil((body.messages[0].content.length + 12) / 4), output: Math.ceil(words(20).length / 4) };
    const receipt = await gateway.receipt({ headers });
    assert.deepEqual([receipt.status, receipt.is_estimated, receipt.input_tokens, receipt.output_tokens, receipt.cost], ["ok", 1, tokens.input, tokens.output, cost(model, tokens)]);
    assert.deepEqual([chunks.at(-1).usage.inputTokens, chunks.at(-1).usage.outputTokens], [tokens.input, tokens.output]);
  });

  test(`${model}: 5,000 tokens at full speed: all of them, in order, one frame each`, async () => {
    const { chunks } = await good(chat("tokens=5000", { model, max_tokens: 5000 }));
    assert.equal(chunks.length, 5002);
    assert.equal(said(chunks), words(5000));
    assert.equal(chunks.at(-1).usage.outputTokens, 5000);
  });

  test(`${model}: who leaves stops the model within two seconds, and pays for what came`, async () => {
    const someone = await gateway.person(), tag = `left-${model}-${Date.now()}`;
    const body = chat(`rate=50 tokens=1000 input=40 tag=${tag}`, { model, ...apart });
    const answer = await gateway.stream(someone, body, { leave: (a) => a.text.split('"content":"').length > 5 });
    assert.equal(answer.end, "left");
    const left_at = Date.now();
    const record = await eventually(async () => {
      const [found] = await gateway.records(tag);
      assert.equal(found.state, "aborted");
      return found;
    }, 2500);
    assert.ok(record.ended_at_ms - left_at < 2000, `${record.ended_at_ms - left_at} ms`);
    assert.ok(record.generated_tokens < 60, `${record.generated_tokens}`);
    const receipt = await gateway.receipt(answer);
    assert.deepEqual([receipt.status, receipt.is_estimated, receipt.reason], ["aborted", 1, "the client left in the middle"]);
    // Anthropic's dialect tells the input with its first frame; OpenAI's would have told it with the last.
    assert.equal(receipt.input_tokens, model === "sandbox-claude" ? 40 : Math.ceil((body.messages[0].content.length + 12) / 4));
    assert.ok(receipt.output_tokens >= Math.ceil(words(4).length / 4) && receipt.output_tokens <= Math.ceil(words(record.generated_tokens).length / 4), `${receipt.output_tokens} of ${record.generated_tokens}`);
    assert.equal(receipt.cost, cost(model, { input: receipt.input_tokens, output: receipt.output_tokens }));
    assert.equal(await gateway.atRest(someone), 100000000n - receipt.cost);
  });

  test(`${model}: who leaves before the first token pays nothing`, async () => {
    const someone = await gateway.person(), tag = `early-${model}-${Date.now()}`;
    const gone = gateway.stream(someone, chat(`first_ms=5000 tag=${tag}`, { model }), { timeout: 200 });
    await eventually(async () => assert.equal((await gateway.records(tag))[0]?.state, "open"));
    await gone;
    await eventually(async () => assert.equal((await gateway.records(tag))[0].state, "aborted"), 2000);
    const receipt = await eventually(async () => {
      const [id] = await gateway.receipts(someone);
      return gateway.receipt(id ?? assert.fail("not settled"));
    });
    assert.deepEqual([receipt.status, receipt.cost, receipt.reason], ["refunded", 0n, "the client left before the first token"]);
    assert.equal(await gateway.atRest(someone), 100000000n);
  });

  for (const [when, directive, stream] of [["before the first token", "first_ms=5000", true], ["in the middle", "rate=50 tokens=500", true], ["before a whole answer", "first_ms=5000", false]])
    test(`${model}: who leaves ${when} is an event, and no error of ours`, async () => {
      const trace = `left-${randomUUID()}`;
      await gateway.stream(person, chat(`${directive} tag=${trace}`, { model, stream }), { timeout: 800, headers: { "X-Request-Id": trace }, leave: (a) => a.text.length > 500 });
      assert.equal((await gateway.records(trace)).length, 1, "the model was at work");
      const events = await eventually(() => {
        const found = fs.readFileSync(path.join(STATE, "log/events.log"), "utf8").split("\n").filter((line) => line.includes(trace));
        assert.ok(found.length > 0, "nothing in the log");
        return found.map(JSON.parse);
      });
      assert.deepEqual(events.map((e) => [e.level, e.event, e.route]), [["info", "client_left", "/v1/chat/completions"]]);
    });
}

test("limits and origins are told on streams as on all else", async () => {
  const { headers } = await good(chat("tokens=1"), { headers: { Origin: URL_BASE, "X-Request-Id": "trace-1" } });
  assert.deepEqual([headers["ratelimit-limit"], headers["ratelimit-policy"], headers["ratelimit-remaining"]], ["30", "30;w=60", "29"]);
  assert.deepEqual([headers["access-control-allow-origin"], headers["x-request-id"]], [URL_BASE, "trace-1"]);
});

test("what is wrong before the first byte is an answer, no stream", async () => {
  const poor = await gateway.person({ topup: 1n });
  const json = async (who, body) => {
    const { status, headers, body: said_, chunks } = await gateway.stream(who, body);
    assert.match(headers["content-type"], /^application\/json/);
    assert.equal(chunks, undefined);
    return [status, said_.code];
  };
  assert.deepEqual(await json(poor, chat("")), [402, "insufficient_credits"]);
  assert.deepEqual(await json(person, chat("", { model: "x" })), [404, "model_not_found"]);
  assert.deepEqual(await json(person, chat("", { n: 5 })), [400, "validation_failed"]);
  assert.deepEqual(await json(person, chat("nonsense")), [400, "validation_failed"]);
  assert.deepEqual(await json(undefined, chat("")), [401, "unauthorized"]);
});

test("nginx waits for as long as the slowest mode may be silent, and a little more", async () => {
  const dir = fs.mkdtempSync("/tmp/turnpike-nginx-"), config = path.join(dir, "turnpike.conf");
  fs.symlinkSync(path.join(STATE, "bin"), path.join(dir, "bin"));
  const timeouts = async (more) => {
    fs.writeFileSync(config, fs.readFileSync(path.join(STATE, "turnpike.conf"), "utf8") + more);
    const { status, stderr } = await turnpike(["nginx", "--out", dir], dir);
    assert.equal(status, 0, stderr);
    return new Set(fs.readFileSync(path.join(dir, "locations.conf"), "utf8").match(/fastcgi_read_timeout [^;]*/g));
  };
  try {
    assert.deepEqual(await timeouts(""), new Set(["fastcgi_read_timeout 1830s"]));
    assert.deepEqual(await timeouts("\n[mode.plan]\nwhole = 4000\n"), new Set(["fastcgi_read_timeout 4030s"]));
    assert.deepEqual(await timeouts("\n[mode.agent]\nstream = 60\nwhole = 50\n"), new Set(["fastcgi_read_timeout 930s"]), "that of plan");
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
});

test("after fifteen silent seconds a comment says that all is well", async () => {
  const { status, comments, text, parts } = await quiet;
  assert.equal(status, 200, text);
  assert.deepEqual(comments, [": keep-alive"]);
  assert.doesNotMatch(text, /DONE|error/);
  const [last, before_] = [parts.at(-1).ms, parts.at(-2).ms];
  assert.ok(last - before_ > 12000 && last - before_ < 25000, `${last - before_} ms`); // as late as a busy machine reads
});
