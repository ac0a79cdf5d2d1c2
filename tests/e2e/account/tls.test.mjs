// The sample configuration for production over real TLS: what every answer over HTTPS says, which cookies it
// sets, and which versions of TLS are spoken. Our nginx reads the file as it is shipped but for names, ports
// and folders; the programs behind it are those of a stack of its own.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import https from "node:https";
import path from "node:path";
import tls from "node:tls";
import { after, before, test } from "node:test";
import { URL_BASE, eventually, ownStack } from "../support.mjs";
import { PASSWORD, parseCookie, person } from "./browser.mjs";

const PORT = Number(new URL(URL_BASE).port) + 88, TLS_PORT = PORT + 4 /* past those of the stack */, SITE = `https://127.0.0.1:${TLS_PORT}`;
const YEAR_S = 31536000;
let stack, nginx;

before(async () => {
  stack = await ownStack({ port: PORT, limits: "dry-run", settings: (conf) => conf.replace(/^public_url = .*$/m, `public_url = ${SITE}`) });
  const folder = path.join(stack.state, "tls"), file = (name) => path.join(folder, name);
  fs.cpSync(path.join(stack.state, "nginx"), folder, { recursive: true });
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
    "-subj", "/CN=127.0.0.1", "-keyout", file("key.pem"), "-out", file("cert.pem")], { stdio: "ignore" });
  const plain = fs.readFileSync(file("nginx.conf"), "utf8"), [root] = plain.match(/root \S+;/);
  const site = fs.readFileSync(file("turnpike/turnpike-tls.conf.sample"), "utf8")
    .replace(/^\tlisten 80;$/m, `\tlisten 127.0.0.1:${TLS_PORT + 1};`).replace("listen 443", `listen 127.0.0.1:${TLS_PORT}`).replace(/^\tlisten \[::\]:.*\n/gm, "")
    .replace(/api\.example\.org;/g, "_;").replace(/\/etc\/letsencrypt\/\S*\/fullchain\.pem/, file("cert.pem")).replace(/\/etc\/letsencrypt\/\S*\/privkey\.pem/, file("key.pem"))
    .replaceAll("/var/log/nginx", path.join(stack.state, "log")).replace(/^\tssl_stapling.*\n/gm, "").replace(/root \S+;/, root);
  const whole = plain.replace("run/nginx.pid", "run/tls.pid").replaceAll("nginx-temp", "tls-temp").replace(/^\tinclude turnpike\/turnpike-http[\s\S]*\n\}\n$/m, `${site}}\n`);
  fs.writeFileSync(file("nginx.conf"), whole);
  fs.mkdirSync(path.join(stack.state, "tls-temp"));
  nginx = spawn("/usr/sbin/nginx", ["-e", path.join(stack.state, "log/tls-error.log"), "-c", file("nginx.conf"), "-g", "daemon off;"], { stdio: "inherit" });
  await eventually(() => ask("GET", "/api/health"));
});
after(async () => {
  if (nginx?.exitCode === null) {
    nginx.kill("SIGQUIT");
    await once(nginx, "exit");
  }
  await stack?.down();
});

function ask(method, url, { headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const call = https.request(`${SITE}${url}`, { method, headers, rejectUnauthorized: false, agent: false }, (answer) => {
      answer.resume().on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, cookies: (answer.headers["set-cookie"] ?? []).map(parseCookie) }));
    });
    call.on("error", reject).end(body);
  });
}

test("every answer tells browsers to stay with HTTPS, errors included (A-11, A-13)", async () => {
  const long = "a".repeat(9000), cases = [
    [200, "GET", "/api/health"], [200, "GET", "/signin"], [200, "GET", "/assets/api.js"], [200, "GET", "/.well-known/openapi.json"], [204, "OPTIONS", "/api/account/me"],
    [302, "GET", "/"], [302, "GET", "/api/auth/signin"], [302, "GET", "/api/auth/oauth/github/start"], [400, "POST", "/api/auth/verify"], [400, "GET", "/api/auth/oauth/github/callback"],
    [400, "GET", "/api/%00"], [401, "GET", "/api/account/me"], [401, "GET", "/v1/account/me"], [403, "POST", "/api/account/delete", { headers: { Origin: "https://evil.example" } }],
    [404, "GET", "/api/nothing"], [404, "GET", "/nothing"], [405, "PUT", "/api/account/me"], [405, "DELETE", "/signin"],
    [413, "POST", "/api/auth/verify", { headers: { "Content-Length": 65537 }, body: "x".repeat(65537) }], [414, "GET", `/${long}`], [415, "POST", "/api/auth/verify", { headers: { "Content-Encoding": "gzip" }, body: "x" }],
    [431, "GET", "/api/account/me", { headers: { "X-Long": long } }],
  ];
  for (const [status, method, url, options] of cases) {
    const answer = await ask(method, url, options), what = `${method} ${url.slice(0, 40)}`;
    assert.equal(answer.status, status, what);
    const said = answer.headers["strict-transport-security"] ?? "";
    assert.ok(Number(/^max-age=(\d+); includeSubDomains/.exec(said)?.[1]) >= YEAR_S, `${what} ${status}: ${said}`);
    assert.equal(answer.headers["x-content-type-options"], "nosniff", what);
    assert.match(answer.headers["content-security-policy"], /frame-ancestors 'none'/, what);
  }
});

test("every cookie is Secure, and says so by its name (A-09)", async () => {
  const who = await person({ state: stack.state }), set = [];
  const csrf = await ask("GET", "/api/auth/csrf"), started = await ask("GET", "/api/auth/oauth/github/start");
  const [token] = decodeURIComponent(csrf.cookies[0].value).split("|");
  const signedIn = await ask("POST", "/api/auth/callback/credentials", { headers: { "Content-Type": "application/x-www-form-urlencoded", Cookie: csrf.cookies.map((c) => `${c.name}=${c.value}`).join("; ") },
    body: new URLSearchParams({ csrfToken: token, email: who.email, password: PASSWORD }).toString() });
  set.push(...csrf.cookies, ...started.cookies, ...signedIn.cookies);
  assert.deepEqual(set.map(({ name }) => name.replace(/oauth_.*/, "oauth")).sort(),
    ["__Host-authjs.csrf-token", "__Secure-authjs.callback-url", "__Secure-authjs.session-token", "__Secure-turnpike_oauth"]);
  for (const cookie of set) assert.deepEqual([cookie.Secure, cookie.HttpOnly, cookie.SameSite, cookie.Domain], [true, true, "Lax", undefined], cookie.name);
});

test("TLS 1.2 and 1.3 are spoken, and nothing older (A-37)", async () => {
  const speak = (version) => new Promise((resolve) => {
    const socket = tls.connect({ host: "127.0.0.1", port: TLS_PORT, rejectUnauthorized: false, minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" });
    socket.on("secureConnect", () => { resolve(socket.getProtocol()); socket.end(); }).on("error", (error) => resolve(error.code));
  });
  assert.equal(await speak("TLSv1.3"), "TLSv1.3");
  assert.equal(await speak("TLSv1.2"), "TLSv1.2");
  for (const old of ["TLSv1", "TLSv1.1"]) assert.match(await speak(old), /ALERT_PROTOCOL_VERSION/, old);
});
