// The development supervisor with stand-in workers: what it restarts, when, and what it leaves behind.
// TURNPIKE_BIN is the folder with the built programs (tools/check sets it).
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "../..");
const program = path.join(process.env.TURNPIKE_BIN ?? path.join(root, "state/check/build"), "turnpike-supervise");

// Answers each connection with its pid; a file named `broken` beside it makes it die at once.
const worker = `#!/bin/sh
[ ! -e "$0.broken" ] || exit 3
exec node "$0.js" "$@"
`;
const worker_js = `
const net = require("node:net");
const server = net.createServer((c) => { c.on("error", () => {}); c.end(String(process.pid)); });
server.listen({ fd: 0 });
process.on("SIGTERM", () => server.close(() => process.exit(0)));
console.error(JSON.stringify({ event: "worker", pid: process.pid, argv: process.argv.slice(2) }));
`;

async function until(what, condition, limit_ms = 5000) {
  for (const end = Date.now() + limit_ms; Date.now() < end; await sleep(10)) {
    const value = await condition();
    if (value) return value;
  }
  assert.fail(`${what}: not within ${limit_ms} ms`);
}

function alive(pid) {
  try {
    // A zombie is dead: it only waits for whoever reaps orphans here.
    return !/^\d+ \(.*\) [ZX]/s.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

class Stack {
  constructor(pools = ["core:2"], programs = []) {
    this.state = fs.mkdtempSync(path.join(os.tmpdir(), "supervise-"));
    for (const folder of ["run", "log", "bin"]) fs.mkdirSync(path.join(this.state, folder));
    fs.writeFileSync(path.join(this.state, "bin/turnpike-worker"), worker, { mode: 0o755 });
    fs.writeFileSync(path.join(this.state, "bin/turnpike-worker.js"), worker_js);
    this.argv = ["--bin", path.join(this.state, "bin"), "--state", this.state, "--config", path.join(this.state, "conf"),
      ...pools.flatMap((p) => ["--pool", p]), ...programs.flatMap((p) => ["--program", p])];
    this.workers = pools.reduce((sum, pool) => sum + Number(pool.split(":")[1]), 0);
    this.programs = programs.length;
    this.child = spawn(program, this.argv, { stdio: "inherit" });
    this.ended = new Promise((resolve) => this.child.on("exit", (code, signal) => resolve(signal ?? code)));
  }

  file(name) { return path.join(this.state, name); }

  events(name) {
    if (!fs.existsSync(this.file("log/events.log"))) return [];
    return fs.readFileSync(this.file("log/events.log"), "utf8").split("\n").filter(Boolean)
      .map((line) => JSON.parse(line)).filter((e) => name === undefined || e.event === name);
  }

  ask(pool = "core") {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.file(`run/${pool}.sock`));
      let text = "";
      socket.on("data", (d) => { text += d; }).on("error", reject).on("end", () => resolve(Number(text)));
    });
  }

  async ready() {
    await until("socket", () => fs.existsSync(this.file("run/core.sock")));
    await until("workers", () => this.events("worker").length >= this.workers &&
      this.events("started").length >= this.workers + this.programs);
  }

  async down() {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGTERM");
    const code = await this.ended;
    fs.rmSync(this.state, { recursive: true, force: true });
    return code;
  }
}

