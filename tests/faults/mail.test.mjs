// Mail while the mail server is away, refuses, cannot be trusted, and while the jobs are killed (F-30, F-56).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { alive, BIN, eventually, randomEmail, sleep, start } from "./support.mjs";

// A mail server of ours on its own port and folder.
class Sink {
  constructor(port, dir, ...options) { Object.assign(this, { port, dir, options }); }

  async start() {
    this.child = spawn(path.join(BIN, "turnpike-smtp-sink"), ["--listen", `127.0.0.1:${this.port}`, "--dir", this.dir, ...this.options], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve, reject) => {
      this.child.stdout.once("data", resolve);
      this.child.once("exit", (code) => reject(new Error(`the sink ended with ${code}`)));
    });
    return this;
  }

  async kill() {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await ended;
  }

  get ca() { return path.join(this.dir, "ca.pem"); }

  // Its mails to an address: [{id, text}].
  mails(email) {
    return fs.readdirSync(this.dir).filter((name) => name.endsWith(".eml")).map((name) => {
      const text = fs.readFileSync(path.join(this.dir, name), "utf8");
      return { id: /^Message-ID: (.*)$/im.exec(text)[1].trim(), to: /^To: <?([^>\r\n]*)>?/im.exec(text)[1].trim(), text };
    }).filter((mail) => mail.to === email);
  }
}

let stack, sink, base;
before(async () => {
  stack = await start(20);
  base = stack.port + 4;
  sink = new Sink(base, stack.file("sink"));
  await sink.start(); // makes its certificate
  await stack.change({ "smtp.url": `smtp://127.0.0.1:${base}`, "smtp.ca_file": sink.ca });
});
after(async () => {
  await sink?.kill();
  await stack?.down();
});

// Asks for a code; the outbox row that came of it, as seen by row().
async function ask(email) {
  const answer = await stack.visitor().post("/api/auth/request-code", { email });
  assert.equal(answer.status, 200, answer.text);
  assert.ok(answer.ms < 1000, `${answer.ms} ms`);
  const [[id]] = await stack.sql("SELECT public_id FROM outbox ORDER BY outbox_id DESC LIMIT 1");
  return id;
}

async function row(id) {
  const [[state, attempts, due_ms, length, error]] = await stack.sql(`SELECT state, attempts,
    ROUND(next_at_us / 1000 - UNIX_TIMESTAMP(NOW(6)) * 1000), LENGTH(payload), last_error FROM outbox WHERE public_id = '${id}'`);
  return { state, attempts: Number(attempts), due_ms: Number(due_ms), length: Number(length), error };
}

// The row after its n-th try has failed; the event log says when.
const tried = (id, attempts) => eventually(async () => {
  const events = fs.readFileSync(stack.file("log/events.log"), "utf8").split("\n").filter((line) => line.includes(id)).map(JSON.parse);
  assert.ok(events.some((event) => event.event === "outbox_retry" && event.attempts >= attempts), `${id}: try ${attempts}`);
  return row(id);
}, 15000);
const due = (id) => stack.sql(`UPDATE outbox SET next_at_us = 0 WHERE public_id = '${id}' AND state = 'pending'`);
const done = (id) => eventually(async () => assert.equal((await row(id)).state, "done"), 10000);

// What fn does happens while nothing is delivered.
async function stopped(fn) {
  const jobs = stack.program("jobs");
  process.kill(jobs, "SIGSTOP");
  try {
    return await fn();
  } finally {
    process.kill(jobs, "SIGCONT");
  }
}

async function restartJobs() {
  const jobs = stack.program("jobs");
  process.kill(jobs, "SIGTERM");
  await eventually(() => assert.ok(stack.program("jobs") !== undefined && stack.program("jobs") !== jobs));
}

test("the mail server is away: codes can be asked for, and are sent once when it is back", async () => {
  await sink.kill();
  const email = randomEmail(), id = await ask(email);
  const first = await tried(id, 1), second = await tried(id, 2);
  assert.match(first.error, /mail: .*(refused|connect)/i);
  assert.deepEqual([first.state, second.state], ["pending", "pending"]);
  assert.ok(first.due_ms > 0 && first.due_ms <= 2000, `${first.due_ms} ms`);
  assert.ok(second.due_ms > 1500 && second.due_ms <= 4000, `${second.due_ms} ms`);
  assert.ok(second.length > 100);
  await sink.start();
  await done(id);
  assert.deepEqual(sink.mails(email).map((mail) => mail.id), [`<${id}@localhost>`]);
  const { length, error } = await row(id);
  assert.deepEqual([length, error], [0, "NULL"], "the code is not kept");
});

