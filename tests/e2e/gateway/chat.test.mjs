// POST /v1/chat/completions in one answer: its shape, what it costs to the micro-dollar, and what it refuses, over both
// dialects of upstreams (gateway.md 2.1, 2.2, 6).
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { URL_BASE, Visitor, randomAddress } from "../support.mjs";
import { Gateway, chat, cost, credits, estimate, exactChat, fill, words } from "./ai.mjs";

const gateway = new Gateway();
let person, poor;
before(async () => { [person, poor] = await Promise.all([gateway.person(), gateway.person({ topup: 1000n })]); });

// One call from an address of its own, held against the OpenAPI document.
const ask = (body, { from = randomAddress(), who = person, ...options } = {}) =>
  new Visitor({ token: who.token, address: from }).post("/v1/chat/completions", body, options);

async function good(body, options) {
  const answer = await ask(body, options);
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

const MODELS = ["sandbox-chat", "sandbox-claude", "claude-sonnet-4-6"]; // OpenAI's dialect, and twice Anthropic's

for (const model of MODELS) {
  test(`${model}: the whole answer, member by member`, async () => {
    const since = Math.floor(Date.now() / 1000);
    const { body, headers } = await good(chat("tokens=5 input=120", { model }));
    const { id, created, ...rest } = body;
    assert.match(id, /^chatcmpl-[0-9A-Za-z]{24}$/);
    assert.ok(created >= since && created <= Date.now() / 1000, "seconds");
    assert.deepEqual(rest, {
      object: "chat.completion", model,
      choices: [{ index: 0, message: { role: "assistant", content: words(5), refusal: null }, finish_reason: "stop", logprobs: null }],
      usage: { prompt_tokens: 120, completion_tokens: 5, total_tokens: 125, prompt_tokens_details: { cached_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0 }, inputTokens: 120, outputTokens: 5, creditsUsed: 0.44 },
    });
    assert.deepEqual(Object.keys(body), ["id", "object", "created", "model", "choices", "usage"]);
    assert.equal(headers["content-type"], "application/json; charset=utf-8");
    assert.equal(headers["cache-control"], "no-store");
    assert.match(headers["x-turnpike-hold"], /^hold_[0-9A-Za-z]{24}$/);
    assert.equal(headers["x-turnpike-receipt"], id.replace("chatcmpl-", "act_"));
  });

  test(`${model}: every class of tokens at its price, in the answer, in the receipt, off the balance`, async () => {
    const someone = await gateway.person({ topup: 10000000n });
    let balance = 10000000n;
    for (const [input, cached, cache_write, think, output] of [[1000, 0, 0, 0, 100], [1001, 333, 0, 0, 1], [977, 100, 77, 0, 3], [500, 100, 50, 20, 30], [1, 0, 0, 0, 1], [7, 7, 0, 0, 1]]) {
      const { body, headers } = await good(chat(`input=${input} cached=${cached} cache_write=${cache_write} think=${think} tokens=${output}`, { model }), { who: someone });
      const tokens = { input: input - cached - cache_write, cached, cache_write, output: output + think };
      const micro = cost(model, tokens);
      assert.deepEqual(body.usage, {
        prompt_tokens: input, completion_tokens: output + think, total_tokens: input + output + think,
        prompt_tokens_details: cache_write ? { cached_tokens: cached, cache_write_tokens: cache_write } : { cached_tokens: cached },
        // Anthropic does not tell which of its output was thought.
        completion_tokens_details: { reasoning_tokens: model === "sandbox-chat" ? think : 0 },
        inputTokens: input, outputTokens: output + think, creditsUsed: credits(micro),
      });
      assert.equal(BigInt(Math.round(Number(headers["x-turnpike-cost"]) * 1e6)), micro, headers["x-turnpike-cost"]);
      const receipt = await gateway.receipt(headers["x-turnpike-receipt"]);
      assert.deepEqual([receipt.status, receipt.is_estimated, receipt.cost, receipt.reason], ["ok", 0, micro, null]);
      assert.deepEqual([receipt.input_tokens, receipt.cached_tokens, receipt.cache_write_tokens, receipt.output_tokens],
        [tokens.input, cached, cache_write, tokens.output]);
      balance -= micro;
      assert.equal(await gateway.atRest(someone), balance);
    }
  });

  test(`${model}: how answers end`, async () => {
    const finish = async (body) => {
      const { body: { choices: [choice], usage } } = await good({ model, ...body });
      return [choice.finish_reason, choice.message.content, usage.completion_tokens];
    };
    assert.deepEqual(await finish(chat("tokens=9", { model, max_tokens: 4 })), ["length", words(4), 4]);
    assert.deepEqual(await finish(chat("tokens=9", { model, max_completion_tokens: 3, max_tokens: 8 })), ["length", words(3), 3]);
    assert.equal((await finish(chat("refuse", { model })))[0], "content_filter");
  });

  test(`${model}: what it thinks stands apart`, async () => {
    const { body } = await good(chat("think=3 tokens=2", { model, reasoning_effort: "low" }));
    assert.deepEqual(body.choices[0].message, { role: "assistant", content: words(2), refusal: null, reasoning_content: words(3) });
  });

  test(`${model}: calls of tools, and an answer to their results`, async () => {
    const tools = [{ type: "function", function: { name: "get_weather", description: "How it is there", parameters: { type: "object", properties: { text: { type: "string" } } } } }];
    const question = chat("tool=get_weather tokens=8 calls=2", { model, tools, tool_choice: "auto", parallel_tool_calls: true });
    const { body } = await good(question);
    const [{ message, finish_reason }] = body.choices;
    assert.equal(finish_reason, "tool_calls");
    assert.equal(message.content, null);
    assert.equal(message.tool_calls.length, 2);
    assert.notEqual(message.tool_calls[0].id, message.tool_calls[1].id);
    for (const call of message.tool_calls) {
      assert.deepEqual([Object.keys(call), call.type, call.function.name, typeof call.function.arguments], [["id", "type", "function"], "function", "get_weather", "string"]);
      assert.deepEqual(JSON.parse(call.function.arguments), { text: "bravo charlie " });
    }
    const results = message.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "rain" }));
    const second = await good({ ...question, messages: [...question.messages, message, ...results] });
    assert.deepEqual([second.body.choices[0].finish_reason, second.body.choices[0].message.content], ["stop", words(8)]);
    const both = (await good(chat("tool=get_weather tokens=4 say=2", { model, tools }))).body.choices[0].message;
    assert.deepEqual([both.content, both.tool_calls.length], [words(2), 1]);
  });

  test(`${model}: characters of every kind come whole`, async () => {
    const { body } = await good(chat("utf8 tokens=5", { model }));
    assert.equal(body.choices[0].message.content, "grün naïve 日本 мир 🙂 ");
  });

  for (const letters of ["", " utf8"]) test(`${model}: no usage reported: estimated from what was sent and said${letters}, and marked`, async () => {
    const body = chat(`usage=none tokens=20${letters}`, { model });
    const { body: answer, headers } = await good(body);
    // A fourth of the bytes that were sent and of the characters that were said, however many bytes these have.
    const said = [...answer.choices[0].message.content];
    assert.equal(Buffer.byteLength(said.join("")) > said.length, letters !== "");
    const tokens = { input: Math.ceil((Buffer.byteLength(body.messages[0].content) + 12) / 4), output: Math.ceil(said.length / 4) };
    assert.deepEqual([answer.usage.inputTokens, answer.usage.outputTokens], [tokens.input, tokens.output]);
    const receipt = await gateway.receipt(headers["x-turnpike-receipt"]);
    assert.deepEqual([receipt.status, receipt.is_estimated, receipt.cost, receipt.reason], ["ok", 1, cost(model, tokens), "the upstream reported no usage"]);
  });

  test(`${model}: what the provider finds wrong with a request is told in its words, and costs nothing`, async () => {
    const someone = await gateway.person();
    const answer = await ask(chat("nonsense", { model }), { who: someone });
    assert.deepEqual([answer.status, answer.body.code], [400, "validation_failed"]);
    assert.match(answer.body.error, /the sandbox directive has no 'nonsense'/);
    assert.equal(await gateway.atRest(someone), 100000000n);
    const receipt = await gateway.receipt((await gateway.receipts(someone))[0]);
    assert.deepEqual([receipt.status, receipt.cost, receipt.attempts], ["refunded", 0n, 1]);
    assert.equal(answer.headers["x-turnpike-hold"], receipt.hold_id, "also on errors");
  });
}

