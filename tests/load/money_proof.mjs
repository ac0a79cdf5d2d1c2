// The proof of money: many calls of models, of which many go wrong, while workers are killed and the database is
// restarted; then the books must agree with what the clients saw and with what the upstreams served, to the
// micro-dollar. money_proof.sql has what is proved, storm.c makes the calls.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { BIN, alive, eventually, request, sleep, start } from "../faults/support.mjs";

const { values: options } = parseArgs({ options: {
  calls: { type: "string", default: "20000" },
  seed: { type: "string", default: String(Date.now() % 1e9) },
  connections: { type: "string", default: "48" },
  restarts: { type: "string", default: "2" }, // of the database, by kill -9 and kindly in turn
  "kill-ms": { type: "string", default: "2000" }, // a worker is killed so often
  keep: { type: "boolean", default: false }, // the stack's folder and the schema `proof` stay
} });
const CALLS = Number(options.calls), SEED = Number(options.seed), RESTARTS = Number(options.restarts);
const RICH = 28, POOR = 4, RICH_MICRO = 50_000_000 + CALLS * 200, POOR_MICRO = 15_000;
const KILL_MS = Number(options["kill-ms"]), TOP_UP_MS = 700, QUIET_MS = 60_000;
const FILE = path.dirname(new URL(import.meta.url).pathname);

// --- Chance, the same again with the same seed --------------------------------------------------

let state = SEED >>> 0;
function chance() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const one_of = (list) => list[Math.floor(chance() * list.length)];

// --- What came of it ----------------------------------------------------------------------------

const told = { passed: 0, failed: 0 };
function state_that(what, holds, detail = "") {
  told[holds ? "passed" : "failed"]++;
  console.log(`${holds ? "PASS" : "FAIL"} ${what}${detail ? `: ${detail}` : ""}`);
}

// --- The stack and what is done to it -----------------------------------------------------------

let stack;
const ai = (query = "") => request("GET", `http://127.0.0.1:${stack.port + 3}/sandbox/ai/served${query}`, { check: false });

async function people(n, micro) {
  const made = [];
  for (let i = 0; i < n; i++) {
    const person = await stack.signIn();
    await grant(person, micro);
    made.push(person);
  }
  return made;
}

async function grant(person, micro) {
  const { status, stderr } = await stack.turnpike("ledger", "grant", "--user", person.email, "--micro", String(micro), "--reason", "storm");
  if (status !== 0) throw new Error(stderr);
}

// Runs storm; onProgress gets the number of ended calls about once a second. Its calls are named by the seed.
const seen = [];
function storm(users, seed, more, onProgress = () => {}) {
  const out = stack.file(`seen.${seed}.tsv`);
  seen.push(out);
  const file = stack.file("users.txt");
  fs.writeFileSync(file, users.map((u) => u.token).join("\n") + "\n");
  const child = spawn(path.join(BIN, "tests/load/storm"), [`127.0.0.1:${stack.port}`, "--users", file, "--out", out, "--seed", String(seed), ...more], { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.on("data", (data) => onProgress(Number(String(data).trim().split("\n").at(-1))));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`storm ended with ${code}`))));
  });
}

// Notes what the upstreams served, while their list is not yet too long to be kept.
class Served {
  constructor(file) {
    this.out = fs.createWriteStream(file);
    this.base = 0;
    this.restarted();
  }

  // It counts from one again.
  restarted() {
    this.base += this.since ?? 0;
    this.since = 0;
    this.ended = new Set(); // above `since`
  }

  async look() {
    const { body } = await ai(`?detail=1&since=${this.since}`);
    const first = body.requests[0]?.id;
    if (first !== undefined && first > this.since + 1) throw new Error("the list of what was served was too short");
    this.open = 0;
    for (const r of body.requests) {
      if (r.state === "open") {
        this.open++;
      } else if (!this.ended.has(r.id)) {
        this.ended.add(r.id);
        this.out.write([this.base + r.id, r.request_id || "\\N", r.model, r.dialect, r.state, r.status, Number(r.usage_sent), r.generated_tokens,
          r.input_tokens, r.output_tokens, r.cached_tokens, r.cache_write_tokens, r.reasoning_tokens].join("\t") + "\n");
      }
    }
    while (this.ended.delete(this.since + 1)) this.since++;
  }

  end() { return new Promise((resolve) => this.out.end(resolve)); }
}

// Does something again and again until it is told to stop.
function repeatedly(ms, what) {
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      const began = performance.now();
      await what();
      while (!stopped && performance.now() - began < ms) await sleep(Math.min(50, ms));
    }
  })();
  return () => {
    stopped = true;
    return running;
  };
}

const sums = { killed: 0, restarts: 0, samples: 0, lowest: Infinity, top_ups: 0 };

// The lowest that anybody could ever be seen to have left, whatever was going on.
async function sample() {
  try {
    const low = await stack.number("SELECT MIN(balance - reserved) FROM ledger_account WHERE owner_kind = 'user'");
    sums.lowest = Math.min(sums.lowest, low);
    sums.samples++;
  } catch { /* the database is away */ }
}

