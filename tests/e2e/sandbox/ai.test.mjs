// The sandbox's models as a client sees them: every dialect, every key of the directive, and what was counted.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { eventually, request } from "../support.mjs";
import { DIALECTS, Models, words } from "./models.mjs";

const NAMES = Object.keys(DIALECTS);
const usage_asked = { stream_options: { include_usage: true } };
let models;
before(async () => { models = await Models.start(); });
after(async () => assert.equal(await models?.stop(), 0));

function streamed(dialect, answer) {
  return answer.frames.map((frame) => DIALECTS[dialect].delta(frame) ?? "").join("");
}

for (const name of NAMES) {
  const dialect = DIALECTS[name];

  test(`${name}: without a directive 16 tokens at once`, async () => {
    const answer = await models.ask(name, undefined);
    assert.equal(answer.status, 200);
    assert.equal(dialect.text(answer.body), words(16));
    assert.deepEqual(dialect.usage(answer.body), [1, 16]);
  });

  test(`${name}: tokens are what they say, whole and as a stream of one frame each`, async () => {
    const whole = await models.ask(name, "tokens=5 input=77");
    assert.equal(dialect.text(whole.body), words(5));
    assert.deepEqual(dialect.usage(whole.body), [77, 5]);
    const stream = await models.stream(name, "tokens=40 input=77", usage_asked);
    assert.equal(stream.headers["content-type"], "text/event-stream; charset=utf-8");
    assert.equal(streamed(name, stream), words(40));
    assert.equal(stream.frames.filter((f) => dialect.delta(f)).length, 40);
    assert.deepEqual(stream.frames.map(dialect.usage).filter(Boolean).at(-1), [77, 40]);
    const last = stream.events.at(-1);
    assert.equal(last.event ?? last.data, { anthropic: "message_stop", infill: last.data }[name] ?? "[DONE]");
  });

  test(`${name}: max_tokens ends the answer, unless it was told otherwise`, async () => {
    const short = (await models.ask(name, "tokens=9", { max_tokens: 4 })).body;
    assert.equal(dialect.text(short), words(4));
    assert.match(JSON.stringify(short), /"(finish_reason|stop_reason|stop_type)":"(length|max_tokens|limit)"/);
    const long = (await models.ask(name, "tokens=9 no_limit", { max_tokens: 4 })).body;
    assert.equal(dialect.text(long), words(9));
  });

  test(`${name}: errors have the dialect's shape`, async () => {
    for (const status of [400, 401, 403, 404, 429, 500, 503, 529]) {
      const answer = await models.ask(name, `status=${status} retry_after=7`);
      assert.equal(answer.status, status);
      assert.equal(answer.headers["retry-after"], "7");
      const { body } = answer;
      if (name === "anthropic") assert.deepEqual(Object.keys(body), ["type", "error", "request_id"]);
      else if (name === "mistral") assert.equal(body.object, "error");
      else assert.equal(typeof body.error.type, "string");
      if (name === "anthropic") assert.equal(body.error.type, { 400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error" }[status] ?? "api_error");
    }
    assert.equal((await models.ask(name, "status=429")).headers["retry-after"], undefined);
  });

  test(`${name}: keys`, async () => {
    assert.equal((await models.ask(name, "", {}, { key: "bad-one" })).status, 401);
    assert.equal((await models.ask(name, "", {}, { key: null, headers: { "x-api-key": "bad-two" } })).status, 401);
    assert.equal((await models.ask(name, "", {}, { key: null, headers: { "x-api-key": "good" } })).status, 200);
    assert.equal((await models.ask(name, "", {}, { key: null })).status, name === "infill" ? 200 : 401);
  });

  test(`${name}: reset_at, cut_at, end_at and hang_at are exact to the byte`, async () => {
    for (const more of [{}, { stream: true }]) {
      for (const at of [0, 1, 100, 200]) {
        const reset = await models.ask(name, `reset_at=${at}`, more);
        assert.deepEqual([reset.status, reset.bytes.length, reset.end], [200, at, "ECONNRESET"]);
        const cut = await models.ask(name, `cut_at=${at}`, more);
        assert.deepEqual([cut.status, cut.bytes.length, cut.end], [200, at, "ECONNRESET"], "node's word for an end that is too early");
        const ended = await models.ask(name, `end_at=${at}`, more);
        assert.deepEqual([ended.status, ended.bytes.length, ended.end], [200, at, "end"]);
      }
      const hung = await models.ask(name, "hang_at=99", more, { timeout: 300 });
      assert.deepEqual([hung.bytes.length, hung.end], [99, "timeout"]);
    }
  });

  test(`${name}: before the first byte`, async () => {
    for (const directive of ["reset_at", "cut_at"]) {
      const answer = await models.ask(name, directive);
      assert.deepEqual([answer.status, answer.end], [undefined, "ECONNRESET"], directive);
    }
    const hung = await models.ask(name, "hang", {}, { timeout: 100 });
    assert.deepEqual([hung.status, hung.end], [undefined, "timeout"]);
  });

  test(`${name}: error_at says so within the stream and ends it`, async () => {
    const answer = await models.stream(name, "tokens=9 error_at=3", usage_asked);
    assert.equal(answer.end, "end");
    assert.equal(streamed(name, answer), words(3));
    const last = answer.events.at(-1);
    assert.equal(last.event, name === "anthropic" ? "error" : undefined);
    assert.ok(name === "mistral" ? last.json.object === "error" : last.json.error.message);
  });

  test(`${name}: usage that is missing, senseless, zero or huge`, async () => {
    assert.equal(dialect.usage((await models.ask(name, "usage=none")).body), undefined);
    assert.equal(JSON.stringify((await models.ask(name, "usage=wrong")).body).match(/":-1|"many"/g).length, 2);
    assert.deepEqual(dialect.usage((await models.ask(name, "usage=zero")).body), [0, 0]);
    assert.equal(dialect.usage((await models.ask(name, "usage=huge")).body)[1], 1e12);
    const stream = await models.stream(name, "usage=none", usage_asked);
    assert.equal(streamed(name, stream), words(16));
    assert.deepEqual(stream.frames.map(dialect.usage).filter(Boolean), []);
  });

  test(`${name}: gzip`, async () => {
    const whole = await models.ask(name, "gzip tokens=5");
    assert.equal(whole.headers["content-encoding"], "gzip");
    assert.equal(dialect.text(JSON.parse(gunzipSync(whole.bytes))), words(5));
    const stream = await models.ask(name, "gzip tokens=5", { stream: true });
    assert.match(gunzipSync(stream.bytes).toString(), /echo /);
  });

  test(`${name}: line, garbage and drip`, async () => {
    const long = await models.stream(name, "line=300000 tokens=3");
    assert.equal(Math.max(...long.text.split("\n").map((l) => l.length)), 300000);
    assert.match(streamed(name, long), /^alpha x+bravo charlie $/);
    assert.equal(dialect.text((await models.ask(name, "line=5000 tokens=1")).body), "alpha " + "x".repeat(5000));
    const garbled = await models.stream(name, "garbage=2 tokens=4");
    assert.equal(garbled.events.filter((e) => e.json === undefined && e.data !== "[DONE]").length, 1);
    assert.equal(streamed(name, garbled), words(4));
    assert.equal((await models.ask(name, "garbage")).body, undefined);
    const dripped = await models.ask(name, "drip=1 tokens=1 end_at=60", { stream: true });
    assert.equal(dripped.bytes.length, 60);
    assert.ok(dripped.ms >= 59, `${dripped.ms} ms for 60 bytes`);
  });

  test(`${name}: utf8 splits characters over writes, utf8=bad sends what is none`, async () => {
    for (const more of [{}, { stream: true }]) {
      const split = await models.ask(name, "utf8 tokens=5", more);
      const text = more.stream ? streamed(name, { frames: eventsOf(split.text) }) : dialect.text(split.body);
      assert.equal(text, "grün naïve 日本 мир 🙂 ");
      assert.ok(split.parts.some((p) => p.data.at(-1) >= 0xc0), "a part that ends within a character");
      const bad = await models.ask(name, "utf8=bad tokens=5", more);
      assert.ok(bad.bytes.includes(Buffer.from([0xc3, 0x28, 0xff])));
    }
  });

  test(`${name}: first_ms and rate`, async () => {
    const late = await models.ask(name, "first_ms=120");
    assert.ok(late.first_ms >= 119 && late.first_ms < 1000, `${late.first_ms}`);
    const paced = await models.ask(name, "first_ms=50 rate=50 tokens=11", { stream: true });
    const first = paced.parts[0].ms, last = paced.parts.at(-1).ms;
    assert.ok(first >= 49 && last >= 249 && last < 2000, `${first} to ${last} ms`);
    assert.ok(paced.parts.length >= 4, "frames come one by one");
    const whole = await models.ask(name, "rate=100 tokens=10");
    assert.ok(whole.first_ms >= 99, `${whole.first_ms} ms`);
  });
}

function eventsOf(text) {
  return text.split("\n\n").map((b) => b.split("\n").find((l) => l.startsWith("data: {"))?.slice(6)).filter(Boolean).map((t) => JSON.parse(t));
}

test("classes of tokens: OpenAI counts the cached in its input, Anthropic beside it", async () => {
  const directive = "input=100 cached=60 cache_write=30 think=4 tokens=6";
  const openai = (await models.ask("openai", directive)).body;
  assert.equal(openai.choices[0].message.reasoning_content, words(4));
  assert.deepEqual(openai.usage, { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110,
    prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 4, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 } });
  const anthropic = (await models.ask("anthropic", directive)).body;
  assert.deepEqual(anthropic.content.map((b) => [b.type, b.thinking ?? b.text]), [["thinking", words(4)], ["text", words(6)]]);
  assert.deepEqual(anthropic.usage, { input_tokens: 10, cache_creation_input_tokens: 30, cache_read_input_tokens: 60,
    cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 0 }, output_tokens: 10, service_tier: "standard" });
  assert.deepEqual((await models.ask("openai", "cached=500")).body.usage.prompt_tokens, 500, "the input has room for them");
});

test("input is the text's bytes by four, escapes counted as what they stand for", async () => {
  const cases = [
    ["abcdefgh", 2], ["abcdefghi", 3], ["日本語", 3], ["\\u65e5\\u672c\\u8a9e", 3], ["\\ud83d\\ude42", 1], ["\\n\\t\\\"\\\\", 1],
  ];
  for (const [raw, tokens] of cases) {
    const body = `{"model":"m","messages":[{"role":"user","content":"${raw}"}]}`;
    assert.equal((await models.send("POST", "/v1/chat/completions", body)).body.usage.prompt_tokens, tokens, raw);
  }
  const parts = { model: "m", max_tokens: 9, system: [{ type: "text", text: "12345678" }], messages: [
    { role: "user", content: [{ type: "text", text: "1234" }, { type: "image", source: { type: "url", url: "https://example.org/" } }] },
    { role: "assistant", content: [{ type: "tool_use", id: "t", name: "f", input: { text: "not counted" } }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: [{ type: "text", text: "1234" }] }] }] };
  assert.equal((await models.send("POST", "/v1/messages/count_tokens", parts)).body.input_tokens, 4);
});

test("tools: fragments that are JSON together, several calls, words before", async () => {
  const whole = (await models.ask("openai", "tool=get_weather tokens=11 say=2 calls=2")).body.choices[0];
  assert.equal(whole.finish_reason, "tool_calls");
  assert.equal(whole.message.content, words(2));
  assert.deepEqual(whole.message.tool_calls.map((c) => [c.function.name, JSON.parse(c.function.arguments)]),
    [["get_weather", { text: "bravo charlie delta " }], ["get_weather", { text: "bravo charlie " }]]);
  const stream = await models.stream("openai", "tool=f tokens=5", usage_asked);
  const calls = stream.frames.flatMap((f) => f.choices[0]?.delta.tool_calls ?? []);
  assert.equal(calls.length, 6);
  assert.deepEqual([calls[0].type, calls[0].function.name, calls[0].index], ["function", "f", 0]);
  assert.deepEqual(JSON.parse(calls.map((c) => c.function.arguments).join("")), { text: "bravo charlie delta " });
  assert.equal(stream.frames.at(-1).usage.completion_tokens, 5);
  const claude = (await models.ask("anthropic", "tool=f tokens=4")).body;
  assert.deepEqual([claude.stop_reason, claude.content.length, claude.content[0].input], ["tool_use", 1, { text: "bravo charlie " }]);
});

test("a tool's answer is answered with words, in both dialects", async () => {
  const text = "go [[sandbox: tool=f tokens=3]]";
  const openai = await models.send("POST", "/v1/chat/completions", { model: "m", messages: [{ role: "user", content: text },
    { role: "assistant", content: null, tool_calls: [] }, { role: "tool", tool_call_id: "c", content: "[[sandbox: status=500]]" }] });
  assert.deepEqual([openai.body.choices[0].finish_reason, openai.body.choices[0].message.content], ["stop", words(3)]);
  const claude = await models.send("POST", "/v1/messages", { model: "m", max_tokens: 9, messages: [{ role: "user", content: text },
    { role: "assistant", content: [] }, { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: "fine" }] }] });
  assert.deepEqual([claude.body.stop_reason, claude.body.content[0].text], ["end_turn", words(3)]);
});

