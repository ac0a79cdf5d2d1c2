// What calls cost, however they end and however many come at once (gateway.md 6, assurance.md 3.1): on a stack of its own
// with four processes, where every test has models and routes of its own. After each test nothing is reserved any more and
// the ledger proves itself; after the last one every token that the models reported is on a bill.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, afterEach, before, test } from "node:test";
import { eventually, ownStack, turnpike } from "../support.mjs";
import { CATALOG, Gateway, chat, cost, estimate, exactChat, fill, said, withModel, words } from "./ai.mjs";

const DIALECTS = ["openai", "anthropic"];
const PORT = Number(new URL(process.env.TURNPIKE_URL ?? "http://127.0.0.1:8080").port) + 54;

// What an upstream's status is to the client (upstreams.md 11.3).
const MAPPED = {
  401: [502, "upstream_error"], 402: [502, "upstream_error"], 403: [502, "upstream_error"], 404: [502, "upstream_error"],
  409: [502, "upstream_error"], 413: [413, "payload_too_large"], 422: [400, "validation_failed"], 429: [503, "upstream_overloaded"],
  500: [502, "upstream_error"], 502: [502, "upstream_error"], 503: [503, "upstream_overloaded"], 504: [504, "upstream_timeout"],
  529: [503, "upstream_overloaded"],
};

const catalog = structuredClone(CATALOG);
for (const dialect of DIALECTS) {
  for (const name of ["fallback", "early", "cut", "late-cut", "error", "odd"]) withModel(catalog, `${dialect}-${name}`, { dialect });
  for (const status of Object.keys(MAPPED)) withModel(catalog, `${dialect}-${status}`, { dialect, routes: 1 });
}
withModel(catalog, "busy");
withModel(catalog, "slow");
for (const name of ["slow", "failing", "busy"]) withModel(catalog, `tab-${name}`, { dialect: "fim_openai", routes: 1 });
withModel(catalog, "broken");
withModel(catalog, "plain", { capabilities: ["chat", "streaming"] });
withModel(catalog, "repriced", { multiplier: 1.5 });
// Providers that want their key in another header than others of their dialect, and that know no stream_options.
for (const [dialect, auth] of [["openai", "x-api-key"], ["anthropic", "bearer"]]) {
  withModel(catalog, `${dialect}-own-ways`, { dialect, routes: 1 });
  Object.assign(catalog.providers.at(-1), { auth, stream_usage: false });
}

// Two models whose first provider is a server of this file: `first` answers each request.
let first = () => assert.fail("nobody should ask");
const provider = http.createServer(async (request_, response) => {
  let body = "";
  for await (const part of request_) body += part;
  first(JSON.parse(body), response);
});
await new Promise((resolve) => provider.listen(0, "127.0.0.1", resolve));
withModel(catalog, "breaks-off");
withModel(catalog, "large", { context_window: 40000000 });
for (const { id } of [{ id: "breaks-off-1" }, { id: "large-1" }]) catalog.providers.find((p) => p.id === id).base_url = `http://127.0.0.1:${provider.address().port}`;

let stack, gateway, person, swept;
before(async () => {
  stack = await ownStack({ port: PORT, limits: "dry-run" });
  gateway = new Gateway(stack);
  await load(catalog);
  // Processes that start read the catalog before they serve.
  await stack.configure((conf) => `${conf}\n[pool.ai]\nprocesses = 4\n[mode.plan]\nwhole = 1\n[mode.tab]\nwhole = 1\n`);
  person = await gateway.person();
  swept = await startSwept();
});
after(async () => {
  provider.close();
  await swept?.answer;
  await stack?.down();
});

afterEach(async () => {
  if (!swept) return; // the stack did not come up, and before() says why
  await eventually(async () => assert.deepEqual(await gateway.sql(`SELECT public_id FROM hold WHERE state = 'open' AND user_id <> ${swept.someone.id}`), []), 3000);
  const { status, stdout, stderr } = await operator("ledger", "verify");
  assert.equal(status, 0, stdout + stderr);
});

const operator = (...args) => turnpike(args, stack.state);

async function load(content) {
  const file = path.join(stack.state, "test-catalog.json");
  fs.writeFileSync(file, JSON.stringify(content));
  const { status, stderr } = await operator("catalog", "load", file);
  assert.equal(status, 0, stderr);
}

