// The proxy for Anthropic's clients (product.md 5.6): who may, what passes and what does not, what it costs to the
// micro-dollar, and how it ends. On a stack of its own: what upstreams get, byte by byte, and what becomes of their errors.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { URL_BASE, eventually, ownStack, randomAddress, request, sql, turnpike } from "../support.mjs";
import { CATALOG, Gateway, cost, words } from "../gateway/ai.mjs";
import { ideToken, mint } from "../gateway/support.mjs";
import { events } from "../sandbox/models.mjs";

const MESSAGES = "/api/anthropic/v1/messages", COUNT = `${MESSAGES}/count_tokens`;
const gateway = new Gateway();
const direct = new URL(URL_BASE);
direct.port = Number(direct.port) + 3;

const talk = (directive, more = {}) => ({ model: "sandbox-claude", max_tokens: 100, messages: [{ role: "user", content: `go [[sandbox: ${directive}]]` }], ...more });
const bearer = (token) => ({ Authorization: `Bearer ${token}` });

// One call from an address of its own, held against the OpenAPI document.
const post = (who, body, { url = MESSAGES, headers = who ? bearer(who.token) : {}, ...options } = {}) =>
  request("POST", url, { body, headers, from: randomAddress(), ...options });
const stream = (who, body, options, at = gateway) => at.send(who, MESSAGES, { stream: true, ...body }, options);

function isError(answer, status, type, message = /\S/) {
  assert.deepEqual([answer.status, answer.body?.type, answer.body?.error?.type], [status, "error", type], answer.text);
  assert.match(answer.body.error.message, message);
  assert.deepEqual(Object.keys(answer.body), ["type", "error", "request_id"]);
  assert.match(answer.body.request_id, /^req_[0-9a-f]{24}$/);
  assert.deepEqual([answer.headers["request-id"], answer.headers["x-request-id"]], [answer.body.request_id, answer.body.request_id]);
}

// The ids that the sandbox gives its answers go up.
const withoutIds = (text) => text.replaceAll(/sbx\d+/g, "sbx");

let person, tag = 0;
before(async () => { person = await gateway.person(); });
const fresh = () => `px${process.pid}-${++tag}`;

describe("who may", () => {
  test("a session's token or an IDE's, in either field", async () => {
    const ide = await ideToken(person.email), bare = person.token.replace("session:", "");
    for (const token of [person.token, bare, ide])
      for (const headers of [bearer(token), { "x-api-key": token }, { authorization: `bearer ${token}` }, { ...bearer(token), "x-api-key": "another" }])
        assert.equal((await post(null, talk("tokens=1"), { headers })).status, 200, JSON.stringify(headers));
  });

  test("nobody else", async () => {
    const jwt = await mint();
    for (const headers of [{}, bearer("session:wrong"), { "x-api-key": "sk-ant-api03-x" }, { "x-api-key": "" }, bearer(`cgx_${"A".repeat(43)}`),
      bearer(jwt), { Authorization: "Basic eDp5" }, { ...bearer("session:wrong"), "x-api-key": person.token }])
      for (const url of [MESSAGES, COUNT]) {
        const answer = await post(null, talk(""), { url, headers });
        isError(answer, 401, "authentication_error");
        assert.equal(answer.headers["www-authenticate"], "Bearer");
      }
  });

  test("a plan or a top-up is needed, and an account that is not suspended", async () => {
    const free = await gateway.person({ topup: 0n }), name = fresh();
    for (const url of [MESSAGES, COUNT]) isError(await post(free, talk(`tag=${name}`), { url }), 403, "permission_error", /plan or a top-up/);
    assert.deepEqual(await gateway.records(name), []);
    await sql(`UPDATE users SET plan = 'pro' WHERE user_id = ${free.id}`);
    isError(await post(free, talk(`tag=${name}`)), 402, "billing_error");
    assert.equal((await post(free, talk("input=9"), { url: COUNT })).body.input_tokens, 9, "to count costs nothing");
    const own = await gateway.person({ topup: 1000000n });
    assert.equal((await post(own, talk("tokens=1"))).status, 200);
    isError(await post(own, talk("tokens=1", { model: "sandbox-flagship" })), 403, "permission_error", /'sandbox-flagship' needs the tier/);
    await sql(`UPDATE users SET suspended_at_us = 1 WHERE user_id = ${own.id}`);
    for (const url of [MESSAGES, COUNT]) isError(await post(own, talk(""), { url }), 403, "permission_error", /suspended/);
  });
});

