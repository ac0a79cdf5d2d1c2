// nginx's own part: what it refuses, and that each of its answers is JSON with a request id. Raw sockets, because no
// client library would send this. Runs around stand-in programs; with TURNPIKE_URL against any running stack.
import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { StandInStack, root } from "./standin/stack.mjs";

const stack = process.env.TURNPIKE_URL ? undefined : new StandInStack(2);
const url = new URL(process.env.TURNPIKE_URL ?? stack.url);

before(() => {
  if (!stack) return;
  const { status, stdout, stderr } = stack.up();
  assert.equal(status, 0, stdout + stderr);
});
after(() => stack?.remove());

function send(text, { drip_ms = 0, wait_ms = 5000 } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(url.port), url.hostname);
    const started = Date.now();
    let got = "", timer;
    const done = () => {
      clearInterval(timer);
      socket.destroy();
      const [head, ...body] = got.split("\r\n\r\n");
      const [status, ...fields] = head.split("\r\n");
      const headers = {};
      for (const field of fields) {
        const [, name, value] = /^([^:]+): (.*)$/.exec(field) ?? [];
        if (name) (headers[name.toLowerCase()] ??= []).push(value);
      }
      resolve({ status: Number(status.split(" ")[1]), headers, body: body.join("\r\n\r\n"), seconds: (Date.now() - started) / 1000 });
    };
    socket.on("data", (data) => { got += data.toString("latin1"); }).on("close", done);
    socket.on("error", () => {}).setTimeout(wait_ms, done);
    socket.on("connect", () => {
      socket.write(text, "latin1");
      if (drip_ms) timer = setInterval(() => socket.write("x"), drip_ms);
    });
    socket.on("lookup", (error) => error && reject(error));
  });
}

const request = (line, fields = [], body = "") =>
  `${line} HTTP/1.1\r\n${["Host: turnpike.test", "Connection: close", ...fields].join("\r\n")}\r\n\r\n${body}`;

function plain_headers({ headers }, name) {
  for (const field of ["x-request-id", "x-content-type-options", "x-frame-options", "referrer-policy", "permissions-policy", "content-security-policy"])
    assert.equal(headers[field]?.length, 1, `${name}: ${field} ${headers[field]}`);
  assert.match(headers["x-request-id"][0], /^[A-Za-z0-9._-]{8,64}$/, name);
  assert.equal(headers["x-content-type-options"][0], "nosniff", name);
  assert.match(headers["content-security-policy"][0], /frame-ancestors 'none'/, name);
  assert.equal(headers.server?.[0], "nginx", `${name}: no version`);
}

const long = (n) => "a".repeat(n);

test("what nginx refuses itself is a JSON error with a request id", async () => {
  const many = Array.from({ length: 8000 }, (_, i) => `X-${i}: aaaaaaaaaaaaaaaa`);
  const cases = [
    { name: "no address", text: "GET\r\n\r\n", status: 400 },
    { name: "a TLS hello", text: "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", status: 400 },
    { name: "no host", text: "GET /api/x HTTP/1.1\r\n\r\n", status: 400 },
    { name: "two hosts", text: request("GET /api/x", ["Host: other.test"]), status: 400 },
    { name: "above the root", text: request("GET /../../etc/passwd"), status: 400 },
    { name: "broken escape", text: request("GET /api/%zz"), status: 400 },
    { name: "NUL in the address", text: request("GET /api/%00"), status: 400 },
    { name: "unknown version", text: "GET /api/x HTTP/3.0\r\nHost: x\r\n\r\n", status: 400 },
    { name: "length and chunks", text: request("POST /api/x", ["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n"), status: 400 },
    { name: "two lengths", text: request("POST /api/x", ["Content-Length: 1", "Content-Length: 2"], "xx"), status: 400 },
    { name: "other transfer coding", text: request("POST /api/x", ["Transfer-Encoding: gzip"], "x"), status: 400 },
    { name: "long address", text: request(`GET /${long(100 * 1024)}`), status: 414 },
    { name: "long field", text: request("GET /api/x", [`X-Long: ${long(64 * 1024)}`]), status: 431 },
    { name: "many fields", text: request("GET /api/x", many), status: 431 },
    { name: "TRACE", text: request("TRACE /api/x"), status: 405 },
    { name: "CONNECT", text: request("CONNECT turnpike.test:443"), status: 400 },
    { name: "10 GB announced", text: request("POST /api/x", ["Content-Length: 10000000000"]), status: 413 },
    { name: "one byte too many", text: request("POST /api/x", ["Content-Length: 65537"], long(65537)), status: 413 },
    { name: "compressed body", text: request("POST /api/x", ["Content-Encoding: gzip", "Content-Length: 1"], "x"), status: 415 },
    { name: "compressed and broken", text: "POST /api/x HTTP/1.1\r\nContent-Encoding: br\r\n\r\n", status: 400 },
    { name: "nothing there", text: request("GET /no/such/page"), status: 404 },
    { name: "dotfile", text: request("GET /.git/config"), status: 404 },
    { name: "dotfile beside the assets", text: request("GET /assets/.htaccess"), status: 404 },
    { name: "folder listing", text: request("GET /assets/"), status: 404 },
    { name: "out of the assets", text: request("GET /assets/..%2f..%2fconfigure.ac"), status: 400 },
  ];
  for (const { name, text, status } of cases) {
    const answer = await send(text);
    assert.equal(answer.status, status, `${name}: ${answer.status}`);
    plain_headers(answer, name);
    assert.equal(answer.headers["content-type"][0], "application/json; charset=utf-8", name);
    const body = JSON.parse(answer.body);
    assert.equal(typeof body.error, "string", name);
    assert.equal(typeof body.message, "string", name);
  }
});

test("a method that a page does not have is refused with the ones it has", async () => {
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]) {
    const answer = await send(request(`${method} /signin`, ["Content-Length: 0"]));
    assert.equal(answer.status, 405, method);
    assert.deepEqual(answer.headers.allow, ["GET, HEAD"], method);
    assert.match(answer.body, /method_not_allowed/, method);
  }
});

