// An OAuth provider that hangs, drips, lies or hangs up, and a flood on sign-in: bounded for those who wait, and
// nothing for everybody else (F-68, F-85).
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, test } from "node:test";
import { clean, eventually, sleep, start } from "./support.mjs";

const HEADER = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

// What the provider does with a connection that has sent a request.
const manners = {
  hang: () => {},
  drip: (socket) => {
    socket.write(`${HEADER}Content-Length: 1000\r\n\r\n`);
    const timer = setInterval(() => socket.write("x"), 1000);
    socket.on("close", () => clearInterval(timer));
  },
  "drip its head": (socket) => {
    socket.write(`${HEADER}X-Slow: `);
    const timer = setInterval(() => socket.write("x"), 1000);
    socket.on("close", () => clearInterval(timer));
  },
  "hang up": (socket) => socket.destroy(),
  "hang up half-way": (socket) => socket.end(`${HEADER}Content-Length: 1000\r\n\r\n{"access_token":`),
  "talk garbage": (socket) => socket.end("\x00\xff\x13garbage\r\n\r\n"),
  "answer no JSON": (socket) => socket.end(`${HEADER}Connection: close\r\n\r\n<html>sign in</html>`),
  "answer hugely": (socket) => {
    socket.write(`${HEADER}Connection: close\r\n\r\n`);
    const more = () => { while (!socket.destroyed && socket.write(Buffer.alloc(65536, "x"))); };
    socket.on("drain", more);
    more();
  },
  "send endless fields": (socket) => {
    socket.write(HEADER);
    const more = () => { while (!socket.destroyed && socket.write(`X-Field: ${"x".repeat(8000)}\r\n`)); };
    socket.on("drain", more);
    more();
  },
  "answer 500": (socket) => socket.end("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
  redirect: (socket) => socket.end("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
  "name no token": (socket) => socket.end(`${HEADER}Content-Length: 2\r\nConnection: close\r\n\r\n{}`),
};

let stack, someone, server, manner, asked = 0;
const open = new Set();
before(async () => {
  stack = await start(12);
  server = net.createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {}).on("close", () => open.delete(socket));
    socket.once("data", () => {
      asked++;
      manners[manner](socket);
    });
  });
  await new Promise((resolve) => server.listen(stack.port + 2, "127.0.0.1", resolve));
  await stack.change({ "oauth.github.token_url": `http://127.0.0.1:${stack.port + 2}/token` });
  someone = await stack.signIn();
});
after(async () => {
  for (const socket of open) socket.destroy();
  server?.close();
  await stack?.down();
});

// Comes back from the provider's page with a code.
async function callback() {
  const visitor = stack.visitor();
  const begun = await visitor.get("/api/auth/oauth/github/start");
  assert.equal(begun.status, 302, begun.text);
  const state = new URL(begun.headers.location).searchParams.get("state");
  const Cookie = begun.headers["set-cookie"][0].split(";")[0];
  return visitor.get(`/api/auth/oauth/github/callback?code=x&state=${encodeURIComponent(state)}`, { headers: { Cookie }, timeout: 30000 });
}

function page(answer, status) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers["content-type"], /^text\/html/);
  assert.match(answer.headers["content-security-policy"], /default-src 'none'/);
  assert.match(answer.text, /Back to sign-in/);
  assert.doesNotMatch(answer.text, /127\.0\.0\.1|breaker|curl/i, "the cause stays here");
}

test("whatever the provider sends, the answer is a page, and soon", async (t) => {
  for (manner of Object.keys(manners).filter((name) => !/^(hang|drip|drip its head)$/.test(name))) {
    await t.test(manner, async () => {
      const answer = await callback();
      page(answer, manner === "name no token" ? 400 : 502);
      assert.ok(answer.ms < 2000, `${answer.ms} ms`);
    });
    if (manner === "talk garbage") await stack.restart("SIGUSR1"); // forgets the failures before the fifth
  }
  await eventually(() => assert.equal(open.size, 0, "every connection is closed"));
});

// `me` and `health`, measured together.
async function calm(seconds) {
  const [me, health] = await Promise.all([
    stack.pace("/api/account/me", { token: someone.token, rate: 300, seconds }),
    stack.pace("/api/v2/health", { rate: 300, seconds }),
  ]);
  return { me, health };
}

// Who waited for a thread that hangs would wait for seconds; what a busy machine does to a p99 is not judged here.
function notDisturbed(now, idle, bound_ms = 20) {
  for (const name of ["me", "health"]) {
    assert.ok(clean(now[name]), JSON.stringify(now[name]));
    const { p50_ms, p99_ms } = now[name];
    assert.ok(p50_ms < Math.max(bound_ms, 8 * idle[name].p50_ms), `${name}: median ${p50_ms} ms, idle ${idle[name].p50_ms} ms`);
    assert.ok(p99_ms < 1000, `${name}: p99 ${p99_ms} ms, idle ${idle[name].p99_ms} ms`);
  }
}

test("a provider that hangs or drips: ten seconds for who waits, no difference for who does not", async (t) => {
  await stack.restart("SIGUSR1");
  const idle = await calm(4);
  manner = "hang";
  asked = 0;
  const first = [callback(), callback()];
  await eventually(() => assert.equal(asked, 2));
  manner = "drip";
  first.push(callback());
  await eventually(() => assert.equal(asked, 3));
  manner = "drip its head";
  first.push(callback()); // all four threads of the pool
  await eventually(() => assert.equal(asked, 4));
  const waiting = stack.visitor().post("/api/auth/request-code", { email: "nobody" });
  const now = await calm(6);
  t.diagnostic(`p99 idle: me ${idle.me.p99_ms}, health ${idle.health.p99_ms} ms; while the pool hangs: me ${now.me.p99_ms}, health ${now.health.p99_ms} ms`);
  notDisturbed(now, idle);
  for (const answer of await Promise.all(first)) {
    page(answer, 502);
    assert.ok(answer.ms > 9000 && answer.ms < 12000, `${answer.ms} ms`);
  }
  assert.equal((await waiting).status, 400, "the queue goes on");
});

test("the breaker: open after five failures, one probe after five seconds, closed by an answer", async () => {
  await stack.restart("SIGUSR1");
  manner = "hang up";
  asked = 0;
  for (let i = 0; i < 8; i++) page(await callback(), 502);
  assert.equal(asked, 5, "three were refused without a call");
  await sleep(5100);
  page(await callback(), 502);
  assert.equal(asked, 6, "one probe");
  page(await callback(), 502);
  assert.equal(asked, 6);
  await sleep(5100);
  manner = "name no token";
  for (let i = 0; i < 3; i++) page(await callback(), 400);
  assert.equal(asked, 9);
});

test("2,000 sign-in attempts per second from many addresses do not slow the rest down", async (t) => {
  const idle = await calm(4);
  const [flood, now] = await Promise.all([
    stack.pace("/api/auth/verify", {
      method: "POST", rate: 2000, connections: 400, seconds: 5, source: "127.80.0.1-127.83.255.254", close: true, expect: 400,
      headers: { "Content-Type": "application/json" }, body: '{"email":"flood-{n}@example.org","code":"123456"}',
    }),
    calm(5),
  ]);
  t.diagnostic(`p99 idle: me ${idle.me.p99_ms}, health ${idle.health.p99_ms} ms; in the flood: me ${now.me.p99_ms}, ` +
    `health ${now.health.p99_ms} ms; the flood itself ${JSON.stringify(flood)}`);
  assert.ok(clean(flood), JSON.stringify(flood));
  notDisturbed(now, idle, Math.max(20, flood.p50_ms)); // the queue, if there is one, is the flood's own
});
