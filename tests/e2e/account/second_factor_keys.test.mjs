// The keys that secrets are sealed with: changing them, losing them, getting them wrong; and the switch that asks for the
// password, and the secret of the cron route. On a stack of its own.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { after, before, test } from "node:test";
import { URL_BASE, ownStack, sql, turnpike } from "../support.mjs";
import { setting } from "../gateway/support.mjs";
import { Browser, PASSWORD, category, codeAt, enrol, forgetStep, person } from "./factor.mjs";

const run = promisify(execFile);
let stack, who, secret, recoveryCodes;
const key = () => randomBytes(32).toString("base64");
const browserHere = () => Object.assign(new Browser({ url: stack.url }), { state: stack.state }).signIn(who.email);
const sealed = async () => (await sql(`SELECT HEX(secret) FROM second_factor WHERE user_id = ${who.id}`, stack.state))[0][0];
const configureKeys = (current, old) => stack.configure((conf) => conf.replace(/^encryption_key_old = .*\n/m, "")
  .replace(/^encryption_key =.*$/m, `encryption_key = ${current}${old ? `\nencryption_key_old = ${old}` : ""}`));

// A code by a browser that has just signed in; as if the last one had been used long ago.
async function verify() {
  await forgetStep(who, stack.state);
  return (await browserHere()).post("/api/account/2fa/verify", { code: codeAt(secret) }, { check: false });
}

before(async () => {
  stack = await ownStack({ port: Number(new URL(URL_BASE).port) + 6, limits: "dry-run" });
  who = await person({ state: stack.state });
  ({ secret, recoveryCodes } = await enrol(who, await browserHere()));
});
after(() => stack?.down());

test("a new key with the old one beside it: codes work, and the secret is sealed anew with the first use", async () => {
  const old = setting("server", "encryption_key", stack.state), now = key(), before = await sealed();
  await configureKeys(now, old);
  assert.equal((await verify()).status, 200);
  const after = await sealed();
  assert.notEqual(after, before);
  assert.equal((await verify()).status, 200);
  assert.equal(await sealed(), after, "once");
  await configureKeys(now);
  assert.equal((await verify()).status, 200, "without the old one");
});

test("a key that is lost: codes fail as our fault, recovery codes still work", async () => {
  const good = setting("server", "encryption_key", stack.state);
  await configureKeys(key());
  const answer = await verify();
  assert.equal(answer.status, 500);
  assert.equal(category(answer), "server");
  const browser = await browserHere();
  assert.equal((await browser.post("/api/account/2fa/verify", { code: recoveryCodes[0], recovery: true }, { check: false })).status, 200);
  await configureKeys(good);
  assert.equal((await verify()).status, 200, "found again");
});

test("no key: what needs one says so, and the doctor what to do", async () => {
  const good = setting("server", "encryption_key", stack.state);
  await configureKeys("");
  const browser = await browserHere();
  const answer = await browser.post("/api/account/2fa/verify", { code: codeAt(secret) }, { check: false });
  assert.deepEqual([answer.status, category(answer)], [503, "not_configured"]);
  assert.equal((await browser.post("/api/account/2fa/verify", { code: recoveryCodes[1], recovery: true }, { check: false })).status, 200);
  for (const [method, url, body] of [["GET", "/api/account/2fa/setup"], ["POST", "/api/account/2fa/enable", { secret, code: "123456" }]]) {
    const refused = await browser.send(method, url, { body, check: false });
    assert.deepEqual([refused.status, category(refused)], [503, "not_configured"], url);
  }
  const doctor = await turnpike(["doctor"], stack.state);
  assert.match(doctor.stdout, /FAULT {2}encryption_key: not set.*\n.*openssl rand -base64 32/);
  await configureKeys(good);
  assert.doesNotMatch((await turnpike(["doctor"], stack.state)).stdout, /encryption_key/);
});

test("a key that is none refuses the start with a sentence", async () => {
  const good = setting("server", "encryption_key", stack.state), short = randomBytes(31).toString("base64");
  const bin = (name) => path.join(stack.state, "bin", name), conf = path.join(stack.state, "turnpike.conf"), bad = `${conf}.bad`;
  for (const [current, old, sentence] of [[short, "", /encryption_key is not the base64 of 32 bytes/], [good, "short", /encryption_key_old is not the base64 of 32 bytes/]]) {
    const text = fs.readFileSync(conf, "utf8").replace(/^encryption_key =.*$/m, `encryption_key = ${current}\nencryption_key_old = ${old}`);
    fs.writeFileSync(bad, text, { mode: 0o600 });
    const started = await run(bin("turnpike-worker"), ["--config", bad, "--pool", "auth"], { timeout: 5000 }).catch((error) => error);
    assert.match(started.stderr, sentence);
    assert.ok(started.code > 0, "it has ended by itself");
    const { stdout } = await run(bin("turnpike"), ["--config", bad, "doctor"]).catch((error) => error);
    assert.match(stdout, new RegExp(`FAULT {2}encryption keys: .*${sentence.source}`));
  }
});

test("enable_needs_password asks for it, however young the sign-in is", async () => {
  await stack.configure((conf) => `${conf}\n[account]\nenable_needs_password = yes\n`);
  const other = await person({ state: stack.state }), browser = await new Browser({ url: stack.url }).signIn(other.email);
  const { body: setup } = await browser.get("/api/account/2fa/setup", { check: false });
  const enable = (more) => browser.post("/api/account/2fa/enable", { secret: setup.secret, code: codeAt(setup.secret), ...more }, { check: false });
  const missing = await enable({});
  assert.deepEqual([missing.status, category(missing), missing.body.field], [400, "validation", "password"]);
  assert.equal(category(await enable({ password: "wrong" })), "bad_password");
  assert.equal((await enable({ password: PASSWORD })).status, 200);
});

test("no cron secret: the route is closed, and says so to whoever looks", async () => {
  const browser = new Browser({ url: stack.url });
  await stack.configure((conf) => conf.replace(/^cron_secret = .*\n/m, ""));
  for (const headers of [{}, { Authorization: "Bearer " }, { Authorization: "Bearer x" }]) {
    const answer = await browser.send("POST", "/api/cron/retention", { headers, check: false });
    assert.deepEqual([answer.status, category(answer)], [503, "no_key"]);
  }
  const seen = await browser.send("GET", "/api/cron/retention", { check: false });
  assert.equal(seen.status, 200);
  assert.equal(JSON.parse(seen.text).configured, false);
});
