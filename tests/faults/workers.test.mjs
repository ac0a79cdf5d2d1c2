// Workers that are killed, drained and replaced under load, and nginx reloading its configuration (F-80, F-87).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { alive, clean, eventually, sleep, start } from "./support.mjs";

const KILLING_MS = Number(process.env.TURNPIKE_KILL_SECONDS ?? 12) * 1000;

let stack, someone;
before(async () => {
  stack = await start(0);
  someone = await stack.signIn();
});
after(() => stack?.down());

const POOLS = ["ai", "auth", "core", "ops", "sandbox", "tab"];

// Waits for another worker in the pool; how long that took.
async function successor(pool, old) {
  const started = performance.now();
  while (!stack.workers(pool).some((p) => p.pid !== old)) {
    if (performance.now() - started > 5000) throw new Error(`no new worker for ${pool}`);
    await sleep(5);
  }
  return performance.now() - started;
}

test("a killed worker is back within a second, whatever its pool", async () => {
  const probe = { core: "/api/account/me", auth: "/api/auth/oauth/github/start", ops: "/api/v2/health", sandbox: "/sandbox/health" };
  const ask = (pool) => probe[pool] ? someone.get(probe[pool]) : someone.post(pool === "ai" ? "/v1/chat/completions" : "/v1/completions", {});
  for (const pool of POOLS) {
    const [{ pid }] = stack.workers(pool);
    await sleep(1000); // whoever dies younger is taken for a crash loop
    process.kill(pid, "SIGKILL");
    const started = performance.now();
    await eventually(async () => assert.ok(!alive(pid)));
    const { status } = await ask(pool);
    assert.ok(status === 200 || status === 302 || (status === 400 && !probe[pool]), `${pool}: ${status}`);
    const ms = performance.now() - started;
    assert.ok(ms < 1000, `${pool}: ${Math.round(ms)} ms`);
  }
});

// Counts a turn until that is acknowledged, as a client with a retry loop would. `key` is what makes the repeats one.
async function countTurn(visitor, key, until, tries) {
  for (;;) {
    tries.n++;
    try {
      const options = key.startsWith("key") ? { idempotencyKey: key } : {};
      const body = key.startsWith("key") ? { n: 1 } : { n: 1, turn_id: key };
      const answer = await visitor.post("/api/usage/increment", body, options);
      if (answer.status === 200) return true;
      const { error } = answer.body;
      assert.ok((answer.status === 409 && error === "conflict") || (answer.status === 503 && error === "unavailable"), answer.text);
      tries.lost += answer.status === 503 ? 1 : 0;
    } catch (error) {
      if (!["ECONNRESET", "EPIPE"].includes(error.code)) throw error;
      tries.lost++;
    }
    if (performance.now() > until) return false;
    await sleep(100);
  }
}

test("random kill -9 under load: 99 % of the requests are answered, and every turn is counted once", async (t) => {
  const counter = await stack.signIn();
  const backMs = [];
  const until = performance.now() + KILLING_MS;
  const tries = { n: 0, lost: 0 };
  let killed = 0, done = false;

  const killing = (async () => {
    const waiting = [];
    while (performance.now() < until) {
      const workers = stack.workers();
      const victim = workers[Math.floor(Math.random() * workers.length)];
      if (victim) {
        process.kill(victim.pid, "SIGKILL");
        killed++;
        waiting.push(successor(victim.name, victim.pid).then((ms) => backMs.push(ms)));
      }
      await sleep(100);
    }
    await Promise.all(waiting);
    done = true;
  })();
  const load = stack.pace("/api/account/me", { token: someone.token, rate: 500, connections: 200, seconds: KILLING_MS / 1000 });
  const keys = [], left = [];
  const counting = Array.from({ length: 4 }, async (_, lane) => {
    while (!done) {
      const key = `${lane % 2 ? "key" : "turn"}-${keys.length}`;
      keys.push(key);
      if (!(await countTurn(counter, key, until + 2000, tries))) left.push(key);
      await sleep(10);
    }
  });
  const seen = await load;
  await killing;
  await Promise.all(counting);

  // A key that was claimed by a worker that died is free again when its lease ends; that is made to be now.
  await stack.sql("UPDATE idempotency SET lease_until_us = 0 WHERE status IS NULL");
  for (const key of left) assert.ok(await countTurn(counter, key, performance.now() + 5000, tries), key);

  const { body } = await counter.get("/api/usage/check");
  t.diagnostic(`${killed} killed, back within ${Math.round(Math.max(...backMs))} ms; load ${JSON.stringify(seen)}; ` +
    `${keys.length} turns in ${tries.n} tries, ${tries.lost} lost, ${left.length} after their lease`);
  assert.equal(body.used, keys.length);
  assert.ok(killed > KILLING_MS / 250, `${killed} killed`);
  backMs.sort((a, b) => a - b);
  assert.ok(backMs[backMs.length >> 1] < 1000, `back after ${backMs} ms`);
  assert.ok(backMs.at(-1) < 5000, `back after ${backMs} ms`); // the processors are busy with the load
  assert.ok(seen.failures <= seen.requests / 100, JSON.stringify(seen));
});

