// npm openai, unmodified, against the gateway: what its users do works as with its maker's service.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import { eventually, ownStack, turnpike } from "../e2e/support.mjs";
import { CATALOG, Gateway, chat, cost, credits, withModel, words } from "../e2e/gateway/ai.mjs";

const PORT = Number(process.env.TURNPIKE_PORT ?? 8080) + 36;
const AI_LIMIT = 100, AI_WINDOW_S = 2;

const catalog = structuredClone(CATALOG);
for (const name of ["flaky", "failing", "breaking", "refusing"]) withModel(catalog, name, { routes: 1 });

let stack, gateway, person, openai;
before(async () => {
  stack = await ownStack({ port: PORT, limits: "enforce",
    settings: (conf) => conf.replace(/^mode = enforce$/m, `mode = enforce\nai = ${AI_LIMIT}/${AI_WINDOW_S}\ngateway = 10000/60`) });
  gateway = new Gateway(stack);
  const file = path.join(stack.state, "test-catalog.json");
  fs.writeFileSync(file, JSON.stringify(catalog));
  assert.equal((await turnpike(["catalog", "load", file], stack.state)).status, 0);
  person = await gateway.person();
  openai = client(person.token);
  await eventually(() => openai.models.retrieve("flaky"));
  await eventually(() => openai.chat.completions.create(chat("tokens=1", { model: "flaky" })));
});
after(() => stack?.down());

const client = (apiKey, more) => new OpenAI({ baseURL: `${stack.url}/v1`, apiKey, maxRetries: 0, ...more });
const create = (directive, more, options) => openai.chat.completions.create(chat(directive, more), options);
const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { text: { type: "string" } } } } }];

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

for (const model of ["sandbox-chat", "sandbox-claude"]) {
  describe(model, () => {
    test("create", async () => {
      const { data, response, request_id } = await create("tokens=7 input=20", { model }).withResponse();
      assert.equal(data.choices[0].message.content, words(7));
      assert.deepEqual([data.object, data.model, data.choices[0].finish_reason, data.usage.total_tokens], ["chat.completion", model, "stop", 27]);
      assert.equal(data.usage.creditsUsed, credits(cost(model, { input: 20, output: 7 })));
      assert.equal(request_id, response.headers.get("x-request-id"));
      assert.match(response.headers.get("x-turnpike-receipt"), /^act_/);
    });

    test("stream, usage on the last chunk or in one of its own", async () => {
      const text = (chunks) => chunks.map((c) => c.choices[0]?.delta.content ?? "").join("");
      const plain = await collect(await create("tokens=9", { model, stream: true }));
      assert.equal(text(plain), words(9));
      assert.ok(plain.every((c) => c.choices.length === 1));
      assert.deepEqual(plain.map((c) => c.usage?.completion_tokens).filter(Boolean), [9]);
      const apart = await collect(await create("tokens=9", { model, stream: true, stream_options: { include_usage: true } }));
      assert.equal(text(apart), words(9));
      assert.deepEqual([apart.at(-1).choices, apart.at(-1).usage.completion_tokens], [[], 9]);
    });

    test("the accumulating helper", async () => {
      const stream = openai.chat.completions.stream(chat("tokens=6 think=2", { model }));
      const deltas = [];
      stream.on("content", (delta) => deltas.push(delta));
      const final = await stream.finalChatCompletion();
      assert.deepEqual([final.choices[0].message.content, final.choices[0].finish_reason, deltas.length], [words(6), "stop", 6]);
      assert.equal((await stream.totalUsage()).completion_tokens, 8);
    });

    test("a tool's round trip: by hand, and by the client's runner", async () => {
      const messages = chat("tool=get_weather tokens=5 calls=2").messages;
      const asked = await openai.chat.completions.create({ model, messages, tools });
      const [{ message, finish_reason }] = asked.choices;
      assert.equal(finish_reason, "tool_calls");
      const results = message.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: JSON.stringify({ rain: JSON.parse(call.function.arguments) }) }));
      const answered = await openai.chat.completions.create({ model, messages: [...messages, message, ...results], tools });
      assert.deepEqual([answered.choices[0].message.content, answered.choices[0].finish_reason], [words(5), "stop"]);
      const said = [];
      const runner = openai.chat.completions.runTools(chat("tool=get_weather tokens=5", { model, stream: true,
        tools: [{ type: "function", function: { ...tools[0].function, parse: JSON.parse, function: (args) => { said.push(args); return "rain"; } } }] }));
      assert.equal(await runner.finalContent(), words(5));
      assert.equal(said.length, 1);
      const final = await openai.chat.completions.stream(chat("tool=get_weather tokens=8 calls=2", { model, tools })).finalChatCompletion();
      assert.deepEqual(final.choices[0].message.tool_calls.map((c) => Object.keys(JSON.parse(c.function.arguments))), [["text"], ["text"]]);
    });

    test("images", async () => {
      const content = [{ type: "text", text: "what is it? [[sandbox: tokens=3]]" }, { type: "image_url", image_url: { url: `data:image/png;base64,${Buffer.alloc(3000).toString("base64")}`, detail: "high" } },
        { type: "image_url", image_url: { url: "https://example.org/cat.jpg" } }];
      assert.equal((await openai.chat.completions.create({ model, messages: [{ role: "user", content }] })).choices[0].message.content, words(3));
    });

    test("a structured answer's wish is taken", async () => {
      const format = { type: "json_schema", json_schema: { name: "x", schema: { type: "object", properties: { a: { type: "string" } } }, strict: true } };
      assert.equal((await create("tokens=2", { model, response_format: format })).choices[0].message.content, words(2));
    });

    test("abort", async () => {
      const tag = `abort-${model}-${Date.now()}`;
      const stream = await create(`rate=50 tokens=1000 tag=${tag}`, { model, stream: true });
      let n = 0;
      for await (const chunk of stream) if (chunk.choices[0].delta.content && ++n === 4) stream.controller.abort();
      await eventually(async () => assert.equal((await gateway.records(tag))[0].state, "aborted"), 2500);
      const before = new AbortController();
      const waiting = assert.rejects(create(`first_ms=5000 tag=${tag}-early`, { model }, { signal: before.signal }), OpenAI.APIUserAbortError);
      await eventually(async () => assert.equal((await gateway.records(`${tag}-early`))[0]?.state, "open"));
      before.abort();
      await waiting;
      await eventually(async () => assert.equal((await gateway.records(`${tag}-early`))[0].state, "aborted"), 2500);
    });
  });
}

