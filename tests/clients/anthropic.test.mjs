// Anthropic's own client, unmodified, on the product's proxy (product.md 5.6): whatever it does at api.anthropic.com, it does
// here with a token of ours.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { eventually, ownStack } from "../e2e/support.mjs";
import { Gateway, cost, words } from "../e2e/gateway/ai.mjs";
import { ideToken } from "../e2e/gateway/support.mjs";

const PORT = Number(process.env.TURNPIKE_PORT ?? 8080) + 40;
const AI_LIMIT = 100, AI_WINDOW_S = 2;
const model = "claude-sonnet-4-6";
const talk = (directive, more) => ({ model, max_tokens: 1000, messages: [{ role: "user", content: `go [[sandbox: ${directive}]]` }], ...more });
const tools = [{ name: "get_weather", description: "The weather", input_schema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] } }];

let stack, gateway, person, client;
const options = (more) => ({ baseURL: `${stack.url}/api/anthropic`, maxRetries: 0, ...more });
before(async () => {
  stack = await ownStack({ port: PORT, limits: "enforce",
    settings: (conf) => conf.replace(/^mode = enforce$/m, `mode = enforce\nai = ${AI_LIMIT}/${AI_WINDOW_S}`) });
  gateway = new Gateway(stack);
  person = await gateway.person();
  client = new Anthropic(options({ apiKey: person.token }));
});
after(() => stack?.down());

test("its key or its token, ours or the IDE's", async () => {
  for (const credential of [{ apiKey: person.token }, { authToken: person.token }, { apiKey: await ideToken(person.email, stack.state) }]) {
    const message = await new Anthropic(options({ apiKey: null, authToken: null, ...credential })).messages.create(talk("tokens=2"));
    assert.equal(message.content[0].text, words(2));
  }
});

test("create: the message, its usage, its request id, and what it cost", async () => {
  const { data, response, request_id } = await client.messages.create(talk("tokens=7 input=50 cached=20")).withResponse();
  assert.deepEqual([data.content[0].text, data.stop_reason, data.model], [words(7), "end_turn", model]);
  assert.deepEqual([data.usage.input_tokens, data.usage.cache_read_input_tokens, data.usage.output_tokens], [30, 20, 7]);
  assert.equal(data._request_id, request_id);
  assert.equal(request_id, response.headers.get("x-request-id"));
  const micro = cost(model, { input: 30, cached: 20, output: 7 });
  assert.equal(BigInt(Math.round(1e6 * Number(response.headers.get("x-turnpike-cost")))), micro);
  const receipt = await gateway.receipt(response.headers.get("x-turnpike-receipt"));
  assert.deepEqual([receipt.cost, receipt.request_id, receipt.model], [micro, request_id, model]);
});

test("create with stream: every event in order", async () => {
  const types = [];
  let text = "";
  for await (const event of await client.messages.create(talk("tokens=3", { stream: true }))) {
    types.push(event.type);
    if (event.type === "content_block_delta") text += event.delta.text;
  }
  assert.equal(text, words(3));
  assert.deepEqual(types, ["message_start", "content_block_start", ...Array(3).fill("content_block_delta"), "content_block_stop", "message_delta", "message_stop"], "the client keeps pings to itself");
});

test("stream().finalMessage(): thinking with its signature, text, several tools", async () => {
  const stream = client.messages.stream(talk("tokens=9 think=3 say=2 tool=get_weather calls=2 input=40", { tools, thinking: { type: "enabled", budget_tokens: 500 } }));
  let text = "", thinking = "", json = "";
  stream.on("text", (delta) => { text += delta; }).on("thinking", (delta) => { thinking += delta; }).on("inputJson", (delta) => { json += delta; });
  const { data, request_id } = await stream.withResponse();
  const final = await data.finalMessage();
  assert.match(request_id, /^req_[0-9a-f]{24}$/);
  assert.deepEqual([text, thinking], [words(2), words(3)]);
  assert.ok(json.includes("bravo"));
  assert.deepEqual(final.content.map((b) => b.type), ["thinking", "text", "tool_use", "tool_use"]);
  assert.match(final.content[0].signature, /^c2ln/);
  assert.deepEqual(final.content.slice(2).map((b) => [b.name, b.input]), [["get_weather", { text: "bravo charlie " }], ["get_weather", { text: "bravo " }]]);
  assert.deepEqual([final.stop_reason, final.usage.input_tokens, final.usage.output_tokens], ["tool_use", 40, 12]);
});

test("a tool's round trip, whole and by its own runner", async () => {
  const first = await client.messages.create(talk("tool=get_weather tokens=5", { tools }));
  const call = first.content.find((b) => b.type === "tool_use");
  assert.deepEqual([first.stop_reason, call.input], ["tool_use", { text: "bravo charlie delta " }]);
  const second = await client.messages.create(talk("", { tools, messages: [
    { role: "user", content: "go" }, { role: "assistant", content: first.content },
    { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "rain" }, { type: "text", text: "so? [[sandbox: tokens=4]]" }] }] }));
  assert.equal(second.content[0].text, words(4));

  const asked = [];
  const runner = client.beta.messages.toolRunner(talk("tool=get_weather tokens=5", { max_iterations: 2,
    tools: [{ ...tools[0], type: "custom", run: (input) => { asked.push(input); return "rain"; }, parse: (input) => input }] }));
  assert.ok(await runner);
  assert.deepEqual(asked[0], { text: "bravo charlie delta " }, "over ?beta=true");
});