test("jobs killed between sending and noting it: sent again under the same Message-ID", async (t) => {
  const email = "slow@example.org"; // the sink takes 3 s to say yes
  const id = await ask(email);
  await eventually(async () => assert.equal((await row(id)).attempts, 1)); // taken, and on its way
  const lock = stack.session(t);
  await lock.run("BEGIN");
  await lock.run(`SELECT * FROM outbox WHERE public_id = '${id}' FOR UPDATE`);
  await eventually(() => assert.equal(sink.mails(email).length, 1));
  const waiting = () => stack.sql("SELECT id FROM information_schema.processlist WHERE user = 'turnpike' AND info LIKE 'UPDATE outbox%'");
  await eventually(async () => assert.equal((await waiting()).length, 1));
  const jobs = stack.program("jobs");
  process.kill(jobs, "SIGKILL");
  for (const [connection] of await waiting()) await stack.sql(`KILL ${connection}`);
  await eventually(async () => assert.equal((await waiting()).length, 0));
  await lock.run("ROLLBACK");
  await lock.end();

  await eventually(() => assert.ok(stack.program("jobs") !== undefined && stack.program("jobs") !== jobs));
  const left = await row(id);
  assert.equal(left.state, "pending");
  assert.ok(left.due_ms > 60_000, "the lease hides it from others");
  await due(id); // the lease ends
  await done(id);
  assert.deepEqual(sink.mails(email).map((mail) => mail.id), [`<${id}@localhost>`, `<${id}@localhost>`]);
});

test("a temporary refusal is tried again, up to the twelfth time", async () => {
  const id = await ask("fail-temp@example.org");
  assert.match((await tried(id, 1)).error, /451/);
  await stack.sql(`UPDATE outbox SET attempts = 10, next_at_us = 0, expires_at_us = NULL WHERE public_id = '${id}'`);
  const eleventh = await tried(id, 11);
  assert.equal(eleventh.state, "pending");
  assert.ok(eleventh.due_ms > 1_000_000 && eleventh.due_ms <= 3_600_000, `${eleventh.due_ms} ms`);
  await due(id);
  await eventually(async () => assert.equal((await row(id)).state, "dead"));
});

test("a mail that ended the jobs twelve times is given up, not taken again", async () => {
  await sink.kill();
  const id = await ask(randomEmail());
  await tried(id, 1);
  await stack.sql(`UPDATE outbox SET attempts = 12, next_at_us = 0 WHERE public_id = '${id}'`);
  await eventually(async () => assert.equal((await row(id)).state, "dead"));
  const { attempts, error } = await row(id);
  assert.equal(attempts, 12);
  assert.match(error, /taken 12 times without an outcome/);
  await sink.start();
});

test("an expired sign-in mail is not sent, cannot be revived, and its code is forgotten", async () => {
  const email = "late@example.org", id = await stopped(async () => {
    const asked = await ask(email);
    await stack.sql(`UPDATE outbox SET expires_at_us = 1 WHERE public_id = '${asked}'`);
    return asked;
  });
  await eventually(async () => assert.deepEqual([(await row(id)).state, (await row(id)).error], ["dead", "expired"]));
  assert.equal(sink.mails(email).length, 0);
  const retried = await stack.turnpike("outbox", "retry", id);
  assert.notEqual(retried.status, 0);
  assert.match(retried.stderr, /no dead row .* that may still be sent/);
  await restartJobs(); // they prune soon after the start
  await eventually(async () => assert.equal((await row(id)).length, 0), 15000);
  await stack.sql(`UPDATE outbox SET next_at_us = next_at_us - 8 * 86400 * 1000000 WHERE public_id = '${id}'`);
  await restartJobs();
  await eventually(async () => assert.deepEqual(await stack.sql(`SELECT 1 FROM outbox WHERE public_id = '${id}'`), []), 15000);
});