test("the directive is the last user message's, wherever it stands in it, and a wrong one is refused", async () => {
  const messages = [{ role: "user", content: "[[sandbox: tokens=2]]" }, { role: "assistant", content: "[[sandbox: tokens=3]]" },
    { role: "user", content: [{ type: "text", text: "x".repeat(300000) + " [[sandbox: tokens=4]] y" }, { type: "text", text: "z" }] },
    { role: "assistant", content: "[[sandbox: tokens=5]]" }];
  const answer = await models.send("POST", "/v1/chat/completions", { messages, model: "m" });
  assert.equal(answer.body.choices[0].message.content, words(4));
  for (const wrong of ["token=5", "tokens=", "tokens=-1", "tokens=a", "status=200", "tool=a\"b", "usage=some", "utf8=maybe", "tokens", "rate=1 [["]) {
    const refused = await models.ask("openai", wrong);
    assert.deepEqual([refused.status, refused.body.error.type], [400, "invalid_request_error"], wrong);
  }
  for (const text of ["[[sandbox: tokens=1", `[[sandbox: ${" ".repeat(700)}]]`])
    assert.equal((await models.send("POST", "/v1/chat/completions", DIALECTS.openai.body(text))).status, 400);
});

test("refusals", async () => {
  assert.equal((await models.ask("openai", "refuse")).body.choices[0].finish_reason, "content_filter");
  assert.equal((await models.stream("openai", "refuse")).frames.at(-1).choices[0].finish_reason, "content_filter");
  assert.equal((await models.ask("anthropic", "refuse")).body.stop_reason, "refusal");
});