test("the socket is created once, private to owner and group, with the worker's arguments on their way", async () => {
  const stack = new Stack();
  try {
    await stack.ready();
    const mode = fs.statSync(stack.file("run/core.sock")).mode & 0o777;
    assert.equal(mode, 0o660);
    assert.deepEqual(stack.events("worker").map((e) => e.argv).sort(), [0, 1].map((n) =>
      ["--config", stack.file("conf"), "--pool", "core", "--slot", String(n)]));
    const pid = await stack.ask();
    const fds = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
    assert.ok(!fds.some((f) => f.includes("supervise.pid") || f.includes("signalfd")), `inherited: ${fds}`);
    const rss = Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${stack.child.pid}/status`, "utf8"))[1]);
    assert.ok(rss <= 2048 || process.env.ASAN_OPTIONS, `resident memory ${rss} KiB`);
  } finally {
    await stack.down();
  }
});

test("a killed worker is back within a second, and no client notices", async () => {
  const stack = new Stack(["core:1"]);
  try {
    await stack.ready();
    await sleep(1100); // steady: not a crash loop
    const before = await stack.ask();
    const killed_at = Date.now();
    process.kill(before, "SIGKILL");
    const after = await stack.ask(); // waits in the backlog
    assert.notEqual(after, before);
    assert.ok(Date.now() - killed_at < 1000, `${Date.now() - killed_at} ms`);
    const [died] = stack.events("died");
    assert.equal(died.child, before);
    assert.equal(died.signal, 9);
  } finally {
    await stack.down();
  }
});

test("SIGHUP replaces every process under load without one failed connection", async () => {
  const stack = new Stack(["core:2", "auth:1"], ["ticker=sleep 1000"]);
  try {
    await stack.ready();
    const inode = fs.statSync(stack.file("run/core.sock")).ino;
    const before = stack.events("started").map((e) => e.child);
    let asked = 0, running = true;
    const clients = Array.from({ length: 4 }, async () => {
      for (; running; asked++) await stack.ask();
    });
    fs.renameSync(stack.file("log/events.log"), stack.file("log/events.log.1"));
    stack.child.kill("SIGHUP");
    await until("replacement", () => before.every((pid) => !alive(pid)), 10_000);
    running = false;
    await Promise.all(clients);
    assert.ok(asked > 100, `${asked} connections`);
    assert.equal(fs.statSync(stack.file("run/core.sock")).ino, inode);
    assert.equal(stack.events("restarting").length, 1, "the log was reopened under its name");
    assert.equal(stack.events("died").length, 0);
    const now = stack.events("started");
    assert.deepEqual(now.map((e) => e.name), ["core", "core", "auth", "ticker"]);
  } finally {
    await stack.down();
  }
});

test("SIGUSR1 replaces workers and leaves programs alone", async () => {
  const stack = new Stack(["core:1"], ["ticker=sleep 1000"]);
  try {
    await stack.ready();
    const pid = (name) => stack.events("started").findLast((e) => e.name === name).child;
    const [core, ticker] = [pid("core"), pid("ticker")];
    stack.child.kill("SIGUSR1");
    await until("replacement", () => !alive(core));
    assert.ok(alive(ticker));
    assert.equal(pid("ticker"), ticker);
  } finally {
    await stack.down();
  }
});

test("a build that dies at once never replaces one that works", async () => {
  const stack = new Stack(["core:2"]);
  try {
    await stack.ready();
    const before = stack.events("started").map((e) => e.child);
    fs.writeFileSync(stack.file("bin/turnpike-worker.broken"), "");
    stack.child.kill("SIGHUP");
    await until("refusal", () => stack.events("restart_given_up").length === 1);
    assert.ok(before.every(alive));
    assert.ok(before.includes(await stack.ask()));
  } finally {
    await stack.down();
  }
});

test("a process that keeps dying is restarted ever slower, at least twice a second, and the log says so", async () => {
  const stack = new Stack(["core:1"], ["broken=sh -c 'exit 7'"]);
  try {
    // On a busy machine even `exit 7` may live for long; that one starts the count anew, so wait for six quick deaths.
    const quickRun = () => stack.events("died").filter((e) => e.name === "broken").map((e) => e.lived_ms < 200);
    await until("crash loop", () => quickRun().slice(-6).filter(Boolean).length === 6, 20_000);
    const first = quickRun().length - 6;
    const died = stack.events("died").filter((e) => e.name === "broken").slice(first).map((e) => Date.parse(e.ts));
    const started = stack.events("started").filter((e) => e.name === "broken").slice(first + 1).map((e) => Date.parse(e.ts));
    const pauses = started.slice(0, 5).map((t, i) => t - died[i]);
    if (first === 0) assert.ok(pauses[0] < 150, `the first death is answered at once: ${pauses}`);
    for (let i = 1; i < pauses.length; i++) assert.ok(pauses[i] >= pauses[i - 1] - 60 && pauses[i] < 700, `pauses ${pauses}`);
    assert.ok(pauses.at(-1) > 300, `pauses ${pauses}`);
    const loops = stack.events("crash_loop");
    assert.ok(loops.length > 0 && loops.every((e) => e.name === "broken" && e.level === "error"));
  } finally {
    await stack.down();
  }
});

test("a second supervisor for the same state is refused and disturbs nothing", async () => {
  const stack = new Stack();
  try {
    await stack.ready();
    const second = spawnSync(program, stack.argv, { encoding: "utf8", timeout: 5000 });
    assert.equal(second.status, 1);
    assert.match(second.stderr, new RegExp(`already runs.*pid ${stack.child.pid}`));
    assert.ok(await stack.ask() > 0);
  } finally {
    await stack.down();
  }
});

test("SIGTERM ends everything and leaves no socket, pidfile or process", async () => {
  const stack = new Stack(["core:2"], ["stubborn=sh -c 'trap : TERM; while :; do sleep 0.1; done'"]);
  await stack.ready();
  const pids = stack.events("started").map((e) => e.child);
  assert.equal(pids.length, 3);
  const asked_at = Date.now();
  stack.child.kill("SIGTERM");
  assert.equal(await stack.ended, 0);
  const took_ms = Date.now() - asked_at;
  assert.ok(took_ms > 9000 && took_ms < 12_000, `the stubborn one is killed after 10 s: ${took_ms} ms`);
  assert.ok(pids.every((pid) => !alive(pid)));
  assert.deepEqual(fs.readdirSync(stack.file("run")), []);
  await stack.down();
});

test("when the supervisor itself is killed its workers end, and the next one starts over the remains", async () => {
  const stack = new Stack();
  await stack.ready();
  const pids = stack.events("started").map((e) => e.child);
  stack.child.kill("SIGKILL");
  await stack.ended;
  await until("orphans", () => pids.every((pid) => !alive(pid)));
  const next = spawn(program, stack.argv, { stdio: "inherit" });
  try {
    await until("answer", () => stack.ask().catch(() => 0));
  } finally {
    next.kill("SIGTERM");
    await new Promise((resolve) => next.on("exit", resolve));
    await stack.down();
  }
});

test("wrong arguments are refused with a sentence", () => {
  const cases = [
    { argv: [], says: /usage:/ },
    { argv: ["--pool", "core"], says: /NAME:PROCESSES/ },
    { argv: ["--pool", "core:x"], says: /NAME:PROCESSES/ },
    { argv: ["--program", "jobs"], says: /NAME=COMMAND/ },
    { argv: ["--bin", "/x", "--config", "/x", "--state", "/" + "long/".repeat(25), "--pool", "core:1"], says: /.+/ },
  ];
  for (const { argv, says } of cases) {
    const run = spawnSync(program, argv, { encoding: "utf8", timeout: 5000 });
    assert.notEqual(run.status, 0, argv.join(" "));
    assert.match(run.stderr, says, argv.join(" "));
  }
});