test("an alias is found, and the answer says the name that was asked for", async () => {
  const { body, headers } = await good(chat("tokens=1", { model: "sandbox/chat:latest" }));
  assert.equal(body.model, "sandbox/chat:latest");
  assert.equal((await gateway.receipt(headers["x-turnpike-receipt"])).model, "sandbox-chat");
});

describe("what is reserved", () => {
  const reserved = async (body) => (await gateway.receipt((await good(body)).headers["x-turnpike-receipt"])).estimate;

  test("a token for each three bytes, and all of max_tokens", async () => {
    for (const body of [chat("tokens=1", { max_tokens: 1 }), chat("tokens=1", { max_tokens: 1000 }), { ...chat("", { max_tokens: 7 }), messages: [{ role: "user", content: "日本" }] }])
      assert.equal(await reserved(body), estimate(body));
  });

  test("4096 tokens when the client names none, the model's most when it names more", async () => {
    const body = chat("tokens=1");
    assert.equal(await reserved(body), estimate({ ...body, max_tokens: 4096 }));
    assert.equal(await reserved({ ...body, max_tokens: 10000000 }), estimate({ ...body, max_tokens: 64000 }));
  });

  test("1600 tokens for an image, whatever its size; tools and several messages count", async () => {
    const pixels = Buffer.alloc(1500000).toString("base64");
    const content = (image) => [{ type: "text", text: "[[sandbox: tokens=1]]" }, { type: "image_url", image_url: image }];
    const body = (image) => ({ model: "sandbox-chat", max_tokens: 1, messages: [{ role: "user", content: content(image) }] });
    const expected = cost("sandbox-chat", { input: Math.ceil(("[[sandbox: tokens=1]]".length + 12) / 3) + 1600, output: 1 });
    for (const image of [{ url: `data:image/png;base64,${pixels}` }, { url: "https://example.org/a.png", detail: "low" }, { url: "data:image/JPG;base64,AAAA" }])
      assert.equal(await reserved(body(image)), expected, image.url.slice(0, 30));
    const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
    assert.ok(await reserved(chat("tokens=1", { max_tokens: 1, tools })) > estimate(chat("tokens=1", { max_tokens: 1 })));
  });
});

