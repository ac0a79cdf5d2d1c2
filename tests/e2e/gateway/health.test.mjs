// Whether we are well (gateway.md section 9), also when we are not.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { CATALOG, Gateway, chat, fill } from "./ai.mjs";
import { URL_BASE, Visitor, eventually, ownStack, request, turnpike } from "../support.mjs";

test("liveness", async () => {
  const visitor = new Visitor();
  for (let i = 0; i < 250; i++) {
    const { status, text, headers } = await visitor.get("/health");
    assert.deepEqual([status, text], [200, '{"status":"ok"}\n'], "exempt from limits");
    assert.equal(headers["ratelimit-limit"], undefined);
  }
  const head = await visitor.send("HEAD", "/health");
  assert.deepEqual([head.status, head.text, head.headers["content-length"]], [200, "", "16"]);
});

test("readiness", async () => {
  const { status, body } = await new Visitor().get("/health/ready");
  assert.deepEqual([status, body], [200, { status: "ready", checks: { database: "ok", redis: "ok" } }]);
});

test("also a request for these can be malformed", async () => {
  for (const target of ["/health", "/health/ready", "/health/detailed"]) {
    const { status, body } = await new Visitor().get(target, { headers: { Authorization: ["Bearer a", "Bearer b"] } });
    assert.deepEqual([status, body.code], [400, "validation_failed"]);
  }
});

test("everything, for operators", async () => {
  const { status, body } = await new Visitor().get("/health/detailed");
  assert.equal(status, 200);
  assert.equal(body.status, "ok");
  assert.match(body.commit, /^[0-9a-f]{8}$|^unknown$/);
  assert.ok(body.uptimeSeconds >= 0 && body.uptimeSeconds < 1e6);
  for (const name of ["database", "redis", "supabaseJwks"]) {
    assert.equal(body.checks[name].status, "ok", name);
    assert.ok(body.checks[name].latencyMs >= 0, name);
  }
  assert.ok(["ok", "degraded", "down"].includes(body.checks.stripe.status));
  for (const { status: state, calls, failed } of Object.values(body.checks.providers))
    assert.ok(["ok", "degraded", "down", "off"].includes(state) && calls >= failed && calls <= 20);
  assert.ok(body.workers.busy >= 1 && body.workers.idle >= 1, "one is answering this");
  assert.ok(body.queue.outbox >= 0);
  assert.ok(body.queue.reservations >= 0);
  assert.equal((await turnpike(["routes"])).stdout.includes("/health/detailed"), true);
});

test("calls of models under way, and what is reserved for them", async () => {
  const gateway = new Gateway(), person = await gateway.person();
  const gauges = async () => {
    const { text } = await request("GET", `${URL_BASE}/metrics`, { check: false });
    return ["calls", "leases"].map((name) => [...text.matchAll(new RegExp(`^turnpike_ai_${name}\\{[^}]*\\} (\\d+)$`, "gm"))].reduce((sum, [, n]) => sum + Number(n), 0));
  };
  let hangUp = false;
  const calls = Array.from({ length: 3 }, () => gateway.stream(person, chat("rate=20 tokens=2000"), { leave: () => hangUp }));
  await eventually(async () => {
    const [n_calls, n_leases] = await gauges();
    assert.ok(n_calls >= 3 && n_leases >= 1, `${n_calls} ${n_leases}`);
    assert.ok((await new Visitor().get("/health/detailed")).body.queue.reservations >= 1);
  });
  hangUp = true;
  await Promise.all(calls);
});