test("models: list and retrieve", async () => {
  const ids = [];
  for await (const model of openai.models.list()) {
    assert.deepEqual([model.object, typeof model.created, typeof model.owned_by], ["model", "number", "string"]);
    ids.push(model.id);
  }
  assert.deepEqual(ids, catalog.models.map((m) => m.id));
  assert.equal((await openai.models.retrieve("sandbox/chat:latest")).id, "sandbox-chat");
  await assert.rejects(openai.models.retrieve("none"), OpenAI.NotFoundError);
});

test("completions: prompt and suffix, whole and as a stream", async () => {
  const body = { model: "codegrex-tab", prompt: "int f(int a) { return [[sandbox: tokens=4]]", suffix: "; }", max_tokens: 64 };
  const whole = await openai.completions.create(body);
  assert.deepEqual([whole.object, whole.choices[0].text, whole.choices[0].finish_reason, whole.usage.completion_tokens], ["text_completion", words(4), "stop", 4]);
  const chunks = await collect(await openai.completions.create({ ...body, stream: true }));
  assert.equal(chunks.map((c) => c.choices[0].text).join(""), words(4));
  assert.equal(chunks.at(-1).usage.completion_tokens, 4);
});

describe("classes of errors", () => {
  const rejects = (call, type, status, check = () => true) => assert.rejects(call, (error) => {
    assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.status, status);
    assert.match(error.requestID, /^req_/);
    return check(error);
  });

  test("of requests that cannot be", async () => {
    const poor = client((await gateway.person({ topup: 0n })).token);
    await rejects(client("cgx_x").models.list(), OpenAI.AuthenticationError, 401);
    await rejects(client("cgx_x").chat.completions.create(chat("")), OpenAI.AuthenticationError, 401);
    await rejects(poor.chat.completions.create(chat("")), OpenAI.APIError, 402, (e) => e.message === '402 "Insufficient credits"' && e.error === "Insufficient credits");
    await rejects(create("", { model: "sandbox-flagship" }), OpenAI.PermissionDeniedError, 403);
    await rejects(create("", { model: "none" }), OpenAI.NotFoundError, 404);
    await rejects(create("", { temperature: 3 }), OpenAI.BadRequestError, 400);
  });

  test("with codes and types for who asks for objects", async () => {
    const objects = client(person.token, { defaultHeaders: { "X-Error-Format": "openai" } });
    await rejects(objects.chat.completions.create(chat("", { model: "none" })), OpenAI.NotFoundError, 404, (e) => e.code === "model_not_found" && e.type === "not_found_error" && e.param === null);
    await assert.rejects(async () => collect(await objects.chat.completions.create(chat("tokens=9 error_at=2", { model: "breaking", stream: true }))),
      (e) => e instanceof OpenAI.APIError && /^upstream_/.test(e.code));
  });

  test("of upstreams", async () => {
    await rejects(create("status=500", { model: "failing" }), OpenAI.InternalServerError, 502);
    await rejects(create("status=401", { model: "refusing" }), OpenAI.InternalServerError, 502);
  });

  test("in the middle of a stream", async () => {
    const seen = [];
    await assert.rejects(async () => { for await (const c of await create("tokens=9 cut_at=1500", { model: "breaking", stream: true })) seen.push(c.choices[0].delta.content ?? ""); },
      (e) => e instanceof OpenAI.APIError && e.status === undefined);
    assert.ok(words(9).startsWith(seen.join("")) && seen.length > 2);
  });
});