function kill() {
  const victims = [...stack.workers("ai"), ...stack.workers("tab")].sort((a, b) => a.pid - b.pid);
  if (victims.length === 0) return;
  process.kill(one_of(victims).pid, "SIGKILL");
  sums.killed++;
}

async function restartDatabase(signal) {
  const pid = stack.pid("mysql");
  process.kill(pid, signal);
  await eventually(() => { if (alive(pid)) throw new Error("mariadbd lives"); }, 60000);
  await stack.up();
  sums.restarts++;
}

// --- One call's worth, a thousand callers -------------------------------------------------------

async function race(processes, served) {
  const directive = "tokens=20 first_ms=4000", [person] = await people(1, 1);
  const content = ` [[sandbox: ${directive}]]`; // as storm's
  const refused = await person.post("/v1/chat/completions", { model: "sandbox-chat", max_tokens: 100, messages: [{ role: "user", content }] });
  if (refused.status !== 402) throw new Error(refused.text);
  await grant(person, Math.round(refused.body.required * 1000) - 1); // credits, of 1000 micro-dollars
  const before = (await ai()).body.total.requests;
  await storm([person], SEED + processes, ["--calls", "1000", "--connections", "1000", "--directive", directive]);
  const statuses = {};
  for (const line of fs.readFileSync(seen.at(-1), "utf8").trim().split("\n")) {
    const status = line.split("\t")[8];
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
  const reached = (await ai()).body.total.requests - before;
  await served.look();
  state_that(`1000 calls at once with credit for one, ${processes} process${processes > 1 ? "es" : ""}: one reaches the upstream, 999 get 402`,
    reached === 1 && statuses[200] === 1 && statuses[402] === 999, `${reached} reached it; answers ${JSON.stringify(statuses)}`);
}

// --- The storm ----------------------------------------------------------------------------------

async function quiet(served) {
  const began = performance.now();
  let why;
  for (;;) {
    await served.look();
    const holds = await stack.number("SELECT COUNT(*) FROM hold WHERE state = 'open'");
    const journals = fs.readdirSync(stack.file("shm")).filter((name) => name.startsWith("calls.")).length;
    const processes = stack.workers("ai").length + stack.workers("tab").length;
    why = `${served.open} requests open upstream, ${holds} holds open, ${journals} journals of ${processes} processes`;
    if (served.open === 0 && holds === 0 && journals === processes) break;
    if (performance.now() - began > QUIET_MS) break;
    await sleep(200);
  }
  const s = (performance.now() - began) / 1000;
  state_that("all is settled and released by itself", s * 1000 < QUIET_MS, `after ${s.toFixed(1)} s: ${why}`);
}

async function weather(served) {
  const rich = await people(RICH, RICH_MICRO), poor = await people(POOR, POOR_MICRO);
  let ended = 0, calm = false;
  const began = performance.now();
  const stop = [
    repeatedly(20, sample),
    repeatedly(500, () => served.look()),
    repeatedly(KILL_MS, () => { if (!calm && performance.now() - began > KILL_MS) kill(); }),
    repeatedly(TOP_UP_MS, () => grant(one_of(poor), 20_000).then(() => sums.top_ups++, () => {})),
  ];
  const restarts = (async () => {
    const at = async (share) => { while (ended < CALLS * share) await sleep(100); };
    for (let i = 0; i < RESTARTS; i++) {
      await at((0.8 * (i + 1)) / (RESTARTS + 1));
      await restartDatabase(i % 2 === 0 ? "SIGKILL" : "SIGTERM");
    }
    await at(0.8);
    calm = true; // the supervisor gives a restart up when what it starts dies young
    await stack.restart("SIGUSR1");
    calm = false;
  })();
  await storm([...rich, ...poor], SEED, ["--calls", String(CALLS), "--connections", options.connections], (n) => { ended = n; });
  sums.seconds = (performance.now() - began) / 1000;
  await restarts;
  await Promise.all(stop.map((end) => end()));
  await quiet(served);
  await served.end();
}

// --- The proof ----------------------------------------------------------------------------------

async function load() {
  await stack.sql(`DROP DATABASE IF EXISTS proof; CREATE DATABASE proof;
    CREATE TABLE proof.seen (number INT, request_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
      user INT, kind VARCHAR(20), model VARCHAR(64), fault VARCHAR(20), outcome VARCHAR(20), is_done BOOL, status INT, code VARCHAR(60),
      receipt VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin, hold VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin,
      cost BIGINT, input BIGINT, output BIGINT, bytes BIGINT, KEY (receipt));
    CREATE TABLE proof.served (id BIGINT PRIMARY KEY, receipt VARCHAR(130) CHARACTER SET ascii COLLATE ascii_bin, model VARCHAR(64),
      dialect VARCHAR(20), state VARCHAR(12), status INT, usage_sent BOOL, generated BIGINT, input BIGINT, output BIGINT, cached BIGINT,
      cache_write BIGINT, reasoning BIGINT, KEY (receipt));
    ${seen.map((file) => `LOAD DATA INFILE '${file}' INTO TABLE proof.seen;`).join("")}
    LOAD DATA INFILE '${stack.file("served.tsv")}' INTO TABLE proof.served;
    ANALYZE TABLE proof.seen, proof.served, ai_call, ledger_entry, ledger_transfer`);
}

// A storm in which nothing went wrong proves nothing.
async function was_stormy() {
  const share = async (where) => (await stack.number(`SELECT COUNT(*) FROM proof.${where}`)) / CALLS;
  const left = await share("seen WHERE outcome = 'left'"), reset = await share("seen WHERE fault = 'reset'");
  const refused = await share("seen WHERE fault = 'status'");
  const crashed = await stack.number("SELECT COUNT(*) FROM ai_call WHERE status = 'crashed'");
  const often = sums.killed >= sums.seconds * 1000 / KILL_MS / 2;
  state_that("it was a storm", left > 0.25 && reset > 0.04 && refused > 0.04 && crashed > 0 && often && sums.restarts === RESTARTS,
    `${(left * 100).toFixed(1)} % left by the client, ${(reset * 100).toFixed(1)} % to be reset, ${(refused * 100).toFixed(1)} % to be refused, ${crashed} crashed`);
}

async function prove() {
  const text = fs.readFileSync(path.join(FILE, "money_proof.sql"), "utf8");
  for (const [, what, query] of text.matchAll(/^-- (.+)\n(SELECT [^;]+);/gm)) {
    const wrong = await stack.sql(query);
    state_that(what, wrong.length === 0, wrong.length === 0 ? "" : `${wrong.length} rows, ${wrong.slice(0, 3).map((row) => row.join(" ")).join("; ")}`);
  }
  const verified = await stack.turnpike("ledger", "verify");
  state_that("turnpike ledger verify", verified.status === 0, (verified.stdout + verified.stderr).trim());
  state_that("nobody was seen with less than nothing left", sums.lowest >= 0 && sums.samples > 0, `${sums.samples} samples, the lowest ${sums.lowest}`);
}

async function table() {
  const rows = async (title, query) => {
    console.log(`\n${title}`);
    for (const [name, ...numbers] of await stack.sql(query)) console.log(`  ${name.padEnd(46)}${numbers.map((n) => n.padStart(12)).join("")}`);
  };
  const events = fs.readFileSync(stack.file("log/events.log"), "utf8");
  const count = (event) => events.split(`"event":"${event}"`).length - 1;
  console.log(`\n${CALLS} calls in ${sums.seconds.toFixed(1)} s (${Math.round(CALLS / sums.seconds)}/s); ${sums.killed} workers killed, ${sums.restarts} restarts of the database, a rolling restart of the workers, ${sums.top_ups} top-ups`);
  console.log(`logged: ${["calls_recovered", "calls_not_settled", "calls_not_recovered"].map((e) => `${count(e)} ${e}`).join(", ")}`);
  await rows("clients (outcome, status)", "SELECT CONCAT_WS(' ', outcome, IF(status = 0, NULL, status), code), COUNT(*) FROM proof.seen GROUP BY 1 ORDER BY 2 DESC");
  await rows("upstreams (dialect, state): requests, reported tokens in and out", "SELECT CONCAT_WS(' ', dialect, state), COUNT(*), SUM(IF(usage_sent, input, 0)), SUM(IF(usage_sent, output, 0)) FROM proof.served GROUP BY 1 ORDER BY 1");
  await rows("books (status): calls, tokens in and out, estimated, micro-dollars", "SELECT CONCAT(status, IF(reason IS NULL, '', CONCAT(': ', LEFT(REGEXP_REPLACE(reason, ':.*', ''), 34)))), COUNT(*), SUM(input_tokens + cached_tokens + cache_write_tokens), SUM(output_tokens), SUM(is_estimated), SUM(cost_micro) FROM ai_call GROUP BY 1 ORDER BY 1");
  await rows("leases (state): holds, uncollected micro-dollars", "SELECT state, COUNT(*), SUM(uncollected) FROM hold GROUP BY 1");
  console.log();
}

console.log(`money_proof --seed ${SEED} --calls ${CALLS}`);
stack = await start(0, { config: { "pool.ai.processes": 1 } });
try {
  const served = new Served(stack.file("served.tsv"));
  await race(1, served);
  await stack.change({ "pool.ai.processes": 2, "pool.tab.processes": 2 });
  served.restarted();
  await race(2, served);
  await weather(served);
  await load();
  await table();
  await was_stormy();
  await prove();
} finally {
  if (!options.keep) await stack.down();
  else console.log(`kept: ${stack.state}`);
}
console.log(`${told.passed} passed, ${told.failed} failed`);
process.exitCode = told.failed > 0 ? 1 : 0;