test("fail=K: the first K of a tag get the fault; only=NAME: those of a key or model", async () => {
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await models.ask("openai", "status=529 fail=2 tag=retry-1")).status);
  assert.deepEqual(statuses, [529, 529, 200, 200]);
  assert.equal((await models.ask("openai", "status=529 fail=2 tag=retry-2")).status, 529);
  const only = (key, model) => models.ask("openai", "status=429 only=route-a", { model }, { key }).then((a) => a.status);
  assert.deepEqual([await only("route-a-1", "m"), await only("k", "route-a"), await only("k", "m")], [429, 429, 200]);
  const kept = await models.ask("openai", "tokens=3 cut_at=1 only=nobody");
  assert.equal(kept.body.choices[0].message.content, words(3), "what is no fault stays");
});

test("Anthropic's events are named and in order, with a ping", async () => {
  const { events, frames } = await models.stream("anthropic", "think=1 tokens=3 say=1 tool=f cached=8 input=20");
  for (const { event, json } of events) assert.equal(event, json.type);
  assert.deepEqual(events.map((e) => e.event), ["message_start",
    "content_block_start", "ping", "content_block_delta", "content_block_delta", "content_block_stop",
    "content_block_start", "content_block_delta", "content_block_stop",
    "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop", "message_delta", "message_stop"]);
  assert.deepEqual(frames.map((f) => f.index).filter((i) => i !== undefined), [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2]);
  assert.equal(frames[0].message.usage.output_tokens, 1);
  assert.equal(frames.find((f) => f.type === "message_delta").usage.output_tokens, 4);
});

