// What the tests of the models' routes share: people with credit, calls that show every frame with its time, what calls
// cost by the catalog's prices, and what was written down of them.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import { URL_BASE, STATE, Visitor, checkAnswer, codeOf, credit, eventually, randomAddress, randomEmail, request, sql } from "../support.mjs";
import { events } from "../sandbox/models.mjs";

export { words } from "../sandbox/models.mjs";

export const CATALOG = JSON.parse(fs.readFileSync(new URL("../../../tools/seed/catalog.json", import.meta.url), "utf8"));

export const chat = (directive, more = {}) => ({ model: "sandbox-chat", messages: [{ role: "user", content: directive ? `go [[sandbox: ${directive}]]` : "go" }], ...more });
export const fill = (directive, more = {}) => ({ model: "codegrex-tab", prefix: directive ? `a [[sandbox: ${directive}]]` : "a", suffix: "}", ...more });

// --- Money, in micro-dollars and in whole numbers only --------------------------------------------

// A price of the catalog, as micro-dollars for a million tokens.
function price(model, name) {
  const [whole, part = ""] = String(model[`${name}_usd_per_mtok`]).split(".");
  return BigInt(whole) * 1000000n + BigInt(part.padEnd(6, "0"));
}

function modelOf(id, catalog = CATALOG) {
  return catalog.models.find((m) => m.id === id || m.aliases?.includes(id));
}

// What a call costs: input is what was neither read from the cache nor written to it.
export function cost(id, { input = 0, cached = 0, cache_write = 0, output = 0 }, catalog) {
  const model = modelOf(id, catalog);
  let sum = BigInt(input) * price(model, "input") + BigInt(output) * price(model, "output");
  if (cached) sum += BigInt(cached) * price(model, "cached_input");
  if (cache_write) sum += BigInt(cache_write) * price(model, "cache_write");
  return (sum + 999999n) / 1000000n;
}

// What is reserved for a chat (gateway.md section 6): every message counts 12 bytes beside its text.
export function estimate(body, catalog) {
  const bytes = body.messages.reduce((sum, m) => sum + Buffer.byteLength(m.content) + 12, 0);
  return cost(body.model, { input: Math.ceil(bytes / 3), output: body.max_tokens }, catalog);
}

// A chat that costs exactly what is reserved for it, so that balances come out even.
export function exactChat(directive, { tokens = 20, model = "sandbox-chat", ...more } = {}) {
  const make = (input) => ({ ...chat(`tokens=${tokens} input=${input} ${directive}`, { model, max_tokens: tokens, ...more }) });
  let input = 1;
  for (let next; (next = Math.ceil((Buffer.byteLength(make(input).messages[0].content) + 12) / 3)) !== input;) input = next;
  return make(input);
}

export function dollars(micro) {
  return `${micro / 1000000n}.${String(micro % 1000000n).padStart(6, "0")}`;
}

// Credits are thousandths of a dollar, rounded up to hundredths of one.
export function credits(micro) {
  return Number((micro + 9n) / 10n) / 100;
}

// --- A gateway and its people ---------------------------------------------------------------------

export class Gateway {
  constructor({ url = URL_BASE, state = STATE } = {}) {
    Object.assign(this, { url, state });
  }

  sql(text) { return sql(text, this.state); }

  // Somebody signed in, with credit in micro-dollars.
  async person({ topup = 100000000n } = {}) {
    const person = new Visitor();
    const email = person.email = randomEmail("ai");
    const send = (method, path, body) => request(method, this.url + path, { body, from: person.address, check: false });
    await send("POST", "/api/auth/request-code", { email });
    const mail = await eventually(async () => {
      const { body } = await send("GET", `/sandbox/mail.json?to=${encodeURIComponent(email)}`);
      assert.ok(body.length > 0, "no mail");
      return body[0];
    });
    const { body } = await send("POST", "/api/auth/verify", { email, code: codeOf(mail) });
    person.token = body.token;
    person.id = (await this.sql(`SELECT user_id FROM users WHERE email = '${email}'`))[0][0];
    if (topup > 0n) await credit(email, { topup: String(topup) }, this.state);
    return person;
  }