// A stream whose hold is past its deadline, as after a jump of the clock; the jobs look for such every fifteen seconds, so
// it runs beside the other tests.
async function startSwept() {
  const someone = await gateway.person({ topup: 1000000n }), tag = unique("swept");
  const body = exactChat(`rate=20 tag=${tag}`, { tokens: 400, model: "busy", stream_options: { include_usage: true } });
  const answer = gateway.stream(someone, body, { timeout: 60000 });
  // What was reserved for further calls has been given back by then, and nothing is to be renewed for half a minute.
  await eventually(async () => assert.equal((await gateway.balance(someone)).reserved, estimate(body, catalog)));
  await gateway.sql(`UPDATE hold SET deadline_at_us = 1 WHERE user_id = ${someone.id} AND state = 'open'`);
  const gone = eventually(async () => {
    assert.equal((await gateway.balance(someone)).reserved, 0n);
    return (await gateway.records(tag))[0].state;
  }, 18000).catch((error) => error.message);
  return { someone, answer, gone, price: estimate(body, catalog) };
}

const unique = (name) => `${name}-${process.pid}-${Date.now()}`;
const count = (answers, status) => answers.filter((a) => a.status === status).length;

// --- Holds ----------------------------------------------------------------------------------------

test("what a call may cost is reserved before the model is asked, and for as long as it works", async () => {
  const someone = await gateway.person({ topup: 1000000n }), tag = unique("hold");
  const body = chat(`first_ms=2000 tokens=5 tag=${tag}`, { max_tokens: 100 });
  const answer = gateway.chat(someone, body);
  await eventually(async () => assert.equal((await gateway.records(tag))[0]?.state, "open"));
  const { balance, reserved } = await gateway.balance(someone);
  assert.ok(reserved >= estimate(body) && reserved <= balance, `${reserved}`);
  const [[created_at]] = await gateway.sql(`SELECT created_at_us FROM hold WHERE user_id = ${someone.id} AND state = 'open'`);
  const [record] = await gateway.records(tag);
  assert.ok(Number(created_at) / 1000 <= record.started_at_ms + 1, "durable before the upstream has seen anything");
  assert.equal((await answer).status, 200);
  assert.equal(await gateway.atRest(someone), 1000000n - (await gateway.receipt(await answer)).cost);
});

test("a thousand at once on a balance for one: one reaches the model", async () => {
  const tag = unique("one"), body = exactChat(`tag=${tag}`);
  const someone = await gateway.person({ topup: estimate(body) });
  const answers = await Promise.all(Array.from({ length: 1000 }, () => gateway.chat(someone, body)));
  assert.deepEqual([count(answers, 200), count(answers, 402)], [1, 999]);
  assert.equal((await gateway.records(tag)).length, 1);
  assert.equal(await gateway.atRest(someone), 0n);
});

// Reads the balance until it is told to stop; the least of what was there and not reserved.
function watch(someone) {
  const seen = { least: undefined, reads: 0, stopped: false };
  seen.done = (async () => {
    while (!seen.stopped) {
      const { balance, reserved } = await gateway.balance(someone);
      const free = balance - reserved;
      seen.reads++;
      if (seen.least === undefined || free < seen.least) seen.least = free;
    }
    return seen;
  })();
  seen.stop = () => { seen.stopped = true; return seen.done; };
  return seen;
}

for (const [name, paid, asked] of [["F-01", 10, 200], ["F-04", 1000, 2000]]) {
  test(`${name}: a balance for ${paid}, ${asked} at once over four processes: ${paid} are served, to the last micro-dollar`, async () => {
    const tag = unique(name), body = exactChat(`tag=${tag}`, { model: "busy" });
    const someone = await gateway.person({ topup: estimate(body, catalog) * BigInt(paid) });
    const seen = watch(someone);
    const answers = await Promise.all(Array.from({ length: asked }, () => gateway.chat(someone, body)));
    assert.deepEqual([count(answers, 200), count(answers, 402)], [paid, asked - paid]);
    assert.equal(await gateway.atRest(someone), 0n);
    const { least, reads } = await seen.stop();
    assert.ok(reads > 0 && least >= 0n, `${least} of ${reads} reads`);
    assert.equal((await gateway.served(`?detail=1&tag=${tag}`)).requests.length, paid);
  });
}