test("a request id of the client is used when it is a plain one", async () => {
  const cases = [
    { sent: "trace-0123_abc.DEF", kept: true },
    { sent: "12345678", kept: true },
    { sent: "1234567", kept: false },
    { sent: long(64), kept: true },
    { sent: long(65), kept: false },
    { sent: "with space", kept: false },
    { sent: "quote\"1234", kept: false },
    { sent: "br\xfccke-1234", kept: false },
  ];
  for (const { sent, kept } of cases) {
    const answer = await send(request("GET /api/v2/health", [`X-Request-Id: ${sent}`]));
    assert.equal(answer.status, 200);
    plain_headers(answer, sent);
    assert.equal(answer.headers["x-request-id"][0] === sent, kept, sent);
  }
});

test("a page may load only what is its own and is framed by nobody", async () => {
  for (const page of ["signin", "account", "status", "device", "ide", "settings/account/2fa", "settings/account/password", "reset/x", "verify/x", "verify-email/x"]) {
    const answer = await send(request(`GET /${page}`));
    assert.equal(answer.status, 200, page);
    plain_headers(answer, page);
    assert.equal(answer.headers["content-type"][0], "text/html; charset=utf-8", page);
    assert.equal(answer.headers["x-frame-options"][0], "DENY", page);
    assert.equal(answer.headers["cache-control"][0], "no-cache", page);
    assert.match(answer.headers["content-security-policy"][0], /^default-src 'none'; script-src 'self'; style-src 'self';/, page);
  }
});

test("who drips a header is let go within 30 s, who drips a body sooner", { timeout: 40_000 }, async () => {
  const [header, body] = await Promise.all([
    send("GET /api/v2/health HTTP/1.1\r\nHost: x\r\nX-Slow: ", { drip_ms: 5000, wait_ms: 35_000 }),
    send(request("POST /api/x", ["Content-Length: 1000"]), { drip_ms: 5000, wait_ms: 35_000 }),
  ]);
  assert.ok(header.seconds < 30, `header: ${header.seconds} s`);
  assert.ok(body.seconds < 30, `body: ${body.seconds} s`);
});

test("a worker is told what it needs, and no more", { skip: !stack }, async () => {
  const answer = await stack.get("/api/echo/%41?q=1");
  const { params } = JSON.parse(answer.body);
  assert.equal(params.REQUEST_URI, "/api/echo/%41?q=1");
  assert.equal(params.DOCUMENT_URI, "/api/echo/A");
  assert.equal(params.QUERY_STRING, "q=1");
  assert.equal(params.REMOTE_ADDR, "127.0.0.1");
  assert.equal(params.REQUEST_ID, answer.headers.get("x-request-id"));
  const own = Object.keys(params).filter((name) => !name.startsWith("HTTP_"));
  assert.deepEqual(own.sort(), ["CONTENT_LENGTH", "CONTENT_TYPE", "DOCUMENT_URI", "QUERY_STRING", "REMOTE_ADDR", "REQUEST_ID", "REQUEST_METHOD", "REQUEST_URI"]);

  const tricky = await send(request("GET /api/echo", ["Proxy: http://evil.test", "X_Forwarded_For: 1.2.3.4", "X-Real: 1"]));
  const fields = JSON.parse(/\{.*\}/s.exec(tricky.body)[0]).params;
  assert.equal(fields.HTTP_PROXY, undefined);
  assert.equal(fields.HTTP_X_FORWARDED_FOR, undefined);
  assert.equal(fields.HTTP_X_REAL, "1");
});