test("whatever OpenAI's clients may send besides is taken", async () => {
  await good(chat("tokens=1", { temperature: 0.3, top_p: 1, stop: ["a", "b"], seed: -5, n: 1, user: "u-1", metadata: { a: "b" }, response_format: { type: "json_object" },
    presence_penalty: 1, logit_bias: {}, service_tier: "auto", store: true, unheard_of: { x: [1] }, stream: false, max_tokens: null, tools: null }));
  await good({ model: "sandbox-chat", messages: [
    { role: "developer", content: "Be brief." }, { role: "system", content: [{ type: "text", text: "Be kind." }] },
    { role: "user", content: "hello", name: "ann" }, { role: "assistant", content: null, tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{" } }] },
    { role: "tool", tool_call_id: "c", content: [{ type: "text", text: "fine" }] }, { role: "user", content: "[[sandbox: tokens=1]]" }] });
  await good({ model: "sandbox-claude", messages: [{ role: "assistant", content: "I said" }, { role: "user", content: "[[sandbox: tokens=1]]" }] });
});

test("the mode is noted: chat unless it is said", async () => {
  for (const [mode, noted] of [[undefined, "chat"], ["chat", "chat"], ["plan", "plan"], ["agent", "agent"]]) {
    const { headers } = await good(chat("tokens=1", { mode }));
    const { mode: is, endpoint } = await gateway.receipt(headers["x-turnpike-receipt"]);
    assert.deepEqual([is, endpoint], [noted, "chat"]);
  }
});

test("every fault of a body, with its place", async () => {
  const user = { role: "user", content: "x" };
  const ok = { model: "sandbox-chat", messages: [user] };
  const tool = (f) => [{ type: "function", function: f }];
  const image = (url) => [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }];
  const cases = [
    [{}, ["model", "messages"]], [{ ...ok, model: 1 }, ["model"]], [{ ...ok, model: "" }, ["model"]], [{ ...ok, model: null }, ["model"]],
    [{ ...ok, messages: [] }, ["messages"]], [{ ...ok, messages: "x" }, ["messages"]], [{ ...ok, messages: Array(2001).fill(user) }, ["messages"]],
    [{ ...ok, messages: [1] }, ["messages[0]"]], [{ ...ok, messages: [user, { role: "robot", content: "x" }] }, ["messages[1].role"]],
    [{ ...ok, messages: [{ content: "x" }] }, ["messages[0].role"]], [{ ...ok, messages: [{ role: "user" }] }, ["messages[0].content"]],
    [{ ...ok, messages: [{ role: "user", content: null }] }, ["messages[0].content"]], [{ ...ok, messages: [{ role: "user", content: 5 }] }, ["messages[0].content"]],
    [{ ...ok, messages: [{ role: "user", content: [{ type: "audio" }] }] }, ["messages[0].content[0].type"]],
    [{ ...ok, messages: [{ role: "user", content: [{ type: "text" }] }] }, ["messages[0].content[0].text"]],
    [{ ...ok, messages: [{ role: "tool", content: "x" }] }, ["messages[0].tool_call_id"]],
    [{ ...ok, messages: [{ role: "assistant", tool_calls: [{ id: "c", function: { name: "a b", arguments: "{}" } }] }] }, ["messages[0].tool_calls[0].function.name"]],
    [{ ...ok, messages: image("http://example.org/") }, ["messages[0].content[0].image_url.url"]], [{ ...ok, messages: image("data:image/png;base64,!") }, ["messages[0].content[0].image_url.url"]],
    [{ ...ok, messages: image("data:text/html;base64,AAAA") }, ["messages[0].content[0].image_url.url"]], [{ ...ok, messages: image("file:///etc/passwd") }, ["messages[0].content[0].image_url.url"]],
    [{ ...ok, max_tokens: 0 }, ["max_tokens"]], [{ ...ok, max_tokens: -1 }, ["max_tokens"]], [{ ...ok, max_tokens: 1.5 }, ["max_tokens"]], [{ ...ok, max_tokens: "9" }, ["max_tokens"]],
    [{ ...ok, max_completion_tokens: 0 }, ["max_completion_tokens"]],
    [{ ...ok, temperature: 2.1 }, ["temperature"]], [{ ...ok, temperature: -0.1 }, ["temperature"]], [{ ...ok, temperature: "1" }, ["temperature"]], [{ ...ok, top_p: 1.01 }, ["top_p"]],
    [{ ...ok, n: 2 }, ["n"]], [{ ...ok, n: 0 }, ["n"]], [{ ...ok, stop: ["a", "b", "c", "d", "e"] }, ["stop"]], [{ ...ok, stop: [1] }, ["stop[0]"]], [{ ...ok, stop: 1 }, ["stop"]],
    [{ ...ok, mode: "yolo" }, ["mode"]], [{ ...ok, stream: "yes" }, ["stream"]], [{ ...ok, stream_options: { include_usage: 1 } }, ["stream_options.include_usage"]],
    [{ ...ok, reasoning_effort: "most" }, ["reasoning_effort"]], [{ ...ok, response_format: { type: "xml" } }, ["response_format.type"]], [{ ...ok, metadata: "x" }, ["metadata"]],
    [{ ...ok, tools: tool({ name: "f", parameters: [] }) }, ["tools[0].function.parameters"]], [{ ...ok, tools: tool({ name: "x".repeat(65) }) }, ["tools[0].function.name"]],
    [{ ...ok, tools: [...tool({ name: "f" }), ...tool({ name: "f" })] }, ["tools[1]"]], [{ ...ok, tools: Array.from({ length: 129 }, (_, i) => tool({ name: `f${i}` })[0]) }, ["tools"]],
    [{ ...ok, tool_choice: "required" }, ["tool_choice"]], [{ ...ok, tool_choice: "perhaps" }, ["tool_choice"]],
    [{ ...ok, tools: tool({ name: "f" }), tool_choice: { type: "function", function: { name: "g" } } }, ["tool_choice.function.name"]],
    [{ model: 5, messages: [{ role: "x" }, 7], temperature: 9, n: 3, mode: 1 }, ["model", "messages[0].role", "messages[1]", "temperature", "n", "mode"]],
  ];
  const before = (await gateway.receipts(person)).length;
  for (const [body, paths] of cases) {
    const answer = await ask(body);
    const why = JSON.stringify(body).slice(0, 120);
    assert.deepEqual([answer.status, answer.body.code, answer.body.error], [400, "validation_failed", "A field is missing or invalid"], `${why} ${answer.text}`);
    assert.deepEqual(answer.body.details.map((d) => d.path), paths, why);
    for (const { message } of answer.body.details) assert.ok(message.length > 5, why);
    assert.equal(answer.headers["x-turnpike-hold"], undefined, "nothing is reserved");
  }
  assert.equal((await gateway.receipts(person)).length, before);
});

test("bodies that are no object", async () => {
  for (const body of ["[]", "null", "5", '"x"', "", "{", '{"model":"a","model":"b"}', "{'model':1}", '{"model":"\u0001"}', Buffer.from('{"model":"\xff"}', "latin1")]) {
    const answer = await ask(body);
    assert.deepEqual([answer.status, answer.body.code], [400, "validation_failed"], String(body));
  }
});

test("models that are not, are not for this account, or not for this route", async () => {
  const unknown = await ask(chat("", { model: "gpt-9" }));
  assert.deepEqual([unknown.status, unknown.body.code], [404, "model_not_found"]);
  assert.match(unknown.body.error, /gpt-9/);
  const dear = await ask(chat("", { model: "sandbox-flagship" }));
  assert.deepEqual([dear.status, dear.body.code], [403, "model_not_allowed"]);
  const tab = await ask(chat("", { model: "codegrex-tab" }));
  assert.deepEqual([tab.status, tab.body.code], [400, "validation_failed"]);
  for (const { headers } of [unknown, dear, tab]) assert.equal(headers["x-turnpike-hold"], undefined);
});

test("too little credit: told how much is needed and there, in credits, and no model is asked", async () => {
  const tag = `poor-${Date.now()}`, body = chat(`tag=${tag}`);
  const answer = await ask(body, { who: poor });
  assert.equal(answer.status, 402);
  const { request_id, ...rest } = answer.body;
  const needed = estimate({ ...body, max_tokens: 4096 });
  assert.deepEqual(rest, { error: "Insufficient credits", code: "insufficient_credits", required: credits(needed), available: 1 });
  assert.equal(request_id, answer.headers["x-request-id"]);
  assert.equal(answer.headers["x-turnpike-hold"], undefined);
  assert.deepEqual(await gateway.records(tag), []);
  assert.deepEqual(await gateway.balance(poor), { balance: 1000n, reserved: 0n });
  const exact = exactChat("", { tokens: 60 });
  assert.equal((await ask(exact, { who: poor })).status, 200, `what it can pay it may: ${estimate(exact)}`);
});

test("errors as objects, for who asks for them", async () => {
  const headers = { "X-Error-Format": "openai" };
  const error = async (body, options) => (await ask(body, { headers, ...options })).body.error;
  const { message, ...short } = await error(chat(""), { who: poor });
  assert.equal(message, "Insufficient credits");
  assert.deepEqual([short.type, short.code, short.param, typeof short.required], ["insufficient_quota", "insufficient_credits", null, "number"]);
  assert.deepEqual([(await error(chat("", { model: "x" }))).type, (await error({})).details.length], ["not_found_error", 2]);
});

test("the request's id goes through to the model and into the receipt", async () => {
  const tag = `id-${Date.now()}`, id = `trace:${tag}.A_z`;
  const { headers } = await good(chat(`tokens=1 tag=${tag}`), { headers: { "X-Request-Id": id } });
  assert.equal(headers["x-request-id"], id);
  assert.equal((await gateway.receipt(headers["x-turnpike-receipt"])).request_id, id);
  const again = await good(chat(`tokens=1 tag=${tag}`), { headers: { "X-Request-Id": id } });
  assert.notEqual(again.headers["x-turnpike-receipt"], headers["x-turnpike-receipt"], "it names a trace, not a call");
  assert.equal((await gateway.records(tag)).length, 2);
});

test("scripts of other origins may call, and read what a call cost", async () => {
  const asked = await new Visitor().send("OPTIONS", "/v1/chat/completions", { check: false, headers: { Origin: URL_BASE, "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os,x-request-id" } });
  assert.equal(asked.status, 204);
  assert.equal(asked.headers["access-control-allow-origin"], URL_BASE);
  const { headers } = await good(chat("tokens=1"), { headers: { Origin: URL_BASE } });
  const exposed = headers["access-control-expose-headers"].toLowerCase().split(", ");
  for (const name of ["x-request-id", "ratelimit-remaining", "retry-after", "x-turnpike-hold", "x-turnpike-receipt", "x-turnpike-cost"]) assert.ok(exposed.includes(name), name);
  const denied = await ask(chat("", { model: "x" }), { headers: { Origin: URL_BASE } });
  assert.equal(denied.headers["access-control-allow-origin"], URL_BASE, "errors, too");
});

test("thirty a minute from one address, chats and completions together, counted down on every answer", async () => {
  const from = randomAddress(), tag = `limit-${Date.now()}`;
  const left = [];
  for (let i = 0; i < 15; i++) {
    const { headers } = await good(chat(`tokens=1 tag=${tag}`), { from });
    assert.deepEqual([headers["ratelimit-policy"], headers["ratelimit-limit"]], ["30;w=60", "30"]);
    assert.equal(headers.ratelimit, `limit=30, remaining=${headers["ratelimit-remaining"]}, reset=${headers["ratelimit-reset"]}`);
    left.push(Number(headers["ratelimit-remaining"]));
    const tab = await gateway.fill(person, fill("tokens=1"), { from });
    assert.equal(tab.status, 200);
    left.push(Number(tab.headers["ratelimit-remaining"]));
  }
  assert.deepEqual(left, Array.from({ length: 30 }, (_, i) => 29 - i));
  const refused = await ask(chat(`tokens=1 tag=${tag}`), { from });
  assert.deepEqual([refused.status, refused.body.code, refused.headers["ratelimit-remaining"]], [429, "rate_limited", "0"]);
  assert.ok(Number(refused.headers["retry-after"]) > 0 && Number(refused.headers["retry-after"]) <= 60);
  assert.equal((await gateway.records(tag)).length, 15, "no model was asked");
  await good(chat("tokens=1"), { from: randomAddress() });
});

test("a completion in the same breath: the two routes are apart, their money is one", async () => {
  const someone = await gateway.person({ topup: 1000000n });
  const [a, b] = await Promise.all([ask(chat("tokens=3 input=10"), { who: someone }), gateway.fill(someone, fill("tokens=3 input=10"))]);
  assert.deepEqual([a.status, b.status], [200, 200]);
  assert.equal(await gateway.atRest(someone), 1000000n - cost("sandbox-chat", { input: 10, output: 3 }) - cost("codegrex-tab", { input: 10, output: 3 }));
});

test("a request that takes more memory than one may have: refused like any other, and nothing charged", async () => {
  const someone = await gateway.person();
  // Two bytes here, six for the model.
  const content = "\b".repeat(9 * 1024 * 1024);
  const { status, body, headers } = await ask({ model: "sandbox-chat", messages: [{ role: "user", content }] }, { who: someone });
  assert.deepEqual([status, body.code, body.request_id], [503, "unavailable", headers["x-request-id"]]);
  assert.match(headers["retry-after"], /^\d+$/);
  assert.equal(headers["ratelimit-limit"], "30");
  assert.equal(await gateway.atRest(someone), 100000000n);
});