test("F-02: fifty streams at once on a balance for five: five are admitted, nothing is overspent", async () => {
  const tag = unique("F-02"), body = exactChat(`first_ms=700 tag=${tag}`, { model: "busy" });
  const price = estimate(body, catalog), someone = await gateway.person({ topup: 5n * price });
  const seen = watch(someone);
  const answers = await Promise.all(Array.from({ length: 50 }, () => gateway.stream(someone, body)));
  assert.deepEqual([count(answers, 200), count(answers, 402)], [5, 45]);
  assert.equal((await gateway.records(tag)).length, 5);
  assert.equal(await gateway.atRest(someone), 0n);
  assert.ok((await seen.stop()).least >= 0n);
  for (const answer of answers.filter((a) => a.status === 200)) assert.equal((await gateway.receipt(answer)).cost, price);
});

test("F-05: what an operator takes away is gone for the next call of every process, and what he gives is there", async () => {
  const body = exactChat("", { model: "busy" }), someone = await gateway.person({ topup: 1000000n });
  const round = async () => (await Promise.all(Array.from({ length: 40 }, () => gateway.chat(someone, body)))).map((a) => a.status);
  assert.deepEqual(new Set(await round()), new Set([200]));
  const left = await gateway.atRest(someone);
  const change = async (verb, micro) => assert.equal((await operator("ledger", verb, "--user", someone.email, "--micro", String(micro), "--reason", "test")).status, 0);
  await change("adjust", -left);
  assert.deepEqual(new Set(await round()), new Set([402]));
  await change("grant", 1000000);
  assert.deepEqual(new Set(await round()), new Set([200]));
});

test("F-03: clients that leave and models that break off, twenty of each at once: nothing stays reserved", async () => {
  const someone = await gateway.person(), tag = unique("F-03");
  const leave = (n) => (a) => a.text.length > n * 90;
  const left = Array.from({ length: 20 }, (_, i) => gateway.stream(someone, chat(`rate=100 tokens=1000 tag=${tag}-left`, { model: "busy" }), { leave: leave(i) }));
  const cut = Array.from({ length: 20 }, (_, i) => gateway.stream(someone, chat(`tokens=100 ${i % 2 ? "cut" : "reset"}_at=${300 + 97 * i} tag=${tag}-cut only=sandbox-a`, { model: "broken" })));
  const answers = await Promise.all([...left, ...cut]);
  assert.ok(answers.every((a) => a.status === 200));
  await eventually(async () => assert.ok((await gateway.records(`${tag}-left`)).every((r) => r.state === "aborted")), 2500);
  const rest = await gateway.atRest(someone);
  const receipts = await Promise.all(answers.map((a) => gateway.receipt(a)));
  assert.equal(rest, 100000000n - receipts.reduce((sum, r) => sum + r.cost, 0n));
  // Who leaves before the first token has nothing to pay for.
  assert.ok(receipts.slice(0, 20).every((r) => r.status === "aborted" || (r.status === "refunded" && r.cost === 0n)), receipts.map((r) => r.status).join(" "));
  assert.ok(receipts.slice(20).every((r) => r.status === "cut" || r.status === "ok" || r.status === "refunded"), receipts.map((r) => r.status).join(" "));
});

test("a model that does not answer in its mode's time, fails or is overloaded: said so, and nothing charged", async () => {
  const someone = await gateway.person();
  const cases = [
    [408, gateway.chat(someone, chat("hang", { model: "slow", mode: "plan" }))],
    [408, gateway.fill(someone, fill("hang", { model: "tab-slow" }))],
    [502, gateway.fill(someone, fill("status=500", { model: "tab-failing" }))],
    [503, gateway.fill(someone, fill("status=529", { model: "tab-busy" }))],
  ];
  for (const [status, asked] of cases) {
    const answer = await asked;
    assert.equal(answer.status, status, answer.text);
    const receipt = await gateway.receipt(answer);
    assert.deepEqual([receipt.status, receipt.cost], ["refunded", 0n], `${status}`);
  }
  assert.equal(await gateway.atRest(someone), 100000000n);
});

// --- Routes ---------------------------------------------------------------------------------------

// Every call pays in for a fifth of a retry; tests that need some see to it that every process has them.
const refill = () => Promise.all(Array.from({ length: 200 }, () => gateway.chat(person, chat("tokens=1", { model: "busy" }))));