describe("what passes", () => {
  const ask = (body, target = "/v1/messages") => request("POST", new URL(target, direct), { body, headers: { "x-api-key": "k-direct", "anthropic-version": "2023-06-01" }, check: false });

  test("whole answers, as the upstream gives them", async () => {
    for (const directive of ["tokens=5", "tokens=3 think=4", "tool=get_weather tokens=9 calls=2 say=2", "refuse", "utf8=split tokens=20", "usage=none", "cached=3 cache_write=4"]) {
      const body = talk(directive), [ours, theirs] = await Promise.all([post(person, body), ask(body)]);
      assert.equal(theirs.status, 200);
      assert.deepEqual([ours.status, withoutIds(ours.text)], [200, withoutIds(theirs.text)], directive);
      assert.equal(Number(ours.headers["content-length"]), Buffer.byteLength(ours.text));
      assert.deepEqual([ours.headers["cache-control"], ours.headers["request-id"]], ["no-store", ours.headers["x-request-id"]]);
    }
  });

  test("streams, event by event, pings too", async () => {
    for (const directive of ["tokens=5", "tokens=30 think=4 burst=7", "tool=get_weather tokens=9 calls=2 say=2", "utf8=split tokens=20", "drip=1 tokens=1", "gzip tokens=9", "line=200000 tokens=3"]) {
      const make = (how) => talk(`${how} input=50`, { stream: true }); // packed or in drops, it is the same
      const [ours, theirs] = await Promise.all([stream(person, make(directive)), ask(make(directive.replace(/gzip|drip=1/, "")))]);
      assert.deepEqual([ours.status, ours.end, withoutIds(ours.text)], [200, "end", withoutIds(theirs.text)], directive);
      assert.match(ours.text, /event: ping\n/);
      assert.equal(ours.headers["content-type"], "text/event-stream; charset=utf-8");
      assert.equal(ours.headers["cache-control"], "no-cache, no-transform");
      assert.equal(ours.headers["request-id"], ours.headers["x-request-id"]);
    }
  });

  test("each event when it comes", async () => {
    const { parts, text, ms } = await stream(person, talk("tokens=10 rate=20"));
    const seen = (count) => parts.find((_, i) => events(parts.slice(0, i + 1).map((p) => p.text).join("")).filter((e) => e.event === "content_block_delta").length >= count).ms;
    assert.equal(events(text).filter((e) => e.event === "content_block_delta").length, 10);
    assert.ok(seen(10) - seen(1) > 300, `${seen(1)} to ${seen(10)} of ${ms} ms`);
    for (const part of parts) assert.ok(part.text.endsWith("\n\n"), "whole events");
  });

  test("counts, free of charge", async () => {
    const someone = await gateway.person({ topup: 1n });
    const { max_tokens, ...body } = talk("input=77");
    const ours = await post(someone, body, { url: COUNT });
    assert.equal(ours.text, (await ask(body, "/v1/messages/count_tokens")).text);
    assert.deepEqual(ours.body, { input_tokens: 77 });
    for (const name of ["x-turnpike-hold", "x-turnpike-receipt", "x-turnpike-cost"]) assert.equal(ours.headers[name], undefined);
    assert.deepEqual([await gateway.receipts(someone), await gateway.balance(someone)], [[], { balance: 1n, reserved: 0n }]);
    assert.equal((await post(someone, { ...body, stream: true, max_tokens }, { url: `${COUNT}/` })).body.input_tokens, 77, "whatever else is in it");
  });

  test("20 MiB in, and not a byte more", async () => {
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "" } };
    const body = talk("tokens=1 input=5");
    body.messages[0].content = [image, { type: "text", text: body.messages[0].content }];
    image.source.data = "A".repeat(20 * 1024 * 1024 - Buffer.byteLength(JSON.stringify(body)));
    const answer = await post(person, body);
    assert.equal(answer.status, 200, answer.text);
    const receipt = await gateway.receipt(answer);
    assert.deepEqual([receipt.cost, receipt.estimate < 10000n], [cost("sandbox-claude", { input: 5, output: 1 }), true], "images are no text");
    for (const url of [MESSAGES, COUNT])
      isError(await post(person, `${JSON.stringify(body)} `, { url }), 413, "request_too_large");
  });
});