test("a newer code takes the place of older mails that are not sent; the deletion of the account, of all", async () => {
  const person = stack.visitor(), email = randomEmail();
  await done(await ask(email));
  const [, code] = /^Subject: (\d{6})/im.exec(sink.mails(email)[0].text);
  person.token = (await person.post("/api/auth/verify", { email, code })).body.token;
  await stopped(async () => {
    const first = await ask(email), other = await ask(randomEmail()), second = await ask(email);
    assert.deepEqual([(await row(first)).state, (await row(first)).length, (await row(first)).error], ["done", 0, "superseded"]);
    assert.deepEqual([(await row(other)).state, (await row(second)).state], ["pending", "pending"]);
    assert.equal((await person.delete("/api/account", { confirm_email: email })).status, 200);
    assert.deepEqual(await stack.sql(`SELECT 1 FROM outbox WHERE public_id = '${second}' OR payload LIKE '%${email}%'`), []);
    assert.equal((await row(other)).state, "pending", "of nobody else");
  });
});

test("a recipient who is refused does not make the service degraded; mail that nobody takes does", async () => {
  const worker = async () => (await stack.visitor().get("/api/v2/status/public")).body.components.worker;
  const id = await ask("fail-temp@example.org");
  await tried(id, 1);
  await stack.sql(`UPDATE outbox SET created_at_us = created_at_us - 3600 * 1000000 WHERE public_id = '${id}'`);
  await sleep(1100); // longer than nginx keeps an answer
  assert.equal(await worker(), "ok");
  await stopped(async () => {
    await stack.sql(`UPDATE outbox SET next_at_us = next_at_us - 3600 * 1000000 WHERE public_id = '${id}'`);
    await eventually(async () => assert.equal(await worker(), "degraded"));
  });
  await stack.sql(`DELETE FROM outbox WHERE public_id = '${id}'`);
});

test("mail goes out while a probe hangs", async () => {
  const held = [], silent = net.createServer((socket) => held.push(socket.on("error", () => {})));
  await new Promise((resolve) => silent.listen(base + 1, "127.0.0.1", resolve));
  const probed = new Promise((resolve) => silent.once("connection", resolve));
  const keys = ["ai", "stripe", "discord"].map((name) => `status.${name}_probe_url`);
  try {
    await stack.change(Object.fromEntries(keys.map((key) => [key, `http://127.0.0.1:${base + 1}/`])));
    await probed; // five seconds each from here
    const started = Date.now(), id = await ask(randomEmail());
    await done(id);
    assert.ok(Date.now() - started < 4000, `${Date.now() - started} ms`);
  } finally {
    silent.close();
    for (const socket of held) socket.destroy();
    await stack.change(Object.fromEntries(keys.map((key) => [key, `${stack.url}/sandbox/health`])));
  }
});

test("a final refusal is a dead letter, which the operator sees and revives", async () => {
  const id = await ask("fail-perm@example.org");
  await eventually(async () => assert.equal((await row(id)).state, "dead"));
  assert.equal((await row(id)).attempts, 1);
  const listed = await stack.turnpike("outbox", "list", "dead");
  assert.equal(listed.status, 0, listed.stderr);
  const line = listed.stdout.split("\n").find((text) => text.startsWith(id));
  assert.match(line, /\tmail\tdead\t1 attempts\t.*550/);
  assert.doesNotMatch(listed.stdout, /example\.org/, "no address is shown");

  // Somebody else's typing error: the operator corrects the address and lets it go.
  await stack.sql(`UPDATE outbox SET payload = REPLACE(payload, 'fail-perm@', 'repaired@') WHERE public_id = '${id}'`);
  const retried = await stack.turnpike("outbox", "retry", id);
  assert.equal(retried.status, 0, retried.stderr);
  await done(id);
  assert.equal(sink.mails("repaired@example.org").length, 1);
  assert.notEqual((await stack.turnpike("outbox", "retry", id)).status, 0, "it is not dead any more");
});

