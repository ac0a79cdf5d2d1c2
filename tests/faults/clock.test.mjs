// The clock of the machine steps while everything runs (F-86): intervals go on by the monotonic clock, expiry follows UTC,
// and neither 2038 nor 2100 is the end. Only our programs see other times (libfaketime); MariaDB and nginx keep theirs.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { after, afterEach, before, test } from "node:test";
import * as OTPAuth from "otpauth";
import { CATALOG, Gateway, chat, cost, said, withModel, words } from "../e2e/gateway/ai.mjs";
import { Browser, person as personWithPassword } from "../e2e/account/browser.mjs";
import { setting, sign } from "../e2e/gateway/support.mjs";
import { alive, codeOf, eventually, randomEmail, sleep, start } from "./support.mjs";

const SECOND = 1, MINUTE = 60, HOUR = 3600, DAY = 86400;
const LIBRARY = execFileSync("dpkg", ["-L", "libfaketime"], { encoding: "utf8" }).split("\n").find((line) => line.endsWith("/libfaketimeMT.so.1"));
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

const catalog = structuredClone(CATALOG);
for (const name of ["hang", "failing", "resting"]) withModel(catalog, name, { routes: 1 });

let stack, gateway, clock, person, seen_errors = 0;

// The clock of our programs, set by a file that they read each time they look at it.
class Clock {
  constructor(stack_) {
    this.stack = stack_;
    this.file = stack_.file("clock");
    this.env = { ...process.env, LD_PRELOAD: LIBRARY, FAKETIME_TIMESTAMP_FILE: this.file, FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1", NO_FAKE_STAT: "1" };
    this.step(0);
  }

  // So many seconds off the real time, and it goes on from there.
  step(seconds) {
    fs.writeFileSync(`${this.file}.new`, `${seconds < 0 ? "" : "+"}${seconds}\n`);
    fs.renameSync(`${this.file}.new`, this.file);
    this.offset = seconds;
  }

  stepTo(date) { this.step(Math.round((Date.parse(date) - Date.now()) / 1000)); }

  now() { return Date.now() + this.offset * 1000; }

  // Another supervisor in place of the stack's own, with the same arguments, whose children get the clock.
  async wear() {
    const old = this.stack.pid("supervise"), args = fs.readFileSync(this.stack.file("run/supervise.arguments"), "utf8").trim().split("\n");
    process.kill(old, "SIGTERM");
    await eventually(() => assert.ok(!alive(old)), 20000);
    const log = fs.openSync(this.stack.file("log/supervise.err"), "a");
    spawn(this.stack.file("bin/turnpike-supervise"), args, { detached: true, env: this.env, stdio: ["ignore", log, log] }).unref();
    fs.closeSync(log);
    await eventually(async () => assert.equal((await this.stack.visitor().get("/api/v2/health")).status, 200), 15000);
  }

  // The operator's command, at the same time.
  turnpike(...args) {
    execFileSync(this.stack.file("bin/turnpike"), ["--config", this.stack.file("turnpike.conf"), ...args], { env: this.env, stdio: "pipe" });
  }
}

before(async () => {
  stack = await start(36, { limits: "enforce", config: { "mode.chat.first_byte": 1, "mode.chat.idle": 2,
    "limits.auth": "1000/60", "limits.code_ip": "3/3", "limits.feedback": "3/3", "limits.sensitive": "3/3" } });
  gateway = new Gateway(stack);
  fs.writeFileSync(stack.file("test-catalog.json"), JSON.stringify(catalog));
  const { status, stderr } = await stack.turnpike("catalog", "load", stack.file("test-catalog.json"));
  assert.equal(status, 0, stderr);
  clock = new Clock(stack);
  await clock.wear();
  person = await gateway.person();
});
after(() => stack?.down());

const logged = () => fs.readFileSync(stack.file("log/events.log"), "utf8").split("\n").filter((line) => line.startsWith("{")).map(JSON.parse);

afterEach(async () => {
  if (!person) return;
  clock.step(0);
  await eventually(async () => assert.deepEqual(await gateway.sql("SELECT public_id FROM hold WHERE state = 'open'"), []), 5000);
  assert.deepEqual(await gateway.sql("SELECT account_id FROM ledger_account WHERE reserved <> 0"), []);
  const { status, stdout, stderr } = await stack.turnpike("ledger", "verify");
  assert.equal(status, 0, stdout + stderr);
  // What a model did is told with another status.
  const errors = logged().filter((e) => e.level === "error" && (e.event !== "request_failed" || e.status === 500));
  const fresh = errors.slice(seen_errors);
  seen_errors = errors.length;
  assert.deepEqual(fresh, []);
});

// A program that is replaced starts with all its waits anew.
async function replace(name) {
  const old = stack.program(name);
  process.kill(old, "SIGTERM");
  await eventually(() => assert.ok(stack.program(name) > 0 && stack.program(name) !== old));
}

// The one that mails go under lasts as long as such do. Who sends them reads it when it starts; libcurl keeps it for a day.
async function newCertificate() {
  fs.rmSync(stack.file("mail/ca.pem"));
  await replace("smtp-sink");
  await eventually(() => assert.ok(fs.existsSync(stack.file("mail/ca.pem"))));
  await replace("jobs");
}

const made = [];
async function call(body, { who = person, ...options } = {}) {
  const answer = await gateway.stream(who, body, options);
  if (answer.headers["x-turnpike-receipt"]) made.push(answer.headers["x-turnpike-receipt"]);
  return answer;
}

// Times of what came, by its own measure of time.
const pieces = ({ parts }) => parts.flatMap(({ text, ms }) => Array(text.split('"content":"').length - 1).fill(ms));

for (const [name, offset, isSwept] of [["an hour ahead", HOUR, true], ["an hour back", -HOUR], ["a day ahead", DAY], ["a day back", -DAY], ["a second twice", -SECOND]]) {
  test(`${name} in the middle of a stream: at its pace to its end, and paid for once`, async () => {
    const tokens = isSwept ? 150 : 60, had = await gateway.atRest(person);
    if (isSwept) await replace("jobs"); // whose first sweep comes five seconds later
    const coming = call(chat(`tokens=${tokens} rate=20 input=40`));
    await sleep(700);
    clock.step(offset);
    if (isSwept) await eventually(async () => {
      const states = (await gateway.sql(`SELECT state FROM hold WHERE user_id = ${person.id}`)).flat();
      assert.deepEqual(states, ["released"], "its time is over, says the sweeper");
    }, 6500);
    const answer = await coming, at = pieces(answer);
    assert.deepEqual([answer.status, answer.n_done, answer.end, said(answer.chunks)], [200, 1, "end", words(tokens)]);
    const took = at.at(-1) - at[1], due = (tokens - 1) * 50;
    assert.ok(took > due * 0.9 && took < due + 1500, `${took} ms instead of ${due}`);
    at.forEach((ms, i) => assert.ok(i === 0 || ms - at[i - 1] < 1000, `${ms - at[i - 1]} ms of silence`));

    const receipt = await gateway.receipt(answer), price = cost("sandbox-chat", { input: 40, output: tokens });
    assert.deepEqual([receipt.status, receipt.is_estimated, receipt.cost], ["ok", 0, price]);
    assert.equal(await gateway.atRest(person), had - price);
    const [[latency, first, apart]] = (await gateway.sql(`SELECT latency_us / 1000, first_token_us / 1000, (settled_at_us - started_at_us) / 1000000
      FROM ai_call WHERE public_id = '${answer.headers["x-turnpike-receipt"]}'`)).map((row) => row.map(Number));
    assert.ok(latency > due * 0.9 && latency < answer.ms + 50, `${latency} ms`);
    assert.ok(first >= 0 && first < 1000, `the first after ${first} ms`);
    // The times of day are those of the clock, or it did not step.
    assert.ok(Math.abs(apart - offset - answer.ms / 1000) < 2, `${apart} s`);
  });
}

test("an hour back and then the worker dies: what it had begun is settled, and took no time less than nothing", async () => {
  const had = await gateway.atRest(person), [{ pid }] = stack.workers("ai");
  const dying = call(chat("tokens=400 rate=20 input=40"));
  await sleep(700);
  clock.step(-HOUR);
  process.kill(pid, "SIGKILL");
  const answer = await dying;
  const receipt = await eventually(() => gateway.receipt(answer), 5000);
  assert.equal(receipt.status, "crashed");
  assert.equal(await gateway.atRest(person), had - receipt.cost);
  const { body } = await gateway.send(person, `/v1/account/usage/activity/${answer.headers["x-turnpike-receipt"]}`, undefined, { method: "GET" });
  assert.ok(body.latencyMs >= 0 && body.latencyMs < 10000, `${body.latencyMs} ms`);
  // A process that starts before the catalog's time knows no models until that has come.
  clock.step(0);
  await eventually(async () => assert.equal((await call(chat("tokens=1"))).status, 200), 3000);
});

test("an hour back: who hangs is given up in time", async () => {
  const silent = call(chat("hang", { model: "hang" }));
  const stuck = call(chat("tokens=100 hang_at=1500"));
  await sleep(300);
  clock.step(-HOUR);
  const [first, middle] = await Promise.all([silent, stuck]);
  assert.deepEqual([first.status, first.body.code], [408, "timeout"]);
  assert.ok(first.ms > 950 && first.ms < 2500, `${first.ms} ms`);
  assert.deepEqual([middle.status, middle.chunks.at(-1).code], [200, "timeout"]);
  assert.ok(middle.ms > 1950 && middle.ms < 3500, `${middle.ms} ms`);
});

// Seconds until try_ passes, which now it does not.
async function secondsUntil(passes, most) {
  const started = performance.now();
  assert.equal(await passes(), false, "it is refused to begin with");
  while (!(await passes())) {
    assert.ok(performance.now() - started < most * 1000, `still refused after ${most} s`);
    await sleep(100);
  }
  return (performance.now() - started) / 1000;
}

test("an hour back: a route that failed and a key that had to rest serve again in time", async () => {
  const opened = () => logged().filter((e) => e.event === "route_failing" && e.model === "failing").length;
  const serves = (model) => async () => (await call(chat("tokens=1", { model }))).status === 200;
  while (opened() === 0) assert.equal((await call(chat("status=500", { model: "failing" }))).status, 502);
  assert.equal((await call(chat("status=429 retry_after=3", { model: "resting" }))).status, 503);
  clock.step(-HOUR);
  const [failing, resting] = await Promise.all([secondsUntil(serves("failing"), 7), secondsUntil(serves("resting"), 7)]);
  assert.ok(failing > 3, `${failing} s`);
  assert.ok(resting > 2, `${resting} s`);
});

test("an hour back: who has used up a limit waits no longer than its window", async () => {
  const visitors = [stack.visitor(), stack.visitor(), stack.visitor()];
  const kinds = [ // sliding, fixed, a bucket
    () => visitors[0].post("/api/auth/request-code", { email: randomEmail() }),
    () => visitors[1].post("/v1/telemetry", { events: [] }),
    () => visitors[2].post("/api/account/forgot-password", { email: randomEmail() }),
  ];
  for (const ask of kinds) {
    let answer;
    for (let i = 0; i < 6 && answer?.status !== 429; i++) answer = await ask();
    assert.equal(answer.status, 429, answer.text);
  }
  clock.step(-HOUR);
  for (const ask of kinds) {
    const { status, headers } = await ask();
    assert.ok(status !== 429 || Number(headers["retry-after"]) <= 3, `come back in ${headers["retry-after"]} s`);
  }
  for (const ask of kinds) await eventually(async () => assert.notEqual((await ask()).status, 429), 4000);
});

// A token of the stack's Supabase project.
const tokenUntil = (exp_ms) => {
  const issuer = `${stack.url}/sandbox/supabase/auth/v1`, key = new TextEncoder().encode(setting("supabase", "jwt_secret", stack.state));
  const iat = Math.floor(Math.min(exp_ms, clock.now()) / 1000);
  return sign({ iss: issuer, aud: "authenticated", role: "authenticated", sub: randomUUID(), iat, exp: Math.floor(exp_ms / 1000) }, key);
};
const report = async (token) => (await stack.visitor({ token }).post("/v1/feedback", { message: "who am I?" })).status;

test("codes, tokens and sessions end by the time of day", async () => {
  const [unused, used] = [await stack.signIn(), await stack.signIn()];
  const codes = [];
  for (let i = 0; i < 2; i++) {
    const email = randomEmail();
    assert.equal((await stack.visitor().post("/api/auth/request-code", { email })).status, 200);
    codes.push({ email, code: codeOf(await stack.mailTo(email)) });
  }
  const token = await tokenUntil(clock.now() + HOUR * 1000);
  const verify = async (code) => (await stack.visitor().post("/api/auth/verify", code)).status;
  const me = async (visitor) => (await visitor.get("/api/account/me")).status;

  clock.step(15 * MINUTE - 30);
  assert.equal(await verify(codes[0]), 200, "a code lives for fifteen minutes");
  clock.step(15 * MINUTE + 5);
  assert.equal(await verify(codes[1]), 400);
  clock.step(HOUR - 30);
  assert.equal(await report(token), 201);
  clock.step(HOUR + MINUTE + 5);
  assert.equal(await report(token), 401, "a token ends a minute after its time at the latest");
  clock.step(29 * DAY);
  assert.equal(await me(used), 200);
  clock.step(30 * DAY + MINUTE);
  assert.deepEqual([await me(unused), await me(used)], [401, 200], "a session ends thirty days after its last use");
  clock.step(60 * DAY + 3 * MINUTE);
  assert.equal(await me(used), 401);
});

// All dates in an answer: [path, milliseconds].
function dates(value, path = "") {
  if (typeof value === "string" && /^\d+-\d\d-\d\dT/.test(value)) {
    assert.match(value, ISO, path);
    return [[path, Date.parse(value)]];
  }
  return value !== null && typeof value === "object" ? Object.entries(value).flatMap(([k, v]) => dates(v, `${path}.${k}`)) : [];
}

const isNow = (ms, what, days = 0) => assert.ok(Math.abs(ms - clock.now() - days * DAY * 1000) < 15000, `${what}: ${new Date(ms).toISOString()}`);

class Page extends Browser {
  send(method, url, options) { return super.send(method, url, { check: false, ...options }); }
}

// Everything with a time in it: {person, browser}.
async function useAll() {
  const someone = await gateway.person({ topup: 0n });
  clock.turnpike("ledger", "grant", "--user", someone.email, "--micro", "100000000", "--reason", "test");
  const { status, body: me } = await stack.visitor({ token: someone.token }).get("/api/account/me");
  assert.deepEqual([status, me.email], [200, someone.email]);
  for (const [path, ms] of dates(me)) isNow(ms, path);

  const answer = await call(chat("tokens=5 input=40"), { who: someone }), price = cost("sandbox-chat", { input: 40, output: 5 });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual([said(answer.chunks), answer.n_done], [words(5), 1]);
  isNow(answer.chunks[0].created * 1000, "created");
  assert.equal((await gateway.receipt(answer)).cost, price);
  assert.equal(await gateway.atRest(someone), 100000000n - price);
  const receipt = await gateway.send(someone, `/v1/account/usage/activity/${answer.headers["x-turnpike-receipt"]}`, undefined, { method: "GET" });
  assert.equal(receipt.status, 200, receipt.text);
  assert.ok(dates(receipt.body).length >= 2);
  for (const [path, ms] of dates(receipt.body)) if (path !== ".prices.effectiveAt") isNow(ms, path);

  const token = await tokenUntil(clock.now() + HOUR * 1000);
  assert.equal(await report(token), 201, "a token of a Supabase project");
  assert.equal(await report(await tokenUntil(clock.now() - HOUR * 1000)), 401);
  return someone;
}

async function useBrowser() {
  const who = await personWithPassword({ state: stack.state }), browser = new Page({ url: stack.url });
  const { cookies, text } = await browser.signInWith(who.email);
  assert.ok(browser.sessionToken, text);
  const expires = cookies.find(({ name }) => name.endsWith("session-token")).Expires;
  assert.equal(new Date(expires).toUTCString(), expires);
  isNow(Date.parse(expires), "the cookie", 30);
  const session = await browser.session();
  assert.match(session.expires, ISO);
  isNow(Date.parse(session.expires), "the session", 30);

  const { body: setup } = await browser.get("/api/account/2fa/setup");
  const code = (steps) => new OTPAuth.TOTP({ secret: OTPAuth.Secret.fromBase32(setup.secret) }).generate({ timestamp: clock.now() + steps * 30000 });
  const enabled = await browser.post("/api/account/2fa/enable", { secret: setup.secret, code: code(0) });
  assert.equal(enabled.status, 200, enabled.text);
  const other = new Page({ url: stack.url });
  await other.signInWith(who.email);
  const stale = await other.post("/api/account/2fa/verify", { code: code(-4) });
  assert.equal(stale.status, 400, stale.text);
  const passed = await other.post("/api/account/2fa/verify", { code: code(1) });
  assert.equal(passed.status, 200, passed.text);

  const events = await stack.sql(`SELECT event, at_us / 1000 FROM audit_event WHERE user_id = ${who.id} ORDER BY audit_event_id`);
  assert.deepEqual(events.map(([event]) => event), ["signed_in", "mfa_enabled", "signed_in", "mfa_refused", "mfa_passed"]);
  for (const [event, ms] of events) isNow(Number(ms), event);
}

for (const [year, brink] of [[2038, "2038-01-19T03:14:07Z"], [2100, "2100-02-28T23:59:59Z"]]) {
  test(`${year}: everything works, also after ${brink}`, async () => {
    clock.stepTo(brink);
    clock.step(clock.offset - 3);
    await newCertificate();
    await useAll();
    await eventually(() => assert.ok(clock.now() > Date.parse(brink) + 1000));
    await useAll();
    await useBrowser();
  });
}

test("the clock is right again: everything works, and every call was written down once", async () => {
  await newCertificate();
  await useAll();
  await useBrowser();
  assert.equal(new Set(made).size, made.length);
  const found = () => stack.number(`SELECT COUNT(*) FROM ai_call WHERE public_id IN (${made.map((id) => `'${id}'`)})`);
  await eventually(async () => assert.equal(await found(), made.length));
});