test("what a provider refuses is refused: versions, members that are missing, JSON that is none", async () => {
  const claude = (body, version = "2023-06-01") => models.send("POST", "/v1/messages", { ...DIALECTS.anthropic.body("x"), ...body }, { headers: { "anthropic-version": version } });
  assert.equal((await claude({})).status, 200);
  assert.equal((await claude({}, "")).status, 400);
  assert.equal((await claude({ max_tokens: undefined })).status, 400);
  assert.equal((await claude({ temperature: 1 })).status, 200);
  assert.equal((await claude({ temperature: 1 }, "2026-10-21")).status, 400);
  assert.equal((await claude({ messages: [{ role: "system", content: "x" }] })).status, 400);
  const good = JSON.stringify(DIALECTS.openai.body("x"));
  for (const body of ["", "{", "[]", "null", good.slice(0, -1), good + "x", good.replace("m", "m\xff"), '{"messages":[]}', '{"model":"m"}', '{"model":"m","messages":[{}]}',
    '{"a":tru,' + good.slice(1), "[".repeat(5000), '{"a":' + "[".repeat(5000) + "]".repeat(5000) + "," + good.slice(1)])
    assert.equal((await models.send("POST", "/v1/chat/completions", Buffer.from(body, "latin1"))).status, 400, body.slice(0, 40));
});