test("countTokens: without a charge", async () => {
  const someone = await gateway.person({ topup: 1n }), client = new Anthropic(options({ apiKey: someone.token }));
  const { max_tokens, ...body } = talk("input=123", { tools });
  assert.deepEqual({ ...(await client.messages.countTokens(body)) }, { input_tokens: 123 });
  assert.equal((await client.beta.messages.countTokens({ ...body, betas: ["token-counting-2024-11-01"] })).input_tokens, 123);
  assert.deepEqual([await gateway.receipts(someone), await gateway.balance(someone)], [[], { balance: 1n, reserved: 0n }]);
});

test("classes of errors", async () => {
  const fails = (promise, type, status, kind) => assert.rejects(promise, (error) => {
    assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
    assert.deepEqual([error.status, error.type ?? error.error.error.type, error.error.type], [status, kind, "error"]);
    assert.match(error.requestID, /^req_[0-9a-f]{24}$/);
    return true;
  });
  const poor = await gateway.person({ topup: 1n }), free = await gateway.person({ topup: 0n });
  const as = (token) => new Anthropic(options({ apiKey: token })).messages;
  await fails(client.messages.create(talk("", { max_tokens: 0 })), Anthropic.BadRequestError, 400, "invalid_request_error");
  await fails(client.messages.create(talk("", { model: "sandbox-chat" })), Anthropic.BadRequestError, 400, "invalid_request_error");
  await fails(as("sk-ant-wrong").create(talk("")), Anthropic.AuthenticationError, 401, "authentication_error");
  await fails(as(poor.token).create(talk("")), Anthropic.APIError, 402, "billing_error");
  await fails(as(free.token).create(talk("")), Anthropic.PermissionDeniedError, 403, "permission_error");
  await fails(client.messages.create(talk("", { model: "claude-none" })), Anthropic.NotFoundError, 404, "not_found_error");
  await fails(client.models.list(), Anthropic.NotFoundError, 404, "not_found_error");
  await fails(client.messages.create(talk("", { system: "x".repeat(20 * 1024 * 1024) })), Anthropic.APIError, 413, "request_too_large");
  await fails(as(poor.token).stream(talk("")).finalMessage(), Anthropic.APIError, 402, "billing_error");

  const refusals = await Promise.all(Array.from({ length: 3 * AI_LIMIT }, () => as("sk-ant-wrong").create(talk("")).catch((error) => error)));
  const limited = refusals.filter((error) => error instanceof Anthropic.RateLimitError);
  assert.ok(limited.length >= AI_LIMIT, `${limited.length} of ${refusals.length}`);
  await fails(Promise.reject(limited[0]), Anthropic.RateLimitError, 429, "rate_limit_error");
  const waited = await client.withOptions({ maxRetries: 5 }).messages.create(talk("tokens=1"));
  assert.equal(waited.content[0].text, words(1), "the client waits as long as it is told");
});

test("errors in the middle of a stream: the upstream's own, and ours when it breaks off", async () => {
  for (const [directive, kind] of [["error_at=2 tokens=9", "overloaded_error"], ["cut_at=1000 tokens=30", "api_error"]]) {
    const stream = client.messages.stream(talk(directive));
    let text = "";
    stream.on("text", (delta) => { text += delta; });
    await assert.rejects(stream.finalMessage(), (error) => error instanceof Anthropic.APIError && JSON.stringify(error.error ?? error.message).includes(kind));
    assert.ok(text.startsWith("alpha "), "what came before is there");
  }
});

test("abort: the upstream stops, what was said is paid", async () => {
  const name = `sdk-abort-${process.pid}`, stream = client.messages.stream(talk(`tag=${name} tokens=200 rate=50 input=20`));
  let n = 0;
  stream.on("text", () => { if (++n === 5) stream.abort(); });
  await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
  await eventually(async () => assert.equal((await gateway.records(name))[0].state, "aborted"), 2000);
  const [[id]] = await eventually(async () => {
    const rows = await gateway.sql(`SELECT public_id FROM ai_call WHERE user_id = ${person.id} AND status = 'aborted'`);
    assert.equal(rows.length, 1);
    return rows;
  });
  const receipt = await gateway.receipt(id);
  assert.ok(receipt.output_tokens >= 5 && receipt.output_tokens < 100, `${receipt.output_tokens}`);
  assert.equal(receipt.cost, cost(model, { input: 20, output: receipt.output_tokens }));
});

test("retries: what passes by itself is tried again, by us or by the client", async () => {
  const name = `sdk-retry-${process.pid}`;
  const message = await client.withOptions({ maxRetries: 2 }).messages.create(talk(`status=500 fail=1 tag=${name} tokens=2`));
  assert.equal(message.usage.output_tokens, 2);
  assert.deepEqual((await gateway.records(name)).map((r) => r.status), [500, 200]);
});