// Notes what it is sent in clear, and says yes to everything; `offers` are its EHLO lines.
async function trap(port, offers) {
  const heard = [];
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.write("220 trap\r\n");
    socket.on("data", (data) => {
      for (const line of data.toString("latin1").split("\r\n").filter((l) => l !== "")) {
        heard.push(line);
        if (/^EHLO/.test(line)) socket.write(["trap", ...offers].map((o, i, all) => `250${i < all.length - 1 ? "-" : " "}${o}\r\n`).join(""));
        else if (/^STARTTLS/.test(line)) socket.write("454 Not now\r\n");
        else if (/^QUIT/.test(line)) socket.end("221 Bye\r\n");
        else socket.write("250 Yes\r\n");
      }
    });
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { heard, close: () => new Promise((resolve) => server.close(resolve)) };
}

test("without a TLS that can be trusted nothing is sent, no sign-in, no mail", async (t) => {
  const email = randomEmail(), port = base + 1;
  await stack.change({ "smtp.url": `smtp://127.0.0.1:${port}`, "smtp.user": "ada", "smtp.password": "s3cr3t" });
  const id = await ask(email);
  for (const [name, offers] of [["no STARTTLS", ["AUTH PLAIN LOGIN"]], ["STARTTLS refused", ["STARTTLS", "AUTH PLAIN LOGIN"]]]) {
    const server = await trap(port, offers);
    const { attempts } = await row(id);
    await due(id);
    await tried(id, attempts + 1);
    await server.close();
    await t.test(name, () => {
      assert.ok(server.heard.length > 0);
      for (const line of server.heard) assert.match(line, /^(EHLO|HELO|STARTTLS|QUIT)/);
    });
  }
  const stranger = await new Sink(port, stack.file("stranger"), "--auth", "ada:s3cr3t").start(); // a certificate we do not trust
  const { attempts } = await row(id);
  await due(id);
  const refused = await tried(id, attempts + 1);
  await stranger.kill();
  assert.match(refused.error, /certificate|SSL/i);
  assert.equal(refused.state, "pending");
  assert.equal(stranger.mails(email).length, 0);
  await stack.sql("DELETE FROM outbox WHERE state = 'pending'");
});

test("AUTH: a wrong password is tried again, the right one sends", async () => {
  const email = randomEmail();
  const server = await new Sink(base + 1, stack.file("auth"), "--auth", "ada:s3cr3t").start();
  try {
    await stack.change({ "smtp.password": "wrong", "smtp.ca_file": server.ca });
    const id = await ask(email);
    const refused = await tried(id, 1);
    assert.equal(refused.state, "pending");
    assert.match(refused.error, /535|denied/i);
    await stack.change({ "smtp.password": "s3cr3t" });
    await due(id);
    await done(id);
    assert.equal(server.mails(email).length, 1);
  } finally {
    await server.kill();
    await stack.change({ "smtp.url": `smtp://127.0.0.1:${base}`, "smtp.user": "", "smtp.password": "", "smtp.ca_file": sink.ca });
  }
});

test("jobs killed twenty times at random: every mail arrives", { timeout: 60_000 }, async (t) => {
  const emails = Array.from({ length: 60 }, () => randomEmail());
  const ids = new Map();
  let killed = 0;
  const asking = (async () => {
    for (const email of emails) {
      ids.set(email, await ask(email));
      await sleep(50);
    }
  })();
  while (killed < 20) {
    const jobs = stack.program("jobs");
    if (jobs !== undefined && alive(jobs)) {
      process.kill(jobs, "SIGKILL");
      killed++;
    }
    await stack.sql("UPDATE outbox SET next_at_us = 0 WHERE state = 'pending'"); // leases and waits end
    await sleep(Math.random() * 500);
  }
  await asking;
  await eventually(async () => {
    await stack.sql("UPDATE outbox SET next_at_us = LEAST(next_at_us, UNIX_TIMESTAMP(NOW(6)) * 1000000) WHERE state = 'pending' AND next_at_us > (UNIX_TIMESTAMP(NOW(6)) + 5) * 1000000");
    assert.equal(await stack.number("SELECT COUNT(*) FROM outbox WHERE state = 'pending'"), 0);
  }, 20000);
  let repeats = 0;
  for (const email of emails) {
    const mails = sink.mails(email);
    assert.ok(mails.length >= 1, email);
    assert.deepEqual([...new Set(mails.map((mail) => mail.id))], [`<${ids.get(email)}@localhost>`]);
    repeats += mails.length - 1;
  }
  t.diagnostic(`${emails.length} mails, ${repeats} sent again under the same Message-ID`);
});