describe("retries", () => {
  test("after an overloaded upstream, as long as it was told to wait", async () => {
    const tag = `retry-${Date.now()}`, started = Date.now();
    const answer = await client(person.token, { maxRetries: 2 }).chat.completions.create(chat(`status=529 retry_after=1 fail=1 tag=${tag} tokens=2`, { model: "flaky" }));
    assert.equal(answer.usage.completion_tokens, 2);
    assert.ok(Date.now() - started >= 950, `${Date.now() - started} ms`);
    assert.deepEqual((await gateway.records(tag)).map((r) => r.status), [529, 200]);
  });

  test("never of what would be refused again", async () => {
    const seen = [];
    const counting = client(person.token, { maxRetries: 2, fetch: (...args) => { seen.push(args[0]); return fetch(...args); } });
    for (const body of [chat("", { model: "none" }), chat("", { n: 5 }), chat("", { model: "sandbox-flagship" })]) await assert.rejects(counting.chat.completions.create(body));
    await assert.rejects(counting.withOptions({ apiKey: (await gateway.person({ topup: 0n })).token }).chat.completions.create(chat("")));
    assert.equal(seen.length, 4);
  });

  test("never of what has been paid for, as x-should-retry says, whatever the status", async () => {
    for (const [status, should, n] of [[503, "false", 1], [408, "false", 1], [503, undefined, 3], [402, undefined, 1], [400, undefined, 1]]) {
      const headers = { "content-type": "application/json", "retry-after-ms": "1", ...(should && { "x-should-retry": should }) };
      let asked = 0;
      const answered = client(person.token, { maxRetries: 2, fetch: async () => { asked++; return new Response('{"error":"x"}', { status, headers }); } });
      await assert.rejects(answered.chat.completions.create(chat("")), (e) => e.status === status);
      assert.equal(asked, n, `${status} ${should}`);
    }
  });

  test("after too many requests, when the window is over", async () => {
    const status = () => create("", { n: 5 }).catch((e) => e.status); // refused, and counted
    // Now and then the window ends between the crowd and the one who comes after it.
    await eventually(async () => {
      await Promise.all(Array.from({ length: AI_LIMIT + 10 }, status));
      await assert.rejects(create("tokens=1"), (e) => e instanceof OpenAI.RateLimitError && e.headers.get("retry-after") > 0 && e.headers.get("ratelimit-remaining") === "0");
    });
    const answer = await client(person.token, { maxRetries: 3 }).chat.completions.create(chat("tokens=1"));
    assert.equal(answer.usage.completion_tokens, 1);
  });
});