describe("what it costs", () => {
  const directive = "input=1000 cached=300 cache_write=200 cache_write_1h=50 tokens=50 think=20";
  // 500 at 3, 300 at 0.30, 150 at 3.75, 50 at 6, 70 at 15 dollars a million.
  const expected = 1500n + 90n + 563n + 300n + 1050n;

  for (const [name, send] of [["whole", (who, body) => post(who, body)], ["a stream", (who, body) => stream(who, body)]])
    test(`every class of tokens at its price: ${name}`, async () => {
      const someone = await gateway.person({ topup: 1000000n });
      const answer = await send(someone, talk(directive));
      assert.equal(answer.status, 200, answer.text);
      const receipt = await gateway.receipt(answer);
      const { status, is_estimated, input_tokens, cached_tokens, cache_write_tokens, output_tokens, provider, endpoint, model, hold_id, request_id } = receipt;
      assert.deepEqual([status, is_estimated, input_tokens, cached_tokens, cache_write_tokens, output_tokens], ["ok", 0, 500, 300, 200, 70]);
      assert.deepEqual([provider, endpoint, model, hold_id, request_id],
        ["sandbox-anthropic", "messages", "sandbox-claude", answer.headers["x-turnpike-hold"], answer.headers["x-request-id"]]);
      assert.equal(receipt.cost, expected);
      assert.equal(await gateway.atRest(someone), 1000000n - expected);
      if (answer.body) assert.equal(answer.headers["x-turnpike-cost"], "0.003503");
    });

  test("without enough credit no upstream hears of it", async () => {
    const poor = await gateway.person({ topup: 1500n }), name = fresh();
    isError(await post(poor, talk(`tag=${name}`, { max_tokens: 100 })), 402, "billing_error", /balance is too low/);
    assert.equal((await stream(poor, talk(`tag=${name}`))).status, 402);
    assert.deepEqual(await gateway.records(name), []);
    assert.deepEqual([await gateway.receipts(poor), await gateway.balance(poor)], [[], { balance: 1500n, reserved: 0n }]);
    assert.equal((await post(poor, talk(`tag=${name} tokens=5`, { max_tokens: 80 }))).status, 200, "less of it can be paid");
  });

  test("who leaves pays for what was said, and the upstream is told to stop", async () => {
    const someone = await gateway.person({ topup: 1000000n }), name = fresh();
    const answer = await stream(someone, talk(`tag=${name} tokens=100 rate=50 input=400`), { leave: (a) => a.text.split("text_delta").length > 5 });
    assert.equal(answer.end, "left");
    await eventually(async () => assert.equal((await gateway.records(name))[0].state, "aborted"), 2000);
    const receipt = await gateway.receipt(answer);
    assert.deepEqual([receipt.status, receipt.is_estimated, receipt.input_tokens], ["aborted", 1, 400]);
    assert.ok(receipt.output_tokens >= 5 && receipt.output_tokens < 50, `${receipt.output_tokens} tokens`);
    assert.equal(receipt.cost, cost("sandbox-claude", { input: 400, output: receipt.output_tokens }));
    assert.equal(await gateway.atRest(someone), 1000000n - receipt.cost);
  });

  test("who leaves before the first token pays nothing", async () => {
    const someone = await gateway.person({ topup: 1000000n });
    const agent = new http.Agent(), body = JSON.stringify(talk("first_ms=20000"));
    await new Promise((resolve) => {
      const call = http.request(URL_BASE + MESSAGES, { method: "POST", agent, headers: { ...bearer(someone.token), "Content-Type": "application/json" } });
      call.on("error", resolve);
      call.end(body);
      eventually(async () => assert.ok((await gateway.balance(someone)).reserved > 0n)).then(() => call.destroy());
    });
    assert.equal(await gateway.atRest(someone), 1000000n);
    const [id] = await gateway.receipts(someone);
    const { status, cost: paid } = await gateway.receipt(id);
    assert.deepEqual([status, paid], ["refunded", 0n]);
  });

  test("what no upstream counted is estimated", async () => {
    for (const send of [post, stream]) {
      const receipt = await gateway.receipt(await send(person, talk("usage=none tokens=12")));
      assert.deepEqual([receipt.status, receipt.is_estimated], ["ok", 1]);
      assert.equal(receipt.output_tokens, Math.ceil(words(12).length / 4));
      assert.equal(receipt.cost, cost("sandbox-claude", { input: receipt.input_tokens, output: receipt.output_tokens }));
    }
  });
});