test("an answer that broke off leaves nothing in the one of the next route", async () => {
  first = (body, response) => {
    response.setHeader("Content-Type", "application/json");
    const message = { role: "assistant", content: "half of", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }] };
    response.end(JSON.stringify({ choices: [{ index: 0, message, finish_reason: "network_error" }], usage: { prompt_tokens: 900, completion_tokens: 900 } }));
  };
  const answer = await gateway.chat(person, chat("tokens=4 input=21", { model: "breaks-off" }));
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual([answer.body.choices[0].message.content, answer.body.choices[0].message.tool_calls], [words(4), undefined]);
  const receipt = await gateway.receipt(answer);
  assert.deepEqual([receipt.attempts, receipt.cost], [2, cost("breaks-off", { input: 21, output: 4 }, catalog)]);
});

test("the largest prompt may be tried as often as others", async () => {
  await refill();
  let n = 0;
  first = (body, response) => {
    if (n++ === 0) response.statusCode = 500;
    response.end(JSON.stringify({ choices: [{ index: 0, message: { role: "assistant", content: "at last" }, finish_reason: "stop" }] })); // no usage: the last test counts that of the sandbox
  };
  const content = `${"x".repeat(19 * 1024 * 1024)} [[sandbox: status=500]]`;
  const answer = await gateway.chat(person, { model: "large", max_tokens: 10, messages: [{ role: "user", content }] });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual([answer.body.choices[0].message.content, n], ["at last", 2]);
  assert.equal((await gateway.receipt(answer)).attempts, 3);
});

