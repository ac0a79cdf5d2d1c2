// The makers' own clients against the sandbox's models: what these accept, a gateway may rely on.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { Models, words } from "./models.mjs";

let models, openai, anthropic;
before(async () => {
  models = await Models.start();
  openai = new OpenAI({ baseURL: `${models.url}/v1`, apiKey: "k-openai", maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: models.url, apiKey: "k-anthropic", maxRetries: 0 });
});
after(async () => assert.equal(await models?.stop(), 0));

const chat = (directive, more) => ({ model: "sandbox-chat", messages: [{ role: "user", content: `go [[sandbox: ${directive}]]` }], ...more });
const talk = (directive, more) => ({ model: "sandbox-claude", max_tokens: 1000, messages: [{ role: "user", content: `go [[sandbox: ${directive}]]` }], ...more });
const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { text: { type: "string" } } } } }];

test("openai: create, stream, the accumulating helper", async () => {
  const whole = await openai.chat.completions.create(chat("tokens=7"));
  assert.equal(whole.choices[0].message.content, words(7));
  assert.equal(whole.usage.completion_tokens, 7);
  let text = "", usage;
  for await (const chunk of await openai.chat.completions.create(chat("tokens=7", { stream: true, stream_options: { include_usage: true } }))) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.deepEqual([text, usage.total_tokens - usage.prompt_tokens], [words(7), 7]);
  const final = await openai.chat.completions.stream(chat("tokens=7 think=2")).finalChatCompletion();
  assert.deepEqual([final.choices[0].message.content, final.choices[0].finish_reason], [words(7), "stop"]);
});

test("openai: a tool's round trip by the client's own runner", async () => {
  const asked = [];
  const runner = openai.chat.completions.runTools(chat("tool=get_weather tokens=5", { stream: true,
    tools: [{ type: "function", function: { ...tools[0].function, parse: JSON.parse, function: (args) => { asked.push(args); return "rain"; } } }] }));
  assert.equal(await runner.finalContent(), words(5));
  assert.deepEqual(asked, [{ text: "bravo charlie delta " }]);
});

test("openai: several calls of tools, whole and accumulated", async () => {
  const expected = [{ text: "bravo charlie " }, { text: "bravo charlie " }];
  const whole = await openai.chat.completions.create(chat("tool=get_weather tokens=8 calls=2", { tools }));
  assert.deepEqual(whole.choices[0].message.tool_calls.map((c) => JSON.parse(c.function.arguments)), expected);
  const final = await openai.chat.completions.stream(chat("tool=get_weather tokens=8 calls=2", { tools })).finalChatCompletion();
  assert.deepEqual(final.choices[0].message.tool_calls.map((c) => JSON.parse(c.function.arguments)), expected);
});

test("openai: completions and models", async () => {
  const whole = await openai.completions.create({ model: "sandbox-tab", prompt: "a [[sandbox: tokens=3]]", suffix: "b" });
  assert.equal(whole.choices[0].text, words(3));
  let text = "";
  for await (const chunk of await openai.completions.create({ model: "sandbox-tab", prompt: "a [[sandbox: tokens=3]]", stream: true })) text += chunk.choices[0].text;
  assert.equal(text, words(3));
  const ids = [];
  for await (const model of openai.models.list()) ids.push(model.id);
  assert.deepEqual(ids, ["sandbox-chat", "sandbox-claude", "sandbox-tab"]);
});

test("openai: classes of errors, and retries that obey retry-after", async () => {
  const classes = { 400: OpenAI.BadRequestError, 401: OpenAI.AuthenticationError, 403: OpenAI.PermissionDeniedError, 404: OpenAI.NotFoundError,
    429: OpenAI.RateLimitError, 500: OpenAI.InternalServerError, 529: OpenAI.InternalServerError };
  for (const [status, type] of Object.entries(classes))
    await assert.rejects(openai.chat.completions.create(chat(`status=${status}`)), (error) => error instanceof type && error.status === Number(status) && error.type !== undefined);
  await assert.rejects(new OpenAI({ baseURL: `${models.url}/v1`, apiKey: "bad" }).models.list().then(() => openai.withOptions({ apiKey: "bad" }).chat.completions.create(chat("tokens=1"))),
    (error) => error.code === "invalid_api_key");
  await assert.rejects(async () => { for await (const chunk of await openai.chat.completions.create(chat("error_at=2", { stream: true }))) assert.ok(chunk); },
    (error) => error instanceof OpenAI.APIError);
  const retrying = openai.withOptions({ maxRetries: 2 });
  assert.equal((await retrying.chat.completions.create(chat("status=529 retry_after=0 fail=2 tag=retries tokens=2"))).usage.completion_tokens, 2);
  assert.deepEqual((await models.records("&tag=retries")).map((r) => r.status), [529, 529, 200]);
});

test("anthropic: create, count, stream and the accumulated message", async () => {
  const whole = await anthropic.messages.create(talk("tokens=7 input=50 cached=20"));
  assert.deepEqual([whole.content[0].text, whole.usage.input_tokens, whole.usage.cache_read_input_tokens, whole.usage.output_tokens], [words(7), 30, 20, 7]);
  const { max_tokens, ...counted } = talk("");
  assert.equal((await anthropic.messages.countTokens(counted)).input_tokens, Math.ceil("go [[sandbox: ]]".length / 4));
  const types = [];
  for await (const event of await anthropic.messages.create(talk("tokens=2", { stream: true }))) types.push(event.type);
  assert.deepEqual(types.slice(-2), ["message_delta", "message_stop"]);
  const stream = anthropic.messages.stream(talk("tokens=9 think=3 say=2 tool=get_weather calls=2"));
  let text = "";
  stream.on("text", (delta) => { text += delta; });
  const final = await stream.finalMessage();
  assert.equal(text, words(2));
  assert.deepEqual(final.content.map((b) => b.type), ["thinking", "text", "tool_use", "tool_use"]);
  assert.deepEqual(final.content.slice(2).map((b) => b.input), [{ text: "bravo charlie " }, { text: "bravo " }]);
  assert.deepEqual([final.content[0].thinking, final.stop_reason, final.usage.output_tokens], [words(3), "tool_use", 12]);
  assert.match(final.content[0].signature, /^c2ln/);
});

test("anthropic: classes of errors, an error within a stream, retries, models", async () => {
  const classes = { 400: Anthropic.BadRequestError, 401: Anthropic.AuthenticationError, 403: Anthropic.PermissionDeniedError, 404: Anthropic.NotFoundError,
    429: Anthropic.RateLimitError, 500: Anthropic.InternalServerError, 529: Anthropic.InternalServerError };
  for (const [status, type] of Object.entries(classes))
    await assert.rejects(anthropic.messages.create(talk(`status=${status}`)), (error) => error instanceof type && error.error.error.type !== undefined && /^req_/.test(error.requestID));
  await assert.rejects(anthropic.messages.stream(talk("error_at=2")).finalMessage(), (error) => error instanceof Anthropic.APIError && /overloaded_error/.test(error.message));
  const retried = await anthropic.withOptions({ maxRetries: 2 }).messages.create(talk("status=529 retry_after=0 fail=1 tag=again tokens=2"));
  assert.equal(retried.usage.output_tokens, 2);
  const ids = [];
  for await (const model of anthropic.models.list()) ids.push(model.id);
  assert.equal(ids.length, 3);
});
