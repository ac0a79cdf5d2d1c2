// Rate limits (product.md 0.3): the numbers of the contract on the common stack, and on stacks of our own what needs
// other numbers, dead workers or the dry run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { askCode } from "../signing.mjs";
import { STATE, URL_BASE, Visitor, eventually, ownStack, randomAddress, randomEmail, request, sleep } from "../support.mjs";

const OWN_PORT = Number(new URL(URL_BASE).port) + 20;
const count = (answers, status) => answers.filter((answer) => answer.status === status).length;
// A call that the limit `auth` counts and that changes nothing.
const knock = (visitor, url = URL_BASE) => visitor.post(`${url}/api/auth/verify`, { email: "nobody@example.org", code: "000000" });

function isRefused(answer, why) {
  assert.equal(answer.status, 429, why);
  const seconds = Number(answer.headers["retry-after"]);
  assert.ok(Number.isInteger(seconds) && seconds >= 1, why);
  assert.deepEqual(answer.body, { error: "rate_limited", message: "Too many requests. Retry after the time in Retry-After.", retry_after: seconds }, why);
  assert.match(answer.headers["x-request-id"], /^[0-9a-f]{32}$/);
  assert.equal(answer.headers["content-type"], "application/json; charset=utf-8");
  assert.equal(answer.headers["cache-control"], "no-store");
  return seconds;
}

test("sign-in calls: five in a minute from one address, whatever the path", async () => {
  const visitor = new Visitor(), started = Date.now();
  const calls = [
    () => visitor.post("/api/auth/request-code", { email: "no address" }),
    () => visitor.post("/api/auth/exchange", { handoff: "x" }),
    () => visitor.post("/api/auth/verify/", { email: "a@b.example", code: "1" }),
    () => visitor.get("/api/auth/oauth/github/start"),
    () => knock(visitor),
  ];
  for (const call of calls) assert.notEqual((await call()).status, 429);
  for (let i = 0; i < 12; i++) {
    const seconds = isRefused(await calls[i % 5](), `hit ${6 + i}`), passed = (Date.now() - started) / 1000;
    assert.ok(seconds <= 60 && seconds >= 60 - passed - 1, `${seconds} s, when ${passed} s have passed: what is refused does not count`);
  }
  assert.equal((await knock(new Visitor())).status, 400, "another address is not touched");
  assert.equal((await visitor.get("/api/billing/v2/catalog")).status, 200, "nor another path");
  for (const header of ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP", "True-Client-IP", "CF-Connecting-IP"])
    isRefused(await visitor.post("/api/auth/exchange", { handoff: "x" }, { headers: { [header]: randomAddress() } }), header);
});

test("a flood of sign-in calls is refused in front of the workers, in the same words", async () => {
  const visitor = new Visitor();
  const answers = await Promise.all(Array.from({ length: 60 }, () => knock(visitor)));
  assert.equal(count(answers, 400), 5);
  const seconds = answers.filter((a) => a.status === 429).map((a) => isRefused(a));
  assert.equal(seconds.length, 55);
  assert.ok(seconds.every((s) => s >= 55 && s <= 60), "also nginx tells a time after which it is sure to work");
});

test("codes: five in an hour for one mail address, from however many addresses", async () => {
  const email = randomEmail("often");
  for (let i = 0; i < 5; i++) assert.equal((await askCode(i % 2 ? email : ` ${email.toUpperCase()}`)).status, 200);
  for (let i = 0; i < 3; i++) {
    const seconds = isRefused(await askCode(email), `code ${6 + i}`);
    assert.ok(seconds > 3500 && seconds <= 3600, seconds);
  }
  assert.equal((await askCode(randomEmail("often"))).status, 200, "another mail address is not touched");
});

test("everything else: 300 in a minute from one address, by nginx", async () => {
  const visitor = new Visitor(), agent = new http.Agent({ keepAlive: true, maxSockets: 8 }), started = Date.now();
  const get = () => visitor.get("/api/counter/founding", { agent });
  const answers = await Promise.all(Array.from({ length: 420 }, get)), seconds = (Date.now() - started) / 1000;
  const passed = count(answers, 200);
  assert.ok(passed >= 300 && passed <= 301 + 5 * seconds, `${passed} passed in ${seconds} s`);
  const refused = answers.filter((a) => a.status === 429);
  assert.equal(refused.length, 420 - passed);
  for (const answer of refused) assert.equal(isRefused(answer), 1);
  await sleep(1000);
  assert.equal((await get()).status, 200, "after the time in Retry-After");
  assert.equal((await new Visitor().get("/api/counter/founding")).status, 200);
  agent.destroy();
});

// What nginx's map makes of an address, as nginx writes addresses.
function nginxKeys() {
  const conf = fs.readFileSync(path.join(STATE, "nginx/turnpike/http.conf"), "utf8");
  const [, body] = /map \$remote_addr \$turnpike_ip_key \{([^}]*(?:\{[^}]*\}[^}]*)*)\n\}/.exec(conf);
  const rows = [...body.matchAll(/^\t"~(.*)" "(.*)";$/gm)].map(([, pattern, value]) => ({ pattern: new RegExp(pattern), value }));
  assert.ok(rows.length >= 3);
  return (address) => {
    for (const { pattern, value } of rows) {
      const found = pattern.exec(address);
      if (found) return value.replace(/\$(\w+)/g, (_, name) => found.groups[name]);
    }
    return `default ${address}`;
  };
}