test("models, health, and what is not there", async () => {
  const openai = (await models.send("GET", "/v1/models", undefined, { headers: { "anthropic-version": "" } })).body;
  assert.deepEqual([openai.object, openai.data[0].object], ["list", "model"]);
  assert.equal((await models.send("GET", "/v1/models")).body.data[0].type, "model");
  assert.equal((await models.send("GET", "/health")).status, 200);
  assert.equal((await models.send("GET", "/v1/chat/completions")).status, 404);
  assert.equal((await models.send("POST", "/v1/other", "{}")).status, 404);
});

// --- HTTP -----------------------------------------------------------------------------------------

// Bytes to the port as they are; resolves to all that came until the other side closed.
function raw(pieces) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(models.port, "127.0.0.1");
    let text = "";
    socket.on("data", (data) => { text += data; });
    socket.on("end", () => { socket.destroy(); resolve(text); });
    socket.on("error", reject);
    (async () => {
      for (const piece of pieces) await new Promise((sent) => { socket.write(piece, () => setImmediate(sent)); });
    })();
  });
}

function plain(body, headers = "", version = "1.1") {
  return `POST /v1/chat/completions HTTP/${version}\r\nHost: x\r\nAuthorization: Bearer k\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
}

test("connections are kept, requests may come together or in pieces, HTTP/1.0 gets no chunks", async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set();
  agent.on("free", (socket) => ports.add(socket.localPort));
  for (const [name, more] of [["openai", {}], ["anthropic", { stream: true }], ["openai", { stream: true }], ["infill", {}]])
    assert.equal((await models.ask(name, "tokens=2", more, { agent })).end, "end");
  assert.equal(ports.size, 1);
  agent.destroy();
  const body = JSON.stringify(DIALECTS.openai.body("go [[sandbox: tokens=1]]"));
  const last = plain(body, "Connection: close\r\n") + body;
  const together = await raw([plain(body) + body + plain(body) + body + last]);
  assert.equal(together.match(/HTTP\/1\.1 200/g).length, 3);
  assert.equal((await raw([...last])).match(/"alpha "/g).length, 1);
  const stream = JSON.stringify(DIALECTS.openai.body("go", { stream: true }));
  const old = await raw([plain(stream, "", "1.0") + stream]);
  assert.match(old, /^HTTP\/1\.1 200[^]*Connection: close\r\n\r\ndata: [^]*data: \[DONE\]\n\n$/);
  assert.doesNotMatch(old, /chunked/);
});

test("reset_at ends with a reset, cut_at and end_at without", async () => {
  const ended = async (directive, more) => {
    const body = JSON.stringify(DIALECTS.openai.body(`go [[sandbox: ${directive}]]`, more));
    return raw([plain(body, "Connection: close\r\n") + body]).then(() => "end", (error) => error.code);
  };
  for (const more of [{}, { stream: true }]) {
    for (const at of ["", "=0", "=250"]) {
      assert.equal(await ended(`reset_at${at}`, more), "ECONNRESET");
      assert.equal(await ended(`cut_at${at}`, more), "end");
    }
    assert.equal(await ended("end_at=250", more), "end");
  }
});

test("100-continue, large bodies, and heads that are none", async () => {
  const body = JSON.stringify(DIALECTS.openai.body("x".repeat(8000000) + " [[sandbox: tokens=1]]"));
  const answer = await raw([plain(body, "Expect: 100-continue\r\nConnection: close\r\n"), body]);
  assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/);
  assert.match(answer, /"prompt_tokens":2000006,/);
  assert.match(await raw(["nonsense\r\n\r\n"]), /^HTTP\/1\.1 400/);
  assert.match(await raw(["POST /v1/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"]), /^HTTP\/1\.1 411/);
  assert.match(await raw([`POST /v1/messages HTTP/1.1\r\nContent-Length: ${33 * 1024 * 1024}\r\n\r\n`]), /^HTTP\/1\.1 413/);
});

test("a reader that stands still makes its model wait, and nobody else", async () => {
  const body = JSON.stringify(DIALECTS.openai.body("go [[sandbox: tokens=1000000 tag=stalled]]", { stream: true }));
  const socket = net.connect(models.port, "127.0.0.1");
  socket.pause();
  socket.write(plain(body) + body);
  await eventually(async () => assert.equal((await models.records("&tag=stalled")).length, 1));
  const other = await models.stream("openai", "tokens=2000");
  assert.equal(streamed("openai", other), words(2000));
  socket.destroy();
  await eventually(async () => {
    const [record] = await models.records("&tag=stalled");
    assert.equal(record.aborted, true);
    assert.ok(record.generated_tokens < 900000, `${record.generated_tokens}`);
  });
});

// --- What was served ------------------------------------------------------------------------------

test("the counters know what was reported, what was not, and who left", async () => {
  const counts = await Models.start();
  try {
    const ask = (directive, more, options) => counts.ask("openai", `${directive} tag=a`, more, { key: "key-a", headers: { "x-request-id": "req_seen" }, ...options });
    await ask("tokens=10 input=100 cached=20 cache_write=5 think=3");
    await ask("tokens=10 input=100", { stream: true, ...usage_asked });
    await ask("tokens=10 input=100", { stream: true });
    await ask("tokens=10 input=100 usage=none");
    await ask("status=529");
    await ask("tokens=10 input=100 cut_at=900", { stream: true, ...usage_asked });
    await ask("tokens=100 rate=50", { stream: true }, { leave: (a) => a.text === undefined && a.parts.length > 3 });
    await ask("hang", {}, { timeout: 50 });
    const records = await eventually(async () => {
      const all = await counts.records("&tag=a");
      assert.ok(all.every((r) => r.state !== "open"));
      return all;
    });
    assert.deepEqual(records.map((r) => [r.state, r.status, r.usage_sent, r.aborted]), [
      ["completed", 200, true, false], ["completed", 200, true, false], ["completed", 200, false, false], ["completed", 200, false, false],
      ["failed", 529, false, false], ["failed", 200, false, false], ["aborted", 200, false, true], ["aborted", 0, false, true]]);
    const { id, started_at_ms, ended_at_ms, bytes, ...first } = records[0];
    assert.equal(id, 1);
    assert.ok(ended_at_ms >= started_at_ms && Math.abs(Date.now() - ended_at_ms) < 60000 && bytes > 500);
    assert.deepEqual(first, { state: "completed", key: "key-a", key_header: "authorization", model: "m", dialect: "openai", request_id: "req_seen", tag: "a", stream: false,
      usage_sent: true, aborted: false, status: 200, generated_tokens: 13, unreported_tokens: 0, input_tokens: 100, output_tokens: 13,
      cached_tokens: 20, cache_write_tokens: 5, reasoning_tokens: 3 });
    assert.deepEqual([records[2].generated_tokens, records[2].unreported_tokens, records[2].input_tokens], [10, 10, 0]);
    const cut = records[5].generated_tokens, left = records[6].generated_tokens;
    assert.ok(cut > 0 && cut < 10 && left > 1 && left < 50, `${cut} ${left}`);
    const { total, models: rows } = await counts.served();
    assert.deepEqual([rows.length, rows[0].key, rows[0].model], [1, "key-a", "m"]);
    const { bytes: all_bytes, ...numbers } = total;
    assert.ok(all_bytes > 5000);
    assert.deepEqual(numbers, { requests: 8, open: 0, completed: 4, failed: 2, aborted: 2, unreported_tokens: 20 + cut + left,
      input_tokens: 200, output_tokens: 23, cached_tokens: 20, cache_write_tokens: 5, reasoning_tokens: 3 });
    assert.deepEqual((await counts.records(`&since=${records[5].id}`)).map((r) => r.id), [7, 8]);
    assert.deepEqual(await counts.records("&tag=b"), []);
  } finally {
    assert.equal(await counts.stop(), 0);
  }
});

test("Anthropic's usage comes in two parts, and each counts when it was written", async () => {
  const cut = await models.stream("anthropic", "tokens=50 input=9 cut_at=1500 tag=parts");
  assert.equal(cut.end, "ECONNRESET");
  await models.stream("anthropic", "tokens=50 input=9 tag=parts");
  const records = await models.records("&tag=parts");
  assert.deepEqual(records.map((r) => [r.input_tokens, r.output_tokens, r.usage_sent]), [[9, 1, false], [9, 50, true]]);
  assert.equal(records[0].unreported_tokens, records[0].generated_tokens - 1);
});

test("that a client has left is noticed at once, also when nothing is being sent", async () => {
  for (const directive of ["rate=1", "hang_at=100", "first_ms=60000"]) {
    const agent = new http.Agent(), tag = `left-${directive.slice(0, 4)}`;
    const call = models.ask("openai", `${directive} tag=${tag}`, { stream: true }, { agent });
    await eventually(async () => assert.equal((await models.records(`&tag=${tag}`))[0]?.state, "open"));
    agent.destroy();
    const left_at = Date.now();
    await call;
    await eventually(async () => {
      const [record] = await models.records(`&tag=${tag}`);
      assert.equal(record.state, "aborted");
      assert.ok(record.ended_at_ms - left_at < 500, `${record.ended_at_ms - left_at} ms`);
    });
  }
});

test("a whole answer that nobody waits for was worked on until then", async () => {
  await models.ask("openai", "rate=100 tokens=1000 tag=gone", {}, { timeout: 200 });
  await eventually(async () => {
    const [record] = await models.records("&tag=gone");
    assert.equal(record.state, "aborted");
    assert.ok(record.generated_tokens >= 15 && record.generated_tokens < 500, `${record.generated_tokens}`);
    assert.ok(record.ended_at_ms - record.started_at_ms >= 190);
  });
});

test("DELETE forgets all, also those still open", async () => {
  const counts = await Models.start();
  try {
    await counts.ask("openai", "status=500 fail=1 tag=again");
    const open = counts.ask("openai", "first_ms=300");
    await eventually(async () => assert.equal((await counts.served()).total.open, 1));
    assert.equal((await counts.send("DELETE", "/sandbox/ai/served")).status, 200);
    await open;
    const { total, models: rows, requests } = await counts.served("?detail=1");
    assert.deepEqual([total.requests, total.open, rows, requests], [0, 0, [], []]);
    assert.equal((await counts.ask("openai", "status=500 fail=1 tag=again")).status, 500, "tags are forgotten, too");
    assert.equal((await counts.served()).total.requests, 1);
  } finally {
    assert.equal(await counts.stop(), 0);
  }
});

test("the list keeps the last 10,000, and more keys and models than there are rows share one", async () => {
  const counts = await Models.start(), agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  try {
    const all = Array.from({ length: 10050 }, (_, i) => () => counts.ask("infill", "tokens=1 input=1", {}, { agent, key: `k-${i % 300}` }));
    await Promise.all(Array.from({ length: 8 }, async () => { for (let call; (call = all.pop());) assert.equal((await call()).status, 200); }));
    const { total, models: rows, requests } = await counts.served("?detail=1");
    assert.deepEqual([total.requests, total.output_tokens, requests.length, requests[0].id], [10050, 10050, 10000, 51]);
    assert.equal(rows.length, 256);
    assert.equal(rows.reduce((sum, row) => sum + row.requests, 0), 10050);
    assert.equal(rows.at(-1).key, "others");
  } finally {
    agent.destroy();
    assert.equal(await counts.stop(), 0);
  }
});

test("the stack shows the counters of its own, and only those", async () => {
  const answer = await request("GET", "/sandbox/ai/served", { check: false });
  assert.equal(answer.status, 200);
  assert.equal(typeof answer.body.total.requests, "number");
  assert.equal((await request("POST", "/sandbox/ai/v1/chat/completions", { body: {}, check: false })).status, 404);
});
