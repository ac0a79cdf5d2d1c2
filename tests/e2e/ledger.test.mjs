// turnpike ledger: what operators change shows to the user, is explained, and is proven; on a stack of its own, because
// books are falsified here.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { Visitor, eventually, ownStack, request, sql as sqlOf, turnpike as turnpikeOf } from "./support.mjs";

const ROOT = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "../..");
const PORT = Number(process.env.TURNPIKE_PORT ?? 8080) + 12;

let stack;
before(async () => (stack = await ownStack({ port: PORT })));
after(() => stack?.down());

const sql = (text) => sqlOf(text, stack.state);
const ledger = (...args) => turnpikeOf(["ledger", ...args], stack.state);

async function done(...args) {
  const { status, stdout, stderr } = await ledger(...args);
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

async function refused(pattern, ...args) {
  const { status, stdout, stderr } = await ledger(...args);
  assert.notEqual(status, 0, stdout);
  assert.match(stderr, pattern);
}

let people = 0;
async function signIn() {
  const email = `ledger-${people++}@example.org`;
  const visitor = new Visitor();
  const send = (method, url, body) =>
    request(method, stack.url + url, { body, from: visitor.address, check: false, headers: visitor.token ? { Authorization: `Bearer ${visitor.token}` } : {} });
  assert.equal((await send("POST", "/api/auth/request-code", { email })).status, 200);
  const mail = await eventually(async () => {
    const { body } = await send("GET", `/sandbox/mail.json?to=${encodeURIComponent(email)}`);
    assert.ok(body.length > 0);
    return body[0];
  });
  const { body } = await send("POST", "/api/auth/verify", { email, code: mail.text.match(/\b\d{6}\b/)[0], device: "linux-x64" });
  visitor.token = body.token;
  const [[userId]] = await sql(`SELECT user_id FROM users WHERE public_id = '${body.user.id}'`);
  const me = async () => (await send("GET", "/api/account/me")).body;
  return { email, userId, me };
}

test("a grant shows at once, is explained and proven", async () => {
  const person = await signIn();
  assert.equal((await person.me()).topup_balance_cents, 0);
  await done("grant", "--user", person.email, "--cents", "1234", "--reason", "sorry for the outage");
  const me = await person.me();
  assert.equal(me.topup_balance_cents, 1234);
  assert.equal(me.balance_cents, 0);

  const lines = (await done("explain", "--user", person.email)).trim().split("\n");
  assert.equal(lines.length, 1);
  assert.match(lines[0], /^\d+\.1\t\S+Z\ttopup\t1234\.0000 cents, then 1234\.0000\tgrant by operator \S+: sorry for the outage$/);
  const [entry] = lines[0].split("\t");
  const [line, ...legs] = (await done("explain", "--user", person.email, "--entry", entry)).trim().split("\n");
  assert.equal(line, lines[0]);
  assert.equal(legs.length, 2);
  assert.match(legs.join("\n"), /house \d+ grants\t-1234\.0000 cents/);
  assert.match(await done("balance", "--user", person.email.toUpperCase()), /^topup\t1234\.0000 cents\treserved 0\.0000\n[^]*lot \d+\ttopup by grant\t1234\.0000 of 1234\.0000 cents left/);
  assert.match(await done("verify"), /^The ledger is right: \d+ accounts, \d+ entries, \d+\.\d{3} s\n$/);
});

test("adjusting takes what there is, never more", async () => {
  const person = await signIn();
  const change = (verb, cents, ...more) => [verb, "--user", person.email, "--cents", cents, "--reason", "test", ...more];
  await done(...change("adjust", "500"));
  await done(...change("adjust", "-200"));
  await refused(/balance is too low/, ...change("adjust", "-301"));
  assert.equal((await person.me()).topup_balance_cents, 300);
  await done(...change("refund", "50"));
  assert.equal((await person.me()).topup_balance_cents, 350);

  for (let i = 0; i < 3; i++) {
    const said = await done(...change("grant", "7", "--key", "ticket-12"));
    assert.equal(said.startsWith("Done before under this key"), i > 0);
  }
  await refused(/Idempotency-Key was used/, ...change("grant", "8", "--key", "ticket-12"));
  assert.equal((await person.me()).topup_balance_cents, 357);
  for (const cents of ["0", "-1", "1.5", "1e3", "", "9223372036854775807", "9223372036854775808"]) {
    await refused(/\S/, ...change("grant", cents));
  }
  await refused(/--micro/, "grant", "--user", person.email, "--cents", "1", "--micro", "1", "--reason", "x");
  await refused(/no account/, "grant", "--user", "nobody@example.org", "--cents", "1", "--reason", "x");
  await refused(/usage/, "grant", "--user", person.email, "--cents", "1");
  await refused(/no entry/, "explain", "--user", person.email, "--entry", "1.1");
  assert.equal((await person.me()).topup_balance_cents, 357);
  await done("verify");
});

test("a new allowance takes the place of what was left of the old one", async () => {
  const person = await signIn();
  const allow = (...amount) => done("allowance", "--user", person.email, "--reason", "contract 7", ...amount);
  await allow("--cents", "800");
  await allow("--micro", "12349999", "--days", "7");
  const { balance_cents, topup_balance_cents } = await person.me();
  assert.deepEqual([balance_cents, topup_balance_cents], [1234, 0]);
  const said = await done("explain", "--user", person.email);
  assert.match(said, /-800\.0000 cents, then 1234\.9999\texpire by lot \d+: operator \S+\n/);
  assert.match(said, /allowance by operator \S+: contract 7\n/);
  await allow("--cents", "0");
  assert.equal((await person.me()).balance_cents, 0);
  for (const days of ["0", "-1", "3661", "x"]) await refused(/usage/, "allowance", "--user", person.email, "--cents", "1", "--reason", "x", "--days", days);
  await done("verify");
});

test("the jobs release a hold whose caller is gone", async () => {
  const person = await signIn();
  await done("grant", "--user", person.email, "--cents", "100", "--reason", "x");
  await sql(`START TRANSACTION;
    INSERT INTO hold (public_id, user_id, held_topup, held_allowance, held_overage, reference_kind, reference_id, deadline_at_us, created_at_us)
    VALUES ('hold_lost', ${person.userId}, 300000, 0, 0, 'call', 'lost', 1, 1);
    UPDATE ledger_account SET reserved = 300000 WHERE owner_kind = 'user' AND owner_id = ${person.userId} AND kind = 'topup';
    COMMIT`);
  await done("verify");
  await eventually(async () => {
    assert.deepEqual(await sql("SELECT state FROM hold WHERE public_id = 'hold_lost'"), [["released"]]);
  }, 30000);
  assert.match(await done("balance", "--user", person.email), /^spendable\t100\.0000 cents$/m);
  await done("verify");
});

test("what is falsified behind the ledger's back is named", async () => {
  const person = await signIn();
  await done("grant", "--user", person.email, "--cents", "100", "--reason", "x");
  const [[account]] = await sql(`SELECT account_id FROM ledger_account WHERE owner_kind = 'user' AND owner_id = ${person.userId} AND kind = 'topup'`);
  await assert.rejects(sql(`UPDATE ledger_entry SET amount = 2000000 WHERE account_id = ${account}`), /append-only/);

  const cases = [
    [`ledger_account SET balance = balance + 1 WHERE account_id = ${account}`, "-1", `ledger_account ${account}: balance is 1000001, but its entries sum to 1000000`],
    [`users SET topup_micro = topup_micro + 1 WHERE user_id = ${person.userId}`, "-1", `users ${person.userId}: topup_micro 1000001`],
  ];
  for (const [change, back, fault] of cases) {
    await sql(`UPDATE ${change}`);
    await refused(new RegExp(`First wrong row: ${fault}`), "verify");
    await sql(`UPDATE ${change.replace("+ 1", back.replace("-", "- "))}`);
    await done("verify");
  }
});

test("no floating point in the path of money", () => {
  const files = ["domain/money.c", "domain/money.h", ...fs.readdirSync(path.join(ROOT, "domain")).filter((f) => f.startsWith("ledger")).map((f) => `domain/${f}`),
    "sql/queries/ledger.sql", "sql/queries/ledger_verify.sql", "sql/migrations/0007_ledger.sql", "tools/turnpike/ledger.c"];
  for (const file of files) {
    const text = fs.readFileSync(path.join(ROOT, file), "utf8").replace(/\/\*[^]*?\*\/|--.*$/gm, "");
    assert.doesNotMatch(text, /\b(double|float|DECIMAL|strtod|atof|SQL_DOUBLE|opt_double)\b/i, file);
  }
});