test("IPv6 is counted by /56 in nginx, as in the workers", () => {
  const key = nginxKeys();
  const text = (groups) => new URL(`http://[${groups.map((g) => g.toString(16)).join(":")}]/`).hostname.slice(1, -1);
  assert.equal(text([0x2001, 0xdb8, 0, 0, 1, 0, 0, 0]), "2001:db8:0:0:1::", "shortest form, as nginx's");
  const pick = (...choices) => choices[Math.floor(Math.random() * choices.length)];
  const group = () => pick(0, 0, 0, 1, 0xab, 0xfff, 0x1200, Math.floor(Math.random() * 0x10000));
  const address = () => [pick(0x2001, 0x2a00, 0x3fff), group(), group(), group(), group(), group(), group(), group()];
  const network = ([a, b, c, d]) => [a, b, c, d >> 8].join();
  const seen = new Map();
  for (let i = 0; i < 20000; i++) {
    const groups = address(), found = key(text(groups));
    if (seen.has(found)) assert.equal(network(groups), seen.get(found), `${text(groups)} has the key of another network`);
    seen.set(found, network(groups));
    const neighbour = [...groups.slice(0, 3), (groups[3] & 0xff00) | pick(0, 7, 0xff), group(), group(), group(), group()];
    assert.equal(key(text(neighbour)), found, `${text(groups)} and ${text(neighbour)}`);
  }
  assert.ok(seen.size > 1000);
  for (const plain of ["127.0.0.1", "192.0.2.200", "::1", "::ffff:192.0.2.1"]) assert.equal(key(plain), `default ${plain}`);
});