for (const dialect of DIALECTS) {
  test(`${dialect}: a route that fails before its first byte gives way to the second; only what was delivered is charged`, async () => {
    await refill();
    // Each fault is of another kind, so that none keeps the route from being asked by the next.
    for (const [fault, model, stream] of [["status=500", "fallback", false], ["reset_at", "fallback", true], ["cut_at=0", "early", true], ["status=529", "early", false], ["status=429", "odd", true]]) {
      const tag = unique(`fallback-${fault.replace("=", "-")}`);
      const body = chat(`${fault} only=sandbox-a input=21 tokens=6 tag=${tag}`, { model: `${dialect}-${model}`, stream });
      const answer = await gateway.chat(person, body);
      assert.equal(answer.status, 200, `${fault}: ${answer.text}`);
      assert.equal(stream ? said(answer.chunks) : answer.body.choices[0].message.content, words(6));
      const receipt = await gateway.receipt(answer);
      assert.deepEqual([receipt.status, receipt.attempts, receipt.provider, receipt.cost],
        ["ok", 2, `${dialect}-${model}-2`, cost(body.model, { input: 21, output: 6 }, catalog)], fault);
      const records = await gateway.records(tag);
      // Also where a connection that was kept dies without an answer: as often as the receipt says.
      assert.deepEqual(records.map((r) => `${r.key.slice(0, 9)} ${r.state}`), ["sandbox-a failed", "sandbox-b completed"], fault);
      for (const record of records) assert.equal(record.request_id, answer.headers["x-turnpike-receipt"], "both logs name the receipt");
    }
  });

  test(`${dialect}: a provider's own ways: the header of its key, and a stream that is not asked for its usage`, async () => {
    const tag = unique("ways"), body = chat(`tokens=20 input=21 tag=${tag}`, { model: `${dialect}-own-ways` });
    const answer = await gateway.stream(person, body);
    assert.deepEqual([answer.status, said(answer.chunks)], [200, words(20)], answer.text);
    const [record] = await gateway.records(tag), receipt = await gateway.receipt(answer);
    assert.match(record.key, /^sandbox-a/);
    assert.equal(record.key_header, dialect === "openai" ? "x-api-key" : "authorization");
    // Anthropic's streams tell it unasked.
    const tokens = dialect === "openai" ? [1, Math.ceil((body.messages[0].content.length + 12) / 4), Math.ceil(words(20).length / 4)] : [0, 21, 20];
    assert.deepEqual([receipt.is_estimated, receipt.input_tokens, receipt.output_tokens], tokens);
  });

  test(`${dialect}: what upstreams answer is never the client's own 401 or 402, and costs nothing`, async () => {
    const someone = await gateway.person();
    for (const [status, [ours, code]] of Object.entries(MAPPED)) {
      const answer = await gateway.chat(someone, chat(`status=${status}`, { model: `${dialect}-${status}` }));
      assert.deepEqual([answer.status, answer.body.code], [ours, code], `${status}: ${answer.text}`);
      if (ours === 503) assert.match(answer.headers["retry-after"], /^[1-9]\d*$/);
      else assert.equal(answer.headers["retry-after"], undefined);
      if (ours >= 500) assert.doesNotMatch(answer.text, /sandbox-[ab]|127\.0\.0\.1|sk-/, "the cause stays here");
      const receipt = await gateway.receipt(answer);
      assert.deepEqual([receipt.status, receipt.cost, receipt.output_tokens], ["refunded", 0n, 0], status);
      assert.equal(answer.headers["x-turnpike-cost"], undefined);
    }
    assert.equal(await gateway.atRest(someone), 100000000n);
  });

  test(`${dialect}: cut or reset in the middle: an error in the stream, and what came is charged, estimated`, async () => {
    for (const fault of ["cut_at=1800", "reset_at=1801", "end_at=1802"]) {
      const someone = await gateway.person(), tag = unique("cut");
      const answer = await gateway.stream(someone, chat(`${fault} tokens=100 input=33 tag=${tag}`, { model: `${dialect}-cut` }));
      assert.deepEqual([answer.status, answer.end, answer.n_done], [200, "end", 1], fault);
      const { error, code, request_id } = answer.chunks.at(-1);
      assert.deepEqual([error, code, request_id], ["The model's provider failed", "upstream_error", answer.headers["x-request-id"]]);
      assert.equal(answer.chunks.filter((c) => c.choices?.[0]?.finish_reason).length, 0);
      const text = said(answer.chunks);
      assert.ok(text.length > 10 && words(100).startsWith(text), text);
      const receipt = await gateway.receipt(answer);
      const input = dialect === "anthropic" ? 33 : Math.ceil((`go [[sandbox: ${fault} tokens=100 input=33 tag=${tag}]]`.length + 12) / 4);
      const output = Math.ceil(text.length / 4);
      assert.deepEqual([receipt.status, receipt.is_estimated, receipt.input_tokens, receipt.output_tokens], ["cut", 1, input, output], fault);
      assert.equal(receipt.cost, cost(`${dialect}-cut`, { input, output }, catalog));
      assert.match(answer.comments.at(-1), /^: x-turnpike-cost: 0\.\d+$/);
      assert.equal(await gateway.atRest(someone), 100000000n - receipt.cost);
    }
  });

  test(`${dialect}: cut after the usage was told: that is what is charged`, async () => {
    const directive = (more) => `tokens=20 input=35 ${more}`, model = `${dialect}-late-cut`;
    const tag = unique("whole");
    await gateway.stream(person, chat(directive(`tag=${tag}`), { model }));
    const [{ bytes }] = await gateway.records(tag);
    const last = dialect === "openai" ? "data: [DONE]\n\n".length : 'event: message_stop\ndata: {"type":"message_stop"}\n\n'.length;
    const answer = await gateway.stream(person, chat(directive(`cut_at=${bytes - last}`), { model }));
    const receipt = await gateway.receipt(answer);
    assert.deepEqual([receipt.input_tokens, receipt.output_tokens, receipt.is_estimated, receipt.cost], [35, 20, 0, cost(model, { input: 35, output: 20 }, catalog)]);
    assert.equal(said(answer.chunks), words(20));
    assert.equal(answer.n_done, 1);
  });

  test(`${dialect}: an error that the model sends in the middle is told, as a text or as an object`, async () => {
    const model = `${dialect}-error`;
    const answer = await gateway.stream(person, chat("tokens=9 error_at=3", { model }));
    assert.equal(said(answer.chunks), words(3));
    assert.deepEqual([typeof answer.chunks.at(-1).error, answer.n_done], ["string", 1]);
    assert.match(answer.chunks.at(-1).code, /^upstream_(error|overloaded)$/);
    const object = await gateway.stream(person, chat("tokens=9 error_at=3", { model }), { headers: { "X-Error-Format": "openai" } });
    const { message, type, code, param } = object.chunks.at(-1).error;
    assert.deepEqual([typeof message, typeof type, code, param], ["string", "string", answer.chunks.at(-1).code, null]);
    for (const one of [answer, object]) assert.equal((await gateway.receipt(one)).status, "cut");
  });

  test(`${dialect}: usage that makes no sense never costs more than was reserved`, async () => {
    for (const usage of ["zero", "wrong", "huge"]) {
      for (const stream of [false, true]) {
        const someone = await gateway.person({ topup: 1000000n });
        const body = chat(`usage=${usage} tokens=20`, { model: `${dialect}-odd`, stream, max_tokens: 50 });
        const answer = await gateway.chat(someone, body);
        const receipt = await gateway.receipt(answer);
        const why = `${usage} ${stream}: ${answer.status} ${receipt.cost} of ${receipt.estimate}, ${receipt.reason}`;
        assert.equal(receipt.is_estimated, 1, why);
        assert.ok(receipt.cost > 0n && receipt.cost <= receipt.estimate, why);
        assert.equal(await gateway.atRest(someone), 1000000n - receipt.cost);
      }
    }
  });
}

