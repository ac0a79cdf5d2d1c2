// Rate limits (gateway.md 0.3): fixed windows from the first hit of an address, everything and the narrower scope, told on
// every answer; shared by all workers.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { URL_BASE, Visitor, eventually, ownStack } from "../support.mjs";

const report = (visitor, url = URL_BASE) => visitor.post(`${url}/v1/telemetry`, { events: [] });
const numbers = ({ headers }) => ["limit", "remaining", "reset"].map((n) => Number(headers[`ratelimit-${n}`]));

// All forms say the same.
function told(answer) {
  const { headers } = answer, [limit, remaining, reset] = numbers(answer);
  assert.match(headers["ratelimit-policy"], new RegExp(`^${limit};w=\\d+$`));
  assert.equal(headers.ratelimit, `limit=${limit}, remaining=${remaining}, reset=${reset}`);
  const window = Number(headers["ratelimit-policy"].split("=")[1]);
  assert.ok(reset >= 1 && reset <= window);
  return { limit, remaining, reset };
}

test("ten reports a minute, counted down from the first", async () => {
  const visitor = new Visitor(), started = Date.now();
  for (let i = 1; i <= 10; i++) {
    const answer = await report(visitor);
    assert.equal(answer.status, 202);
    const { limit, remaining, reset } = told(answer), passed = (Date.now() - started) / 1000;
    assert.deepEqual([limit, remaining], [10, 10 - i]);
    assert.ok(reset >= 60 - passed - 1, "the window does not slide");
  }
  for (let i = 0; i < 3; i++) {
    const answer = await report(visitor), { limit, remaining, reset } = told(answer);
    assert.deepEqual([answer.status, answer.body.code, limit, remaining], [429, "rate_limited", 10, 0]);
    assert.equal(answer.headers["retry-after"], String(reset));
  }
  assert.equal((await visitor.post("/v1/feedback", { message: "x" })).status, 429, "both share one scope");
  assert.equal((await report(new Visitor())).status, 202, "another address is not touched");
});

test("told on refusals of every kind", async () => {
  const visitor = new Visitor({ token: "cgx_x" });
  for (const [options, status] of [[{}, 401], [{ headers: { Authorization: "Basic x" } }, 401]])
    assert.deepEqual([(await visitor.send("POST", "/v1/feedback", options)).status, true], [status, true]);
  const nobody = new Visitor();
  for (const [body, headers, status] of [["{", {}, 400], ["x", { "Content-Type": "text/plain" }, 415], ['{"message":"x"}', {}, 201]]) {
    const answer = await nobody.post("/v1/feedback", body, { headers });
    assert.equal(answer.status, status);
    told(answer);
  }
  assert.equal(told(await nobody.post("/v1/feedback", "{")).remaining, 6);
});

test("a flood is refused in front of the workers, in the same words", async () => {
  const visitor = new Visitor();
  const answers = await Promise.all(Array.from({ length: 80 }, () => report(visitor)));
  assert.equal(answers.filter((a) => a.status === 202).length, 10);
  for (const answer of answers.filter((a) => a.status !== 202)) {
    const { limit, remaining } = told(answer);
    assert.deepEqual([answer.status, answer.body.code, limit, remaining], [429, "rate_limited", 10, 0]);
    assert.match(answer.body.request_id, /^req_/);
    assert.match(answer.headers["retry-after"], /^[1-9]\d?$/);
  }
});

describe("with other numbers, and two processes", () => {
  let stack;
  const port = Number(new URL(URL_BASE).port) + 42, url = `http://127.0.0.1:${port}`;
  before(async () => {
    stack = await ownStack({ port, settings: (conf) => conf.replace(/^mode = enforce$/m, "mode = enforce\ngateway = 6/3\nfeedback = 4/60")
      .replace("[pool.sandbox]", "[pool.core]\nprocesses = 2\n\n[pool.sandbox]") });
  });
  after(() => stack?.down());

  test("the processes count together", async () => {
    const visitor = new Visitor();
    const answers = await Promise.all(Array.from({ length: 6 }, () => report(visitor, url)));
    assert.equal(answers.filter((a) => a.status === 202).length, 4);
    assert.deepEqual(answers.filter((a) => a.status === 202).map((a) => told(a).remaining).sort(), [0, 1, 2, 3]);
  });

  test("the limit of everything refuses before the narrower one, and its window ends", async () => {
    const visitor = new Visitor();
    for (let i = 0; i < 6; i++) assert.equal((await report(visitor, url)).status, i < 4 ? 202 : 429);
    const refused = await report(visitor, url), { limit, remaining, reset } = told(refused);
    assert.deepEqual([refused.status, limit, remaining], [429, 6, 0]);
    assert.ok(reset <= 3);
    // Three seconds later there is a new window of everything, while the reports' own goes on.
    await eventually(async () => assert.equal(told(await report(visitor, url)).limit, 4));
    assert.equal((await report(visitor, url)).status, 429);
  });

  test("health is exempt, and so is another family", async () => {
    const visitor = new Visitor();
    for (let i = 0; i < 20; i++) {
      assert.equal((await visitor.get(`${url}/health`)).status, 200);
      assert.equal((await visitor.get(`${url}/api/v2/health`)).headers["ratelimit-limit"], undefined);
    }
  });
});

describe("in a dry run", () => {
  let stack;
  const port = Number(new URL(URL_BASE).port) + 42, url = `http://127.0.0.1:${port}`;
  before(async () => (stack = await ownStack({ port, limits: "dry-run" })));
  after(() => stack?.down());

  test("nobody is refused, and everybody told", async () => {
    const visitor = new Visitor();
    for (let i = 1; i <= 60; i++) {
      const answer = await report(visitor, url);
      assert.equal(answer.status, 202);
      assert.equal(told(answer).remaining, Math.max(10 - i, 0));
    }
  });
});