describe("errors of ours, and nginx's", () => {
  test("requests that make no sense", async () => {
    const good = JSON.stringify(talk("tokens=1"));
    const wrong = [["", 400], ["[]", 400], ["{", 400], ["{}", 400, /model: required; max_tokens: required/], [good.replace("100", "0"), 400, /max_tokens: min 1/],
      [good.replace("100", '"x"'), 400, /max_tokens: integer/], [good.replace('{"model"', '{"model":"m","model"'), 400], [`${good}x`, 400],
      [JSON.stringify(talk("", { stream: "yes" })), 400, /stream: boolean/], [JSON.stringify(talk("", { model: "sandbox-chat" })), 400, /'sandbox-chat' is not served here/],
      [JSON.stringify(talk("", { model: "sandbox-tab" })), 400]];
    for (const [body, status, message] of wrong) isError(await post(person, body), status, "invalid_request_error", message);
    for (const url of [MESSAGES, COUNT]) {
      isError(await post(person, talk("", { model: "nobody" }), { url }), 404, "not_found_error", /There is no model 'nobody'/);
      isError(await post(person, good, { url, headers: { ...bearer(person.token), "Content-Type": "text/plain" } }), 415, "invalid_request_error");
      isError(await post(person, "{", { url }), 400, "invalid_request_error");
      isError(await request("GET", url, { headers: bearer(person.token) }), 405, "invalid_request_error");
    }
    isError(await post(person, { messages: [] }, { url: COUNT }), 400, "invalid_request_error", /: model: required|invalid\. model: required$/);
  });

  test("addresses, headers and encodings that nginx refuses itself", async () => {
    isError(await request("GET", "/api/anthropic/v1/models", {}), 404, "not_found_error");
    isError(await request("POST", "/api/anthropic/", { body: {} }), 404, "not_found_error");
    isError(await post(person, talk(""), { headers: { ...bearer(person.token), "Content-Encoding": "gzip" } }), 415, "invalid_request_error");
    const text = await new Promise((resolve, reject) => {
      const socket = net.connect(direct.port - 3, "127.0.0.1", () => socket.end(`POST ${MESSAGES} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n\r\n`));
      let all = "";
      socket.on("data", (data) => { all += data; }).on("end", () => resolve(all)).on("error", reject);
    });
    assert.match(text, /^HTTP\/1\.1 400 .*\r\nrequest-id: req_[0-9a-f]{24}\r\n.*\{"type":"error","error":\{"type":"invalid_request_error"/s);
  });

  test("a client's request id comes back, one that is none does not", async () => {
    const headers = { ...bearer(person.token), "x-request-id": "req_mine:1" };
    const answer = await post(person, talk("tokens=1"), { headers });
    assert.deepEqual([answer.headers["request-id"], (await gateway.receipt(answer)).request_id], ["req_mine:1", "req_mine:1"]);
    assert.match((await post(person, talk("tokens=1"), { headers: { ...headers, "x-request-id": "not mine" } })).headers["request-id"], /^req_[0-9a-f]{24}$/);
  });

  test("scripts of our own origin may call it", async () => {
    const headers = { Origin: URL_BASE, "Access-Control-Request-Headers": "x-api-key, x-stainless-lang" };
    const { status, headers: said } = await request("OPTIONS", MESSAGES, { headers, check: false });
    assert.equal(status, 204);
    assert.match(said["access-control-allow-headers"], /X-Api-Key, Anthropic-Version, Anthropic-Beta, .*x-stainless-lang/);
  });

  test("too many calls: the worker says so, and before it nginx", async () => {
    for (const url of [MESSAGES, COUNT]) {
      const from = randomAddress(), agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
      const answers = await Promise.all(Array.from({ length: 200 }, () => post(null, "{}", { url, from, agent })));
      agent.destroy();
      const refused = answers.filter((a) => a.status === 429);
      assert.equal(answers.length - refused.length, 30);
      for (const answer of refused) {
        isError(answer, 429, "rate_limit_error");
        assert.ok(Number(answer.headers["retry-after"]) > 0 && Number(answer.headers["retry-after"]) <= 60);
      }
      assert.ok(refused.some((a) => a.headers["cache-control"] === "no-store" && a.headers["content-type"] === "application/json; charset=utf-8"));
    }
  });
});

describe("with upstreams that are watched", () => {
  let stack, stub, own, somebody;
  const seen = []; // what the stub was sent
  const ANSWER = '{ "id":"msg_1","type":"message","role":"assistant","model":"real-name","content":[{"type":"text","text":"caf\\u00e9 \u00e9"}],\n' +
    '"stop_reason":"end_turn", "stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":3,"more":[1.50,{}]}}\n';
  // What upstreams answer, and what comes of it.
  const table = [
    [400, 400, "invalid_request_error", /The sandbox was told so/], [401, 502, "api_error"], [402, 502, "api_error"], [403, 502, "api_error"], [404, 502, "api_error"],
    [409, 502, "api_error"], [413, 413, "request_too_large"], [429, 529, "overloaded_error"], [500, 502, "api_error"], [503, 529, "overloaded_error"],
    [504, 504, "timeout_error"], [529, 529, "overloaded_error"],
  ];
  const forms = [[MESSAGES, {}], [MESSAGES, { stream: true }], [COUNT, {}]];
  // Each with a provider of its own: a key that was refused, or a route that fails, is left alone for a while.
  const faulty = ["cut", "error", "garbage", ...table.flatMap(([status]) => forms.map((_, i) => `${status}-${i}`))];

  before(async () => {
    stub = http.createServer((asked, answer) => {
      const parts = [];
      asked.on("data", (part) => parts.push(part)).on("end", () => {
        seen.push({ url: asked.url, method: asked.method, headers: asked.headers, raw: asked.rawHeaders, body: Buffer.concat(parts).toString() });
        answer.writeHead(200, { "Content-Type": "application/json", "request-id": "req_theirs", "anthropic-ratelimit-tokens-limit": "5", "Set-Cookie": "a=b" });
        answer.end(asked.url.includes("count_tokens") ? '{ "input_tokens":3 }' : ANSWER);
      });
    });
    await new Promise((resolve) => stub.listen(0, "127.0.0.1", resolve));
    stack = await ownStack({ port: Number(new URL(URL_BASE).port) + 50, limits: "dry-run" });
    own = new Gateway({ url: stack.url, state: stack.state });
    const catalog = structuredClone(CATALOG), model = catalog.models.find((m) => m.id === "sandbox-claude");
    const keys = [{ label: "s", secret_file: "${server.state_dir}/keys/secret" }];
    fs.writeFileSync(path.join(stack.state, "keys/secret"), "sk-ant-ours\n", { mode: 0o600 });
    const add = (id, base_url, more = {}, route = {}) => {
      catalog.providers.push({ id, name: id, dialect: "anthropic", base_url, keys, ...more });
      catalog.models.push({ ...model, id, aliases: [], routes: [{ provider: id, upstream_model: "real-name" }], ...route });
    };
    const at = `http://127.0.0.1:${stub.address().port}/base`;
    add("stub", at);
    add("versioned", at, { api_version: "2026-10-21", path: "/elsewhere/messages" });
    for (const id of faulty) add(`f${id}`, "${sandbox.ai_url}");
    catalog.models.push({ ...model, id: "mixed", aliases: [], routes: [{ provider: "sandbox", upstream_model: "wrong" }, { provider: "stub", upstream_model: "real-name" }] });
    catalog.models.push({ ...model, id: "second", aliases: [], routes: [{ provider: "f500-1", upstream_model: "x", position: 0 }, { provider: "sandbox-anthropic", upstream_model: "sandbox-claude", position: 1 }] });
    const file = path.join(stack.state, "tmp/catalog.json");
    fs.writeFileSync(file, JSON.stringify(catalog));
    const { status, stderr } = await turnpike(["catalog", "load", file], stack.state);
    assert.equal(status, 0, stderr);
    somebody = await own.person();
    await eventually(async () => assert.equal((await request("GET", `${stack.url}/v1/models/second`, { check: false })).status, 200));
    await eventually(async () => assert.equal((await ask({ ...talk(""), model: "stub" })).status, 200), 3000); // the pool ai, too
    seen.length = 0;
  });
  after(async () => {
    await stack?.down();
    stub.closeAllConnections();
    stub.close();
  });

  const ask = (body, { url = MESSAGES, headers = {}, ...options } = {}) =>
    request("POST", stack.url + url, { body, headers: { ...bearer(somebody.token), ...headers }, ...options });
  const last = () => seen.at(-1);

  test("the body goes on byte for byte, but for the model and what was reserved", async () => {
    const body = (model, max_tokens) => `{ "messages" :[{"role":"user","content":"\\u0041\\/ \u00e9 \\ud83d\\ude00" , "cache_control":{"type":"ephemeral"}}],\n\t"max_tokens":${max_tokens}, ` +
      `"temperature":0.70, "x":{"model":"other","max_tokens":1E3},"model":${model} ,"thinking":{"type":"adaptive"},"top_k":1.0e1}\n`;
    for (const [sent, expected] of [[100, 100], [64000, 64000], [64001, 64000], [9e15, 64000]]) {
      const answer = await ask(body('"st\\u0075b"', sent));
      assert.equal(answer.text, ANSWER, "and the answer comes back so");
      assert.equal(last().body, body('"real-name"', expected));
      assert.equal(Number(last().headers["content-length"]), Buffer.byteLength(last().body));
      const receipt = await own.receipt(answer);
      assert.deepEqual([receipt.model, receipt.cost], ["stub", cost("sandbox-claude", { input: 10, output: 3 })]);
    }
    assert.equal((await ask(body('"stub"', 5), { url: COUNT })).text, '{ "input_tokens":3 }');
    assert.deepEqual([last().url, last().body], ["/base/v1/messages/count_tokens", body('"real-name"', 5)]);
    assert.equal(last().headers["x-request-id"], undefined, "without a receipt there is no id to name");
  });

  test("of the header only what belongs to the dialect", async () => {
    const headers = { "x-api-key": somebody.token, Cookie: "a=b", "X-Forwarded-For": "10.0.0.1", "User-Agent": "me/1", "x-stainless-lang": "js", "X-Other": "y", Referer: "http://z" };
    const answer = await ask(talk("", { model: "stub" }), { headers: { ...headers, "anthropic-version": "2024-01-01", "anthropic-beta": "one-1,two-2" } });
    const { host, connection, "content-length": length, "user-agent": agent, "accept-encoding": encoding, ...rest } = last().headers;
    assert.deepEqual(rest, { "content-type": "application/json", accept: "application/json", "anthropic-version": "2024-01-01", "anthropic-beta": "one-1,two-2",
      "x-api-key": "sk-ant-ours", "x-request-id": answer.headers["x-turnpike-receipt"] });
    assert.notEqual(agent, "me/1");
    assert.ok(!JSON.stringify(last()).includes(somebody.token.slice(8)), "not a word of the client's token");
    assert.equal(last().url, "/base/v1/messages");

    await ask(talk("", { model: "stub" }), { headers: { "anthropic-beta": ["one-1", "two-2"] } });
    assert.deepEqual([last().headers["anthropic-beta"], last().headers["anthropic-version"]], ["one-1,two-2", "2023-06-01"]);
    await ask(talk("", { model: "versioned" }), { url: `${MESSAGES}?beta=true` });
    assert.deepEqual([last().headers["anthropic-version"], last().headers["anthropic-beta"], last().url], ["2026-10-21", undefined, "/base/elsewhere/messages?beta=true"]);
    await ask(talk("", { model: "versioned" }), { url: `${COUNT}?beta=true&x=y`, headers: { "anthropic-version": "2023-06-01" } });
    assert.deepEqual([last().headers["anthropic-version"], last().url], ["2023-06-01", "/base/elsewhere/messages/count_tokens"], "other queries stay here");
  });

  test("nothing of the upstream's header comes back", async () => {
    const { headers } = await ask(talk("", { model: "stub" }));
    for (const name of ["set-cookie", "anthropic-ratelimit-tokens-limit"]) assert.equal(headers[name], undefined);
    assert.notEqual(headers["request-id"], "req_theirs");
  });

  test("only routes of the dialect serve it", async () => {
    const n = seen.length, answer = await ask(talk("", { model: "mixed" }));
    assert.deepEqual([answer.text, seen.length], [ANSWER, n + 1]);
    const receipt = await own.receipt(answer);
    assert.deepEqual([receipt.provider, receipt.attempts], ["stub", 1]);
  });

  test("before the first byte another route is tried", async () => {
    for (const more of [{}, { stream: true }]) {
      const answer = await own.send(somebody, MESSAGES, talk("tokens=2", { model: "second", ...more, messages: [{ role: "user", content: "[[sandbox: status=500 fail=1 tag=" + fresh() + "]]" }] }));
      assert.equal(answer.status, 200, answer.text);
      const receipt = await own.receipt(answer);
      assert.deepEqual([receipt.provider, receipt.attempts, receipt.status], ["sandbox-anthropic", 2, "ok"]);
    }
  });

  test("errors before the first byte: whole, streamed, counted", async () => {
    for (const [status, ours, type, message] of table)
      for (const [i, [url, more]] of forms.entries()) {
        const answer = await ask(talk(`status=${status}`, { model: `f${status}-${i}`, ...more }), { url });
        isError(answer, ours, type, message);
        assert.equal("retry-after" in answer.headers, ours === 529, `${status}`);
        assert.equal(answer.headers["x-should-retry"], undefined);
        if (status === 401 || status === 402) assert.doesNotMatch(answer.text, /key|billing/i, "our account is no business of theirs");
        if (url === COUNT) continue;
        const receipt = await own.receipt(answer);
        assert.deepEqual([receipt.status, receipt.cost], ["refunded", 0n], `${status}`);
      }
    const rests = await ask(talk("status=529 retry_after=7", { model: "f529-0" }));
    isError(rests, 529, "overloaded_error");
    assert.equal(rests.headers["retry-after"], "7");
    isError(await ask(talk("", { model: "f401-0" })), 529, "overloaded_error"); // its only key is out of use
  });

  test("an upstream that breaks off in the middle: the client reads an error of its dialect behind whole events", async () => {
    for (const [fault, status, type] of [["cut_at=1100", "cut", "api_error"], ["reset_at=1100", "cut", "api_error"], ["end_at=1100", "cut", "api_error"], ["garbage=5", "cut", "api_error"]]) {
      const answer = await stream(somebody, talk(`tokens=40 input=30 ${fault}`, { model: fault.startsWith("garbage") ? "fgarbage" : "fcut" }), {}, own);
      const read = events(answer.text);
      assert.deepEqual([answer.status, answer.end, read.at(-1).event, read.at(-1).json?.error.type], [200, "end", "error", type], fault + answer.text);
      assert.equal(read.at(-1).json.request_id, answer.headers["request-id"]);
      assert.ok(read.every((e) => e.json !== undefined), "no event is cut");
      assert.ok(answer.text.endsWith("\n\n"));
      assert.equal(read.filter((e) => e.event === "error").length, 1);
      const receipt = await own.receipt(answer);
      assert.deepEqual([receipt.status, receipt.input_tokens], [status, 30], fault);
      assert.equal(receipt.cost, cost("sandbox-claude", { input: 30, output: receipt.output_tokens }));
    }
  });

  test("an upstream's own error in the middle is passed on once", async () => {
    const answer = await stream(somebody, talk("tokens=9 input=30 error_at=3", { model: "ferror" }), {}, own);
    const read = events(answer.text);
    assert.deepEqual(read.filter((e) => e.event === "error").length, 1, answer.text);
    assert.deepEqual([read.at(-1).event, read.at(-1).json.error.type], ["error", "overloaded_error"]);
    assert.match(read.at(-1).json.request_id, /^req_sbx/, "theirs");
    assert.equal((await own.receipt(answer)).status, "cut");
  });

  // Instead of what the stub answers otherwise.
  function stubAnswers(status, type, body) {
    stub.removeAllListeners("request");
    stub.on("request", (asked, answer) => {
      asked.resume();
      answer.writeHead(status, { "Content-Type": type });
      answer.end(body);
    });
  }

  test("an error instead of the first event is no answer", async () => {
    stubAnswers(200, "text/event-stream", ': hello\n\nevent: ping\ndata: {"type":"ping"}\n\nevent: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n');
    const answer = await ask(talk("", { model: "stub", stream: true }));
    isError(answer, 529, "overloaded_error");
    assert.deepEqual((await own.receipt(answer)).status, "refunded");
  });

  test("nonsense behind good events: these are passed on and paid, it is not", async () => {
    const start = 'event: message_start\ndata: {"type":"message_start","message":{"content":[],"usage":{"input_tokens":7,"output_tokens":1}}}\n\n' +
      'event: content_block_delta\r\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hey"}}\r\n\r\n';
    stubAnswers(200, "text/event-stream", `${start}data: {"type":\n\n`);
    const answer = await stream(somebody, talk("", { model: "stub" }), {}, own);
    assert.ok(answer.text.startsWith(`${start}event: error\n`), answer.text);
    const receipt = await own.receipt(answer);
    assert.deepEqual([receipt.status, receipt.cost], ["cut", cost("sandbox-claude", { input: 7, output: 1 })]);
    stubAnswers(200, "text/event-stream", `${start.slice(0, start.indexOf("event: content"))}data: {"type":\n\n`);
    const { status, cost: nothing } = await own.receipt(await stream(somebody, talk("", { model: "stub" }), {}, own));
    assert.deepEqual([status, nothing], ["refunded", 0n], "it broke off before its first token");
  });

  test("a spend cap that shows as 400 is not the client's fault", async () => {
    stubAnswers(400, "application/json", '{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits."}}');
    isError(await ask(talk("", { model: "stub" })), 502, "api_error", /^(?!.*usage limits)/);
  });
});