  // One call from an address of its own, unless `from` says which. leave: called with the answer so far after each part;
  // true hangs up. The answer's `end` is "end", "left", or an error's code.
  send(person, target, body, { method = "POST", headers = {}, from = randomAddress(), agent, leave, slow, timeout = 30000 } = {}) {
    const data = body === undefined || typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const all = { "Content-Type": "application/json", ...headers };
    if (person?.token) all.Authorization ??= `Bearer ${person.token}`;
    if (data !== undefined) all["Content-Length"] = Buffer.byteLength(data);
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const answer = { parts: [], text: "", end: undefined };
      const done = (end) => {
        answer.end ??= end;
        answer.ms = performance.now() - started;
        if (answer.headers?.["content-type"]?.startsWith("application/json") && answer.text !== "") answer.body = JSON.parse(answer.text);
        if (answer.headers?.["content-type"]?.startsWith("text/event-stream")) Object.assign(answer, readStream(answer.text));
        try {
          // The document is that of the common stack.
          if (answer.end === "end" && process.env.TURNPIKE_URL) checkAnswer(method, target.split("?")[0], answer);
          resolve(answer);
        } catch (error) {
          reject(error);
        }
      };
      const call = http.request(this.url + target, { method, headers: all, localAddress: from, agent: agent ?? false, timeout }, (incoming) => {
        Object.assign(answer, { status: incoming.statusCode, headers: incoming.headers, first_ms: performance.now() - started });
        incoming.setEncoding("utf8");
        incoming.on("data", (part) => {
          answer.text += part;
          answer.parts.push({ text: part, ms: performance.now() - started });
          slow?.(incoming, answer);
          if (leave?.(answer)) { answer.end = "left"; call.destroy(); }
        });
        incoming.on("end", () => done("end"));
        incoming.on("error", (error) => done(error.code));
      });
      call.on("timeout", () => { answer.end = "timeout"; call.destroy(); });
      call.on("error", (error) => done(error.code));
      call.end(data);
    });
  }

  chat(person, body, options) { return this.send(person, "/v1/chat/completions", body, options); }
  stream(person, body, options) { return this.chat(person, { stream: true, ...body }, options); }
  fill(person, body, options) { return this.send(person, "/v1/completions", body, options); }

  // What was written down of a call, once it is settled: by the header x-turnpike-receipt.
  receipt(answer) {
    const id = typeof answer === "string" ? answer : answer.headers["x-turnpike-receipt"];
    const columns = ["status", "is_estimated", "attempts", "input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
      "cost_micro", "estimate_micro", "provider", "model", "mode", "endpoint", "request_id", "hold_id", "reason", "price_input", "price_output", "catalog_id"];
    return eventually(async () => {
      const [row] = await this.sql(`SELECT ${columns.join(", ")} FROM ai_call WHERE public_id = '${id}'`);
      assert.ok(row, `no receipt ${id}`);
      const receipt = Object.fromEntries(columns.map((name, i) => [name, /^-?\d+$/.test(row[i]) ? Number(row[i]) : row[i] === "NULL" ? null : row[i]]));
      return { ...receipt, cost: BigInt(receipt.cost_micro), estimate: BigInt(receipt.estimate_micro) };
    });
  }

  async receipts(person) {
    return (await this.sql(`SELECT public_id FROM ai_call WHERE user_id = ${person.id} ORDER BY call_id`)).map(([id]) => id);
  }

  // Micro-dollars: {balance, reserved}.
  async balance(person) {
    const [[balance, reserved]] = await this.sql(`SELECT COALESCE(SUM(balance), 0), COALESCE(SUM(reserved), 0) FROM ledger_account WHERE owner_kind = 'user' AND owner_id = ${person.id}`);
    return { balance: BigInt(balance), reserved: BigInt(reserved) };
  }

  // Waits until nothing is reserved for this person.
  atRest(person, ms = 3000) {
    return eventually(async () => {
      const now = await this.balance(person);
      assert.equal(now.reserved, 0n, "something is still reserved");
      return now.balance;
    }, ms);
  }

  async served(query = "") {
    return (await request("GET", `${this.url}/sandbox/ai/served${query}`, { check: false })).body;
  }

  async records(tag) {
    return (await this.served(`?detail=1&tag=${tag}`)).requests;
  }
}

// Server-sent events of a chat: data in order, comments apart.
export function readStream(text) {
  const blocks = text.split("\n\n").slice(0, -1);
  const frames = events(blocks.filter((b) => b.startsWith("data: ")).map((b) => `${b}\n\n`).join(""));
  return {
    blocks,
    comments: blocks.filter((b) => b.startsWith(":")),
    chunks: frames.filter((f) => f.json !== undefined).map((f) => f.json),
    n_done: frames.filter((f) => f.data === "[DONE]").length,
  };
}

export function said(chunks, member = "content") {
  return chunks.map((c) => c.choices?.[0]?.delta?.[member] ?? "").join("");
}

// --- Catalogs of tests ----------------------------------------------------------------------------

// A model of its own name with providers of its own, one for each route: what happens to them teaches the gateway nothing
// about others. Routes are asked in order, the first with key sandbox-a, the second with sandbox-b.
export function withModel(catalog, id, { dialect = "openai", routes = 2, ...more } = {}) {
  const like = catalog.models.find((m) => m.id === { openai: "sandbox-chat", anthropic: "sandbox-claude", fim_openai: "sandbox-tab" }[dialect]);
  const providers = Array.from({ length: routes }, (_, i) => ({
    id: `${id}-${i + 1}`, name: id, dialect, base_url: dialect === "anthropic" ? "${sandbox.ai_url}" : "${sandbox.ai_url}/v1",
    keys: [{ label: "ab"[i], secret_file: `\${server.state_dir}/keys/sandbox-${"ab"[i]}` }] }));
  catalog.providers.push(...providers);
  catalog.models.push({ ...like, aliases: [], ...more, id, routes: providers.map((p, i) => ({ provider: p.id, upstream_model: id, position: i })) });
}