// On a stack of its own, since what other tests let go wrong would be told here as well.
describe("providers of models", () => {
  const port = Number(new URL(URL_BASE).port) + 68;
  const ask = async (target) => (await request("GET", `http://127.0.0.1:${port}${target}`, { check: false })).body;
  let stack, gateway, person;

  before(async () => {
    stack = await ownStack({ port, limits: "dry-run" });
    gateway = new Gateway(stack);
    person = await gateway.person();
  });
  after(() => stack?.down());

  // What operators and what everybody is told.
  async function told({ providers, page }) {
    await eventually(async () => {
      const { checks } = await ask("/health/detailed");
      for (const [id, check] of Object.entries(providers)) assert.deepEqual(checks.providers[id], check, id);
    });
    await eventually(async () => assert.equal((await ask("/api/v2/status/public")).components.anthropic_proxy, page));
  }
  const call = (directive, model) => gateway.chat(person, chat(directive, { model }));
  const fine = { status: "ok", calls: 0, failed: 0 };

  test("nobody has called: all of the catalog's are well, and one without a key is off", async () => {
    await told({ providers: { sandbox: fine, "sandbox-spare": fine, "sandbox-anthropic": fine, "sandbox-fim": fine }, page: "ok" });
    assert.deepEqual(Object.keys((await ask("/health/detailed")).checks.providers).sort(), CATALOG.providers.map((p) => p.id).sort());
    const key = path.join(stack.state, "keys/sandbox-b"), secret = fs.readFileSync(key);
    fs.rmSync(key);
    try {
      await told({ providers: { "sandbox-spare": { ...fine, status: "off" }, sandbox: fine }, page: "ok" });
    } finally {
      fs.writeFileSync(key, secret, { mode: 0o600 });
    }
    await told({ providers: { "sandbox-spare": fine }, page: "ok" });
  });

  test("one fails, another serves, all fail, all serve again: by the last twenty calls of each, made in any process", async () => {
    assert.equal((await call("status=500", "sandbox-claude")).status, 502);
    const { checks } = await ask("/health/detailed");
    const failed = checks.providers["sandbox-anthropic"].failed;
    assert.ok(failed >= 1 && failed <= 3, `${failed}: with its repetitions`);
    await told({ providers: { "sandbox-anthropic": { status: "down", calls: failed, failed } }, page: "down" });
    assert.equal((await gateway.fill(person, fill("tokens=1"))).status, 200, "in another pool");
    await told({ providers: { "sandbox-fim": { status: "ok", calls: 1, failed: 0 } }, page: "degraded" });
    assert.equal((await call("status=400", "sandbox-chat")).status, 400);
    await told({ providers: { sandbox: { status: "ok", calls: 1, failed: 0 } }, page: "degraded" });
    for (let i = 0; i < 20; i++) assert.equal((await call("tokens=1", "sandbox-claude")).status, 200);
    await told({ providers: { "sandbox-anthropic": { status: "ok", calls: 20, failed: 0 } }, page: "ok" });
  });

  test("what is known outlives the processes", async () => {
    const workers = () => fs.readFileSync(path.join(stack.state, "log/events.log"), "utf8").split('"event":"stopped"').length;
    const before_ = workers(), known = (await ask("/health/detailed")).checks.providers;
    process.kill(Number(fs.readFileSync(path.join(stack.state, "run/supervise.pid"), "utf8")), "SIGUSR1");
    await eventually(() => assert.ok(workers() > before_ + 3), 20000);
    await told({ providers: known, page: "ok" });
  });
});

describe("a stack whose database fails", () => {
  let stack;
  const port = Number(new URL(URL_BASE).port) + 38;
  const ask = (target) => request("GET", `http://127.0.0.1:${port}${target}`);
  const pid = () => Number(fs.readFileSync(path.join(stack.state, "run/mysql.pid"), "utf8"));
  const isReady = (database) => async () => {
    const started = Date.now(), { status, body, headers } = await ask("/health/ready");
    assert.ok(Date.now() - started < 1500, "nobody waits for a probe");
    assert.deepEqual(body, { status: database === "ok" ? "ready" : "not_ready", checks: { database, redis: "ok" } });
    assert.equal(status, database === "ok" ? 200 : 503);
    if (status === 503) assert.match(headers["retry-after"], /^[1-9]\d*$/);
  };

  before(async () => (stack = await ownStack({ port })));
  after(() => stack?.down());

  test("that hangs: not ready, alive, and ready again", async () => {
    await eventually(isReady("ok"));
    process.kill(pid(), "SIGSTOP");
    try {
      await eventually(isReady("fail"));
      assert.equal((await ask("/health")).status, 200);
      const { status, body } = await ask("/health/detailed");
      assert.deepEqual([status, body.status, body.checks.database.status, body.checks.redis.status], [200, "fail", "fail", "ok"]);
    } finally {
      process.kill(pid(), "SIGCONT");
    }
    await eventually(isReady("ok"), 30000);
  });

  test("that is gone: not ready, alive, and ready when it is back", async () => {
    process.kill(pid(), "SIGKILL");
    await eventually(isReady("fail"));
    assert.equal((await ask("/health")).status, 200);
    await stack.up();
    await eventually(isReady("ok"), 30000);
  });
});