test("SIGTERM: the request that is being worked on is answered, the next one waits for the successor", async (t) => {
  const [{ pid }] = stack.workers("core");
  const lock = stack.session(t);
  await lock.run("LOCK TABLES turn_count WRITE");
  const held = someone.get("/api/usage/check");
  await eventually(async () => assert.equal((await stack.sql("SHOW PROCESSLIST")).filter((row) => /turn_count/.test(row[7])).length, 1));
  process.kill(pid, "SIGTERM");
  await sleep(100);
  assert.ok(alive(pid), "it finishes first");
  const next = someone.get("/api/account/me");
  await lock.run("UNLOCK TABLES");
  assert.equal((await held).status, 200);
  assert.equal((await next).status, 200);
  await eventually(() => assert.ok(!alive(pid)));
  await lock.end();
});

test("a rolling restart waits for the old worker, and nobody else does", async (t) => {
  const [{ pid }] = stack.workers("core");
  const lock = stack.session(t);
  await lock.run("LOCK TABLES turn_count WRITE");
  const held = someone.get("/api/usage/check");
  await eventually(async () => assert.equal((await stack.sql("SHOW PROCESSLIST")).filter((row) => /turn_count/.test(row[7])).length, 1));
  process.kill(stack.pid("supervise"), "SIGUSR1");
  await successor("core", pid);
  await sleep(500); // the old one is told to drain after 200 ms
  assert.ok(alive(pid), "it finishes first");
  const next = await someone.get("/api/account/me");
  assert.equal(next.status, 200);
  assert.ok(next.ms < 500, `${next.ms} ms`);
  await lock.run("UNLOCK TABLES");
  assert.equal((await held).status, 200);
  await eventually(() => assert.ok(!alive(pid)));
  await lock.end();
});

test("ten rolling restarts under 2,000 requests per second fail no request", async (t) => {
  let seconds = 0;
  const restarts = (async () => {
    const started = performance.now();
    for (let i = 0; i < 10; i++) await stack.restart();
    seconds = (performance.now() - started) / 1000;
  })();
  const load = await stack.pace("/api/account/me", { token: someone.token, rate: 2000, connections: 200, seconds: 16 });
  await restarts;
  t.diagnostic(`ten restarts in ${seconds.toFixed(1)} s; ${JSON.stringify(load)}`);
  assert.ok(seconds < 15.5, `the load covered only 16 of ${seconds} s`);
  assert.ok(clean(load) && load.retried === 0, JSON.stringify(load));
  assert.ok(load.max_ms < 5000, JSON.stringify(load));
});

test("ten reloads of nginx under 2,000 requests per second fail no request", async (t) => {
  const config = stack.file("nginx/nginx.conf");
  const workersOf = (master) => execFileSync("pgrep", ["-P", String(master)], { encoding: "utf8" }).trim().split("\n");
  const reloads = (async () => {
    for (let i = 0; i < 10; i++) {
      const master = stack.pid("nginx"), old = workersOf(master);
      execFileSync("nginx", ["-e", stack.file("log/nginx-error.log"), "-c", config, "-s", "reload"]);
      await eventually(() => assert.ok(workersOf(master).filter((p) => !old.includes(p)).length >= 2));
      await sleep(300);
    }
  })();
  const [kept, single] = await Promise.all([
    stack.pace("/api/account/me", { token: someone.token, rate: 1000, connections: 100, seconds: 8 }),
    stack.pace("/api/account/me", { token: someone.token, rate: 1000, connections: 100, seconds: 8, close: true, source: "127.70.0.1-127.70.0.50" }),
    reloads,
  ]);
  t.diagnostic(`kept ${JSON.stringify(kept)}; single ${JSON.stringify(single)}`);
  assert.ok(clean(kept), JSON.stringify(kept));
  assert.ok(clean(single) && single.retried === 0, JSON.stringify(single));
});