describe("with other numbers", () => {
  let stack;
  const limits = (lines) => (conf) => conf.replace(/^\[limits\]\nmode = (.*)\n(?:\w+ = \d+\/\d+\n)*/m, `[limits]\nmode = $1\n${lines.join("\n")}\n`);

  before(async () => {
    stack = await ownStack({ port: OWN_PORT, settings: (conf) =>
      limits(["auth = 500/60", "code_ip = 10/3600"])(conf).replace("[limits]", "[pool.auth]\nprocesses = 3\n\n[limits]") });
  });
  after(() => stack?.down());

  test("codes: ten in an hour from one address; what it is refused does not count for others", async () => {
    const visitor = new Visitor(), victim = randomEmail("victim");
    const ask = (who, email) => who.post(`${stack.url}/api/auth/request-code`, { email }, { check: false });
    const often = randomEmail("often");
    for (let i = 0; i < 5; i++) assert.equal((await ask(visitor, often)).status, 200);
    for (let i = 0; i < 20; i++) isRefused(await ask(visitor, often), "the mail address's limit");
    for (let i = 0; i < 5; i++) assert.equal((await ask(visitor, randomEmail())).status, 200, "refused for the mail address, so not counted for ours");
    for (let i = 0; i < 20; i++) isRefused(await ask(visitor, victim), "the address's limit");
    for (let i = 0; i < 5; i++) assert.equal((await ask(new Visitor(), victim)).status, 200, "nobody can use up another one's codes that way");
    isRefused(await ask(new Visitor(), victim));
  });

  test("the window is exact: no more and no less than N in any W seconds", async () => {
    await stack.configure(limits(["auth = 3/2"]));
    const visitor = new Visitor(), hits = [];
    while (hits.length < 45) {
      const sent = Date.now(), answer = await knock(visitor, stack.url);
      hits.push({ sent, got: Date.now(), status: answer.status, retry: answer.status === 429 ? isRefused(answer) : 0 });
      await sleep(Math.random() < 0.3 ? 0 : Math.random() * 500);
    }
    const admitted = hits.filter((hit) => hit.status === 400);
    assert.equal(admitted.length + count(hits, 429), hits.length);
    for (const hit of hits) {
      const before = admitted.filter((other) => other !== hit && other.sent <= hit.sent);
      // A hit was counted somewhere between `sent` and `got`, so there is a surely and a perhaps inside the window.
      if (hit.status === 400) assert.ok(before.filter((o) => o.sent > hit.got - 1999).length <= 2, "too many admitted");
      else assert.ok(before.filter((o) => o.got >= hit.sent - 2001).length >= 3, "refused although there was room");
      if (hit.retry) {
        const free = before.at(-3).got + 2000; // when the third last has left the window
        assert.ok(hit.retry * 1000 + hit.got >= before.at(-3).sent + 2000, "Retry-After is enough");
        assert.ok((hit.retry - 1) * 1000 + hit.sent <= free, "Retry-After is not more than needed");
      }
    }
    assert.ok(admitted.length >= 6 && count(hits, 429) >= 6, "both were seen");
  });

  test("who waits as long as Retry-After says gets in", async () => {
    const visitor = new Visitor();
    for (let i = 0; i < 3; i++) assert.equal((await knock(visitor, stack.url)).status, 400);
    for (let i = 0; i < 3; i++) {
      let seconds = 0;
      for (let answer; (answer = await knock(visitor, stack.url)).status === 429;) {
        assert.equal(seconds, 0, "once is enough");
        seconds = isRefused(answer);
        await sleep(seconds * 1000);
      }
    }
  });

  test("all workers count together, and forget nothing when they are killed or replaced", async () => {
    await stack.configure(limits(["auth = 9/3600"]));
    const workers = () => {
      const pids = fs.readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
        try {
          const args = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
          return args[0] === `${stack.state}/bin/turnpike-worker` && args.includes("auth");
        } catch {
          return false; // it has just ended
        }
      });
      return pids.map(Number);
    };
    const newWorkers = async (old) => eventually(() => {
      const now = workers();
      assert.ok(now.length === 3 && now.every((pid) => !old.includes(pid)), `${now}`);
    }, 20000);
    const visitor = new Visitor();
    const three = async (why) => assert.deepEqual((await Promise.all([1, 2, 3].map(() => knock(visitor, stack.url)))).map((a) => a.status), [400, 400, 400], why);

    await three("the first three");
    let old = workers();
    assert.equal(old.length, 3);
    for (const pid of old) process.kill(pid, "SIGKILL");
    await newWorkers(old);
    await three("after kill -9 of all workers");
    old = workers();
    process.kill(Number(fs.readFileSync(path.join(stack.state, "run/supervise.pid"), "utf8")), "SIGHUP");
    await newWorkers(old);
    await three("after a restart of the pool");
    const answers = await Promise.all(Array.from({ length: 12 }, () => knock(visitor, stack.url)));
    for (const answer of answers) isRefused(answer, "the tenth");
    assert.equal((await knock(new Visitor(), stack.url)).status, 400);
  });

  test("a kill -9 in the middle of counting neither blocks nor loses a hit that was answered", async () => {
    await stack.configure(limits(["auth = 40/3600"]));
    const visitor = new Visitor();
    let admitted = 0, refused = 0;
    for (let round = 0; round < 12 && refused === 0; round++) {
      const calls = Promise.all(Array.from({ length: 8 }, () => knock(visitor, stack.url)));
      await sleep(Math.random() * 4);
      const pid = execFileSync("pgrep", ["-f", `^${stack.state}/bin/turnpike-worker .*--pool auth`]).toString().split("\n")[0];
      process.kill(Number(pid), "SIGKILL");
      const answers = await calls;
      admitted += count(answers, 400);
      refused += count(answers, 429);
      assert.equal(answers.length, count(answers, 400) + count(answers, 429) + count(answers, 502) + count(answers, 503));
    }
    for (let i = 0; refused === 0 && i < 60; i++) {
      const { status } = await knock(visitor, stack.url);
      admitted += status === 400 ? 1 : 0;
      refused += status === 429 ? 1 : 0;
    }
    assert.ok(admitted <= 40 && refused > 0, `${admitted} were admitted`);
  });

  test("the operator's numbers reach nginx and the workers alike", async () => {
    await stack.configure(limits(["general = 20/60", "auth = 7/600"]));
    const http_conf = fs.readFileSync(path.join(stack.state, "nginx/turnpike/http.conf"), "utf8");
    assert.match(http_conf, /zone=turnpike_general:\w+ rate=20r\/m;/);
    // nginx takes the new zones at its reload, which the call does not wait for.
    await eventually(async () => {
      const visitor = new Visitor();
      const answers = await Promise.all(Array.from({ length: 30 }, () => visitor.get(`${stack.url}/api/counter/founding`)));
      assert.equal(count(answers, 200), 20);
      assert.equal(isRefused(answers.find((a) => a.status === 429)), 3, "a place each three seconds");
    });
    const visitor = new Visitor();
    for (let i = 0; i < 7; i++) assert.equal((await knock(visitor, stack.url)).status, 400);
    assert.ok(isRefused(await knock(visitor, stack.url)) > 590);
  });

  test("a slip of the pen stops the start, names the line and the nearest name, and leaves what runs", async () => {
    const file = path.join(stack.state, "turnpike.conf"), good = fs.readFileSync(file, "utf8");
    const cases = [
      { line: "code_emial = 5/3600", says: /no limit has this name; the nearest is `code_email`/ },
      { line: "auth = 5", says: /not COUNT\/SECONDS, such as/ },
      { line: "auth = 0/60", says: /COUNT of `auth` is from 1 to 1000/ },
      { line: "auth = 5/0", says: /SECONDS of `auth` are from 1 to 86400/ },
      { line: "sync_push = 5/60s", says: /not COUNT\/SECONDS/ },
    ];
    for (const { line, says } of cases) {
      const conf = limits([line])(good), number = conf.split("\n").indexOf(line) + 1;
      const error = await stack.configure(() => conf).then(() => assert.fail(`${line} was taken`), (e) => e);
      const text = error.stdout + error.stderr;
      assert.match(text, says, line);
      assert.ok(text.includes(`turnpike.conf:${number}`), text);
      assert.equal((await request("GET", `${stack.url}/api/v2/health`)).status, 200, "the stack goes on");
      assert.equal((await knock(new Visitor(), stack.url)).status, 400);
    }
    await stack.configure(() => good);
  });
});

