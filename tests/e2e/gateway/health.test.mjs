// Whether we are well (gateway.md section 9), also when we are not.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Gateway, chat } from "./ai.mjs";
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
  assert.equal(typeof body.checks.providers, "object");
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
