// What every end-to-end test uses: visitors with addresses of their own, mails, the database, and a check of every
// answer against the OpenAPI document. The stack is running already (tests/e2e/run starts one); TURNPIKE_URL and
// TURNPIKE_STATE name it.
import { execFile } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { promisify } from "node:util";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const run = promisify(execFile);

export const URL_BASE = process.env.TURNPIKE_URL ?? "http://127.0.0.1:8080";
export const STATE = path.resolve(process.env.TURNPIKE_STATE ?? "state");

// --- Answers against the contract ---------------------------------------------------------------

let contract;

// The document with every operation's response schemas compiled when first needed.
function loadContract(state) {
  const document = JSON.parse(fs.readFileSync(path.join(state, "openapi.json"), "utf8"));
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addFormat("int64", { type: "number", validate: Number.isInteger });
  ajv.addSchema(openapiToJsonSchema(document), "openapi");
  const routes = Object.entries(document.paths).flatMap(([template, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      template,
      pattern: new RegExp("^" + template.replace(/\{[^}]+\}/g, "[^/]+") + "/?$"),
      operation,
    })),
  );
  routes.sort((a, b) => a.template.split("{").length - b.template.split("{").length);
  return { ajv, routes };
}

// OpenAPI 3.0's "nullable" in JSON Schema's words; answers may have no member that the schema does not name, unless it
// says so.
function openapiToJsonSchema(node) {
  if (Array.isArray(node)) return node.map(openapiToJsonSchema);
  if (node === null || typeof node !== "object") return node;
  const copy = Object.fromEntries(Object.entries(node).map(([k, v]) => [k, openapiToJsonSchema(v)]));
  if (copy.type === "object" && copy.properties && !("additionalProperties" in copy)) copy.additionalProperties = false;
  if (copy.nullable === true) {
    delete copy.nullable;
    return { anyOf: [copy, { type: "null" }] };
  }
  return copy;
}

function pointer(...parts) {
  return "openapi#/" + parts.map((p) => encodeURIComponent(p.replace(/~/g, "~0").replace(/\//g, "~1"))).join("/");
}

// Throws when the answer is not one that the document promises; notes what was seen for the coverage gate.
export function checkAnswer(method, pathname, answer) {
  contract ??= loadContract(STATE);
  const asked = method === "HEAD" ? "GET" : method;
  const route = contract.routes.find((r) => r.method === asked && r.pattern.test(pathname));
  if (!route) return;
  const { responses } = route.operation;
  const key = String(answer.status) in responses ? String(answer.status) : "default";
  if (key === "default" && answer.status < 500 && answer.status !== 405) {
    throw new Error(`${method} ${route.template} answered ${answer.status}, which the OpenAPI document does not list`);
  }
  const media = responses[key].content?.["application/json"];
  const isJson = (answer.headers["content-type"] ?? "").startsWith("application/json");
  if (media && isJson && method !== "HEAD") {
    const ref = pointer("paths", route.template, asked.toLowerCase(), "responses", key, "content", "application/json", "schema");
    const validate = contract.ajv.getSchema(ref) ?? contract.ajv.compile({ $ref: ref });
    if (!validate(answer.body)) {
      throw new Error(`${method} ${route.template} ${answer.status}: ${contract.ajv.errorsText(validate.errors)}\n${answer.text}`);
    }
  }
  fs.mkdirSync(path.join(STATE, "coverage"), { recursive: true });
  fs.appendFileSync(path.join(STATE, "coverage", `${process.pid}.tsv`), `${asked}\t${route.template}\t${answer.status}\n`);
}

// --- Requests -----------------------------------------------------------------------------------

// One request; body: an object (sent as JSON), text or Buffer (sent as it is).
export function request(method, url, { body, headers = {}, from, check = true, agent, timeout = 20000 } = {}) {
  const target = new URL(url, URL_BASE);
  const isRaw = typeof body === "string" || Buffer.isBuffer(body);
  const data = body === undefined ? undefined : isRaw ? body : JSON.stringify(body);
  const all = { ...headers };
  if (data !== undefined) {
    if (!Object.keys(all).some((h) => h.toLowerCase() === "content-type")) all["Content-Type"] = "application/json";
    all["Content-Length"] = Buffer.byteLength(data);
  }
  return new Promise((resolve, reject) => {
    const call = http.request(target, { method, headers: all, localAddress: from, agent, timeout }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(parts).toString();
        const result = { status: answer.statusCode, headers: answer.headers, text, body: undefined };
        try {
          if ((answer.headers["content-type"] ?? "").startsWith("application/json") && text !== "") result.body = JSON.parse(text);
          if (check) checkAnswer(method, target.pathname, result);
          resolve(result);
        } catch (error) {
          reject(error);
        }
      });
    });
    call.on("timeout", () => call.destroy(new Error(`${method} ${target.pathname}: no answer in ${timeout} ms`)));
    call.on("error", reject);
    call.end(data);
  });
}

export function randomAddress() {
  return `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(1, 255)}`;
}

export function randomEmail(name = "t") {
  return `${name}-${randomBytes(6).toString("hex")}@example.org`;
}

// Somebody at an address of their own, so that limits per IP of one test do not touch another.
export class Visitor {
  constructor({ token, address = randomAddress() } = {}) {
    this.token = token;
    this.address = address;
  }

