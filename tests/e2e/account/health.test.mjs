// GET /api/health with and without a database, and the retention route without its secret.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { URL_BASE, Visitor, eventually, ownStack, request } from "../support.mjs";

const KEYS = ["status", "db", "email", "billing", "observability", "version"];

test("all is well: without a cookie, by GET and HEAD, never stored", async () => {
  for (const headers of [{}, { Cookie: "authjs.session-token=nonsense" }, { Authorization: "Bearer nonsense" }]) {
    const { status, headers: got, body } = await new Visitor().get("/api/health", { headers });
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), KEYS);
    const { version, ...rest } = body;
    assert.deepEqual(rest, { status: "ok", db: true, email: true, billing: false, observability: true });
    assert.match(version, /^3\.\d+\.\d+$/);
    assert.equal(got["cache-control"], "no-store");
    assert.equal(got["set-cookie"], undefined);
  }
  assert.equal((await new Visitor().send("HEAD", "/api/health")).status, 200);
  const wrong = await new Visitor().post("/api/health", {});
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.allow, "GET, HEAD, OPTIONS");
});

describe("a stack of its own", () => {
  let stack;
  const port = Number(new URL(URL_BASE).port) + 46;
  const ask = (method, target, options) => request(method, `http://127.0.0.1:${port}${target}`, { check: false, ...options });
  const pid = () => Number(fs.readFileSync(path.join(stack.state, "run/mysql.pid"), "utf8"));
  const health = (db) => async () => {
    const started = Date.now(), { status, body, headers } = await ask("GET", "/api/health");
    assert.ok(Date.now() - started < 1500, "nobody waits for the database");
    assert.deepEqual([status, body.status, body.db], db ? [200, "ok", true] : [503, "degraded", false]);
    if (!db) assert.match(headers["retry-after"], /^[1-9]\d*$/);
  };

  before(async () => (stack = await ownStack({ port, settings: (conf) => conf.replace(/^cron_secret = .*$/m, "mail = no") })));
  after(() => stack?.down());

  test("without mail and without a secret", async () => {
    await eventually(health(true));
    assert.equal((await ask("GET", "/api/health")).body.email, false);
    const looked = await ask("GET", "/api/cron/retention");
    assert.equal(looked.status, 200);
    assert.equal(looked.body.configured, false);
    for (const headers of [{}, { Authorization: "Bearer " }, { Authorization: "Bearer x" }]) {
      const asked = await ask("POST", "/api/cron/retention", { headers });
      assert.equal(asked.status, 503);
      assert.equal(asked.body.category, "no_key");
    }
  });

  test("a database that hangs: degraded at once, and well again", async () => {
    await eventually(health(true));
    process.kill(pid(), "SIGSTOP");
    try {
      await eventually(health(false));
    } finally {
      process.kill(pid(), "SIGCONT");
    }
    await eventually(health(true), 30000);
  });

  test("a database that is gone: degraded, and retention fails without a count", async () => {
    process.kill(pid(), "SIGKILL");
    await eventually(health(false));
    await stack.configure((conf) => conf.replace(/^mail = no$/m, "cron_secret = a-secret-of-the-operator"));
    await eventually(health(true), 30000);
    const done = await ask("POST", "/api/cron/retention", { headers: { Authorization: "Bearer a-secret-of-the-operator" } });
    assert.equal(done.status, 200, done.text);
    process.kill(pid(), "SIGKILL");
    await eventually(health(false));
    const failed = await ask("POST", "/api/cron/retention", { headers: { Authorization: "Bearer a-secret-of-the-operator" } });
    assert.equal(failed.status, 503);
    assert.equal(failed.body.category, "server");
    await stack.up();
    await eventually(health(true), 30000);
  });
});