test("the dry run counts and tells, and refuses nobody", async () => {
  const stack = await ownStack({ port: OWN_PORT + 4, limits: "dry-run", settings: (conf) => conf.replace(/^mode = dry-run$/m, "mode = dry-run\ngeneral = 20/60") });
  try {
    const visitor = new Visitor(), email = randomEmail();
    const codes = await Promise.all(Array.from({ length: 30 }, () => visitor.post(`${stack.url}/api/auth/request-code`, { email }, { check: false })));
    assert.equal(count(codes, 200), 30);
    const signedOut = await Promise.all(Array.from({ length: 40 }, () => visitor.get(`${stack.url}/api/account/me`)));
    assert.equal(count(signedOut, 401), 40);

    const events = fs.readFileSync(path.join(stack.state, "log/events.log"), "utf8").split("\n").filter((line) => line.includes('"limit_dry_run"')).map(JSON.parse);
    const told = (limit, by) => events.filter((e) => e.limit === limit && e.counted_by === by).length;
    // One line a second and limit: the metrics below count them all.
    for (const [limit, by, n] of [["auth", "worker", 15], ["code_email", "worker", 25], ["code_ip", "worker", 20], ["auth", "nginx", 10]]) {
      assert.ok(told(limit, by) >= 1 && told(limit, by) <= n, `${limit} by ${by} was told ${told(limit, by)} times`);
    }
    assert.ok(events.every((e) => e.request_id), "each names its request");

    const { text } = await request("GET", `${stack.url}/metrics`, { check: false });
    const metric = (limit, decision) => Number(new RegExp(`^turnpike_limit_decisions_total\\{limit="${limit}",decision="${decision}"\\} (\\d+)$`, "m").exec(text)[1]);
    assert.equal(metric("auth", "admitted"), 5);
    assert.equal(metric("auth", "dry_run"), 25);
    assert.equal(metric("code_email", "dry_run"), 25);
    assert.equal(metric("code_ip", "dry_run"), 20);
    assert.equal(metric("auth", "refused") + metric("code_email", "refused") + metric("code_ip", "refused"), 0);

    await eventually(() => {
      const lines = fs.readFileSync(path.join(stack.state, "log/access.log"), "utf8").trim().split("\n").map(JSON.parse);
      const noted = lines.filter((line) => line.limit === "REJECTED_DRY_RUN");
      assert.equal(noted.filter((line) => line.path === "/api/auth/request-code").length, 10);
      assert.ok(noted.filter((line) => line.path === "/api/account/me").length >= 18);
      assert.ok(lines.every((line) => line.status !== 429));
    });
  } finally {
    await stack.down();
  }
});