  send(method, url, { headers = {}, idempotencyKey, ...rest } = {}) {
    const all = { ...headers };
    if (this.token && !("Authorization" in all)) all.Authorization = `Bearer ${this.token}`;
    if (idempotencyKey) all["Idempotency-Key"] = idempotencyKey;
    return request(method, url, { headers: all, from: this.address, ...rest });
  }

  get(url, options) { return this.send("GET", url, options); }
  post(url, body, options) { return this.send("POST", url, { body, ...options }); }
  patch(url, body, options) { return this.send("PATCH", url, { body, ...options }); }
  delete(url, body, options) { return this.send("DELETE", url, { body, ...options }); }
}

// The newest mail to an address; waits for it, or for one after the mail `newerThan`.
export async function mailTo(email, { newerThan, like = /./ } = {}) {
  for (let i = 0; i < 200; i++) {
    const { body } = await request("GET", `/sandbox/mail.json?to=${encodeURIComponent(email)}`, { check: false });
    const until = body?.findIndex(({ id }) => id === newerThan);
    const newest = body?.slice(0, until === -1 ? undefined : until).find(({ text }) => like.test(text));
    if (newest) return newest;
    await sleep(50);
  }
  throw new Error(`no mail to ${email}`);
}

// The id of the newest mail to an address, to wait for a newer one.
export async function newestMail(email) {
  const { body } = await request("GET", `/sandbox/mail.json?to=${encodeURIComponent(email)}`, { check: false });
  return body[0]?.id;
}

const CODE = /code is (\d{6})\b/;
export function codeOf(mail) {
  return CODE.exec(mail.text)[1];
}

// A person, new unless `email` has an account, signed in with a code; `device` is what their session is called.
export async function signIn({ email = randomEmail(), device = "linux-x64", address } = {}) {
  const visitor = new Visitor({ address });
  const newerThan = await newestMail(email);
  const asked = await visitor.post("/api/auth/request-code", { email });
  if (asked.status !== 200) throw new Error(`request-code: ${asked.status} ${asked.text}`);
  const mail = await mailTo(email, { newerThan, like: CODE });
  const answer = await visitor.post("/api/auth/verify", { email, code: codeOf(mail), device });
  if (answer.status !== 200) throw new Error(`verify: ${answer.status} ${answer.text}`);
  visitor.token = answer.body.token;
  return Object.assign(visitor, { email, user: answer.body.user });
}

// --- The inside of the stack --------------------------------------------------------------------

// Rows of a query as arrays of text (NULL: "NULL").
export async function sql(text, state = STATE) {
  const { stdout } = await run("mariadb", ["--no-defaults", `--socket=${state}/run/mysql.sock`, "-uroot", "-N", "-B", "turnpike", "-e", text]);
  return stdout.split("\n").filter((line) => line !== "").map((line) => line.split("\t"));
}

// Runs the operator's command; resolves to {status, stdout, stderr}.
export async function turnpike(args, state = STATE) {
  try {
    const { stdout, stderr } = await run(path.join(state, "bin", "turnpike"), ["--config", path.join(state, "turnpike.conf"), ...args]);
    return { status: 0, stdout, stderr };
  } catch (error) {
    return { status: error.code, stdout: error.stdout, stderr: error.stderr };
  }
}

// Gives credit as an operator does, in micro-dollars; balances change in no other way.
export async function credit(email, { topup, allowance }, state = STATE) {
  for (const [verb, micro] of Object.entries({ grant: topup, allowance })) {
    if (micro === undefined) continue;
    const { status, stderr } = await turnpike(["ledger", verb, "--user", email, "--micro", String(micro), "--reason", "test"], state);
    if (status !== 0) throw new Error(`ledger ${verb}: ${stderr}`);
  }
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// Tries until it does not throw, at most `ms`.
export async function eventually(check, ms = 10000) {
  const until = Date.now() + ms;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(50);
    }
  }
}

// A stack of its own for tests that break things. Use: const stack = await ownStack(...); ... await stack.down().
// settings: a function from the text of turnpike.conf to the text that the stack shall have, also later by configure().
export async function ownStack({ port, limits, settings, bin = process.env.TURNPIKE_BIN ?? path.join(STATE, "bin") } = {}) {
  const state = fs.mkdtempSync("/tmp/turnpike-test-");
  const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "../..");
  const env = { ...process.env, TURNPIKE_PORT: String(port), TURNPIKE_STATE: state, TURNPIKE_BIN: bin };
  if (limits) env.TURNPIKE_LIMITS = limits;
  const up = () => run(path.join(root, "tools/up"), [], { env, timeout: 120000 });
  const configure = async (change) => {
    const file = path.join(state, "turnpike.conf");
    fs.writeFileSync(file, change(fs.readFileSync(file, "utf8")));
    return up();
  };
  const down = async () => {
    await run(path.join(root, "tools/down"), [], { env, timeout: 60000 });
    fs.rmSync(state, { recursive: true, force: true });
  };
  try {
    await up();
    if (settings) await configure(settings);
  } catch (error) {
    await down();
    throw error;
  }
  return { state, url: `http://127.0.0.1:${port}`, up, configure, down };
}
