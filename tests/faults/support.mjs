// What the tests of faults share: a stack of their own that may be broken, people signed in to it, its processes, a
// database session that holds locks, and pace for load. TURNPIKE_BIN is the folder of the build; a file's first port
// counts from TURNPIKE_FAULTS_PORT.
import { execFile, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { codeOf, eventually, ownStack, randomEmail, request, sleep, sql, turnpike, Visitor } from "../e2e/support.mjs";

export { codeOf, eventually, randomEmail, request, sleep };

const run = promisify(execFile);
const ROOT = path.resolve(path.dirname(new URL(import.meta.url).pathname), "../..");
export const BIN = path.resolve(process.env.TURNPIKE_BIN ?? path.join(ROOT, "state/build"));
const FIRST_PORT = Number(process.env.TURNPIKE_FAULTS_PORT ?? 18200);

// A stack with what tests do to it. `offset` keeps the ports of test files apart; a stack takes four.
export async function start(offset, { limits = "dry-run", config } = {}) {
  const stack = Object.assign(new Stack(), await ownStack({ port: FIRST_PORT + offset, limits, bin: BIN }));
  stack.port = FIRST_PORT + offset;
  try {
    if (config) await stack.change(config);
  } catch (error) {
    await stack.down();
    throw error;
  }
  return stack;
}

class Stack {
  file(name) { return path.join(this.state, name); }
  sql(text) { return sql(text, this.state); }
  turnpike(...args) { return turnpike(args, this.state); }

  async number(query) { return Number((await this.sql(query))[0][0]); }

  // Changes keys of turnpike.conf, {"smtp.url": "..."}, and lets the programs read it.
  async change(values) {
    const lines = fs.readFileSync(this.file("turnpike.conf"), "utf8").split("\n");
    for (const [key, value] of Object.entries(values)) {
      const dot = key.lastIndexOf("."), header = `[${key.slice(0, dot)}]`, name = key.slice(dot + 1);
      if (!lines.includes(header)) lines.push(header);
      const start = lines.indexOf(header) + 1;
      let end = lines.findIndex((line, i) => i >= start && line.startsWith("["));
      if (end < 0) end = lines.length;
      const old = lines.findIndex((line, i) => i >= start && i < end && line.startsWith(`${name} =`));
      lines.splice(old < 0 ? start : old, old < 0 ? 0 : 1, `${name} = ${value}`);
    }
    fs.writeFileSync(this.file("turnpike.conf"), lines.join("\n"));
    await this.up();
  }

  pid(name) {
    return Number(fs.readFileSync(this.file(`run/${name}.pid`), "utf8"));
  }

  // The supervisor's children: [{pid, name}], name being the pool's or the program's.
  processes() {
    const supervisor = this.pid("supervise");
    const found = [];
    for (const pid of fs.readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, "utf8").trim().split(" ")) {
      try {
        const words = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        const program = path.basename(words[0]).replace("turnpike-", "");
        const name = program === "worker" ? words[words.indexOf("--pool") + 1] : program;
        if (words[0].startsWith(this.state)) found.push({ pid: Number(pid), name, isWorker: program === "worker" });
      } catch (error) {
        if (error.code !== "ENOENT" && error.code !== "ESRCH") throw error;
      }
    }
    return found;
  }

  workers(pool) { return this.processes().filter((p) => p.isWorker && (!pool || p.name === pool)); }
  program(name) { return this.processes().find((p) => p.name === name)?.pid; }

  // A rolling restart, until all that ran before is gone.
  async restart(signal = "SIGHUP") {
    const before = this.processes().filter((p) => signal === "SIGHUP" || p.isWorker);
    process.kill(this.pid("supervise"), signal);
    await eventually(() => { if (before.some((p) => alive(p.pid))) throw new Error("still rolling"); }, 20000);
  }

  visitor(options) { return new Client(this, options); }

  async signIn() {
    const visitor = this.visitor(), email = randomEmail();
    const asked = await visitor.post("/api/auth/request-code", { email });
    if (asked.status !== 200) throw new Error(`request-code: ${asked.status} ${asked.text}`);
    const answer = await visitor.post("/api/auth/verify", { email, code: codeOf(await this.mailTo(email)) });
    if (answer.status !== 200) throw new Error(`verify: ${answer.status} ${answer.text}`);
    visitor.token = answer.body.token;
    visitor.email = email;
    return visitor;
  }

  mailTo(email) {
    return eventually(async () => {
      const { body } = await this.visitor().get(`/sandbox/mail.json?to=${encodeURIComponent(email)}`);
      if (!body?.length) throw new Error(`no mail to ${email}`);
      return body[0];
    });
  }

  // Runs pace against a path; resolves to what it measured.
  async pace(url, { token, headers = {}, ...options } = {}) {
    const args = [this.url + url];
    const all = token ? { Authorization: `Bearer ${token}`, ...headers } : headers;
    for (const [name, value] of Object.entries(all)) args.push("--header", `${name}: ${value}`);
    for (const [name, value] of Object.entries(options)) {
      for (const one of Array.isArray(value) ? value : [value]) args.push(`--${name}`, ...(one === true ? [] : [String(one)]));
    }
    const { stdout } = await run(path.join(BIN, "tests/load/pace"), args, { timeout: 300000 });
    return JSON.parse(stdout);
  }

  // MariaDB as in a crash: nothing is told to it or to anybody.
  async killDatabase() {
    const pid = this.pid("mysql");
    process.kill(pid, "SIGKILL");
    await eventually(() => { if (alive(pid)) throw new Error("mariadbd lives"); });
  }

  // A session of its own, whose locks go at the latest when the test ends, also a failed one.
  session(t) {
    const session = new SqlSession(this);
    t.after(() => session.end());
    return session;
  }
}

// A visitor of one stack.
class Client extends Visitor {
  constructor(stack, options) {
    super(options);
    this.stack = stack;
  }

  async send(method, url, options) {
    const started = performance.now();
    const answer = await super.send(method, this.stack.url + url, { check: false, ...options });
    return Object.assign(answer, { ms: performance.now() - started });
  }
}

// A connection to the database that stays open, for locks and transactions.
class SqlSession {
  constructor(stack) {
    this.got = "";
    this.client = spawn("mariadb", ["--no-defaults", `--socket=${stack.state}/run/mysql.sock`, "-uroot", "-N", "-B", "--unbuffered", "--force", "turnpike"]);
    this.client.stdout.on("data", (data) => { this.got += data; });
    this.client.stderr.on("data", (data) => { this.error = (this.error ?? "") + data; });
    this.marks = 0;
  }

  // Runs statements; resolves when they are done.
  async run(text) {
    const mark = `done-${++this.marks}`;
    this.error = undefined;
    this.client.stdin.write(`${text};\nSELECT '${mark}';\n`);
    await eventually(() => {
      if (!this.got.includes(mark)) throw new Error(`no answer to: ${text}`);
    });
    if (this.error) throw new Error(this.error);
  }

  end() {
    this.ended ??= new Promise((resolve) => {
      this.client.on("close", resolve);
      this.client.stdin.end();
    });
    return this.ended;
  }
}

export function alive(pid) {
  try {
    // A zombie is gone for everybody but its parent.
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

// What a load may show besides its answers.
export function clean(load) {
  return load.failures === 0 && Object.values(load.errors).every((n) => n === 0);
}