test("the access log is JSON and never has a query", { skip: !stack }, async () => {
  const id = "canary-request-1";
  await send(request("GET /api/callback?code=s3cr3t&state=s3cr3t", [`X-Request-Id: ${id}`, "Referer: http://x/?code=s3cr3t"]));
  await send(request("GET /api/\"quoted\"\\"));
  await send(request("DELETE /signin", ["X-Request-Id: refused-request-1"]));
  await sleep(1500); // the log is flushed each second
  const lines = stack.read("log/access.log").trim().split("\n").map((line) => JSON.parse(line));
  const line = lines.find((l) => l.request_id === id);
  assert.equal(line.path, "/api/callback");
  assert.equal(line.status, 200);
  assert.equal(line.method, "GET");
  assert.equal(line.family, "product");
  assert.equal(line.pool, "core");
  assert.ok(Number(line.upstream_seconds) >= 0);
  const refused = lines.find((l) => l.request_id === "refused-request-1");
  assert.deepEqual([refused.method, refused.path, refused.status], ["DELETE", "/signin", 405]);
  for (const name of ["access.log", "nginx-error.log"]) assert.ok(!stack.read(`log/${name}`).includes("s3cr3t"), name);
});

test("the secret of a mailed link stays out of the logs, however it is spelt", { skip: !stack }, async () => {
  const secret = "s3cr3t-of-a-mailed-link-".padEnd(43, "x");
  const cases = [
    { target: `/reset/${secret}`, status: 200, path: "/reset/..." },
    { target: `/verify/${secret}?utm=1`, status: 200, path: "/verify/..." },
    { target: `/verify-email/${secret}`, status: 200, path: "/verify-email/..." },
    { target: `//%72eset/./${secret}`, status: 200, path: "/reset/..." },
    { target: `http://127.0.0.1/verify/${secret}`, status: 200, path: "/verify/..." },
    { target: `/Reset/${secret}`, status: 404, path: "/Reset/..." },
    { target: `/reset/${secret}`, method: "POST", status: 405, path: "/reset/..." },
    { target: `/verify/${secret}`, field: `X-Large: ${long(40000)}`, status: 431, path: "/verify/..." },
  ];
  for (const [i, c] of cases.entries()) {
    const fields = [`X-Request-Id: mailed-link-${i}`, "Content-Length: 0", ...(c.field ? [c.field] : [])];
    const answer = await send(request(`${c.method ?? "GET"} ${c.target}`, fields));
    assert.equal(answer.status, c.status, c.target);
    if (c.status === 200) assert.deepEqual(answer.headers["referrer-policy"], ["no-referrer"], c.target);
  }
  // The last has no id: its header was never read. The log is flushed each second.
  const logged = () => stack.read("log/access.log").trim().split("\n").filter(Boolean).map((line) => JSON.parse(line))
    .filter((line) => line.request_id.startsWith("mailed-link-") || line.path.endsWith("/...") && line.status === cases.at(-1).status);
  for (let i = 0; i < 100 && logged().length < cases.length; i++) await sleep(100);
  assert.deepEqual(logged().map((line) => line.path), cases.map((c) => c.path));
  for (const name of ["access.log", "nginx-error.log"]) assert.ok(!stack.read(`log/${name}`).includes("s3cr3t"), name);
});

test("a pool without workers is a 503 in JSON", { skip: !stack }, async () => {
  fs.renameSync(path.join(stack.state, "run/core.sock"), path.join(stack.state, "run/away.sock"));
  const answer = await send(request("GET /api/x"));
  fs.renameSync(path.join(stack.state, "run/away.sock"), path.join(stack.state, "run/core.sock"));
  assert.equal(answer.status, 503);
  plain_headers(answer, "503");
  assert.equal(typeof JSON.parse(answer.body).error, "string");
});