test("a model without tools or eyes says so before anything is reserved", async () => {
  const tools = [{ type: "function", function: { name: "f" } }];
  const image = [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://example.org/a.png" } }] }];
  for (const body of [chat("", { model: "plain", tools }), { model: "plain", messages: image }]) {
    const answer = await gateway.chat(person, body);
    assert.deepEqual([answer.status, answer.body.code, answer.headers["x-turnpike-hold"]], [400, "validation_failed", undefined]);
  }
  assert.equal((await gateway.chat(person, chat("tokens=1", { model: "plain" }))).status, 200);
});

test("a call keeps the prices that it began with, the next one has the new", async () => {
  const price = (multiplier) => ({ ...catalog, models: catalog.models.map((m) => (m.id === "repriced" ? { ...m, multiplier } : m)) });
  const tokens = { input: 40, output: 60 }, base = cost("sandbox-chat", tokens);
  const tag = unique("old-price");
  const old = gateway.stream(person, chat(`rate=25 tokens=60 input=40 tag=${tag}`, { model: "repriced" }));
  await eventually(async () => assert.equal((await gateway.records(tag))[0]?.state, "open"));
  await load(price(4));
  const later = await eventually(async () => {
    const receipt = await gateway.receipt(await gateway.chat(person, chat("tokens=60 input=40", { model: "repriced" })));
    assert.equal(receipt.cost, 4n * base);
    return receipt;
  });
  assert.equal((await gateway.records(tag))[0].state, "open", "still running");
  const receipt = await gateway.receipt(await old);
  assert.deepEqual([receipt.status, receipt.cost], ["ok", base * 3n / 2n]);
  assert.ok(receipt.catalog_id < later.catalog_id);
});

test("a hold that was swept away under a running stream is charged all the same", async () => {
  const { someone, answer, gone, price } = swept;
  assert.equal(await gone, "open", "the stream went on without it");
  const { status, chunks } = await answer;
  assert.deepEqual([status, chunks.at(-1).usage.outputTokens], [200, 400]);
  const receipt = await gateway.receipt(await answer);
  assert.deepEqual([receipt.status, receipt.cost], ["ok", price]);
  assert.equal(await gateway.atRest(someone), 1000000n - price);
});

test("every token that a model reported is on a bill, and no bill has others", async () => {
  const { requests } = await gateway.served("?detail=1");
  const rows = await gateway.sql(`SELECT public_id, status, is_estimated, input_tokens + cached_tokens + cache_write_tokens, cached_tokens, cache_write_tokens, output_tokens
    FROM ai_call WHERE provider <> ''`);
  const bills = new Map(rows.map(([id, ...rest]) => [id, rest]));
  assert.equal(bills.size, rows.length);
  let n = 0;
  for (const record of requests.filter((r) => r.usage_sent && r.output_tokens < 1e6 && r.input_tokens > 0)) {
    const [status, is_estimated, ...tokens] = bills.get(record.request_id) ?? assert.fail(`${record.request_id} is on no bill`);
    assert.deepEqual([is_estimated, ...tokens.map(Number)], ["0", record.input_tokens, record.cached_tokens, record.cache_write_tokens, record.output_tokens], `${record.request_id} ${status}`);
    n++;
  }
  assert.ok(n > 1000, `${n}`);
  const measured = rows.filter((r) => r[2] === "0" && r[1] !== "refunded").length;
  assert.equal(n, measured);
});
