// What the page tests share: a browser, visitors with addresses of their own, mail, and the watch
// over what every page must never do. The stack under test is named by TURNPIKE_URL.

import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { mkdirSync } from "node:fs";
import http from "node:http";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const MAIL_WAIT_MS = 20_000;
const ANSWER_WAIT_MS = 10_000;

assert.ok(
  process.env.TURNPIKE_URL,
  "TURNPIKE_URL must name the running stack, such as http://127.0.0.1:8080",
);
export const base = new URL(process.env.TURNPIKE_URL).origin;
export const artifacts = fileURLToPath(new URL("../artifacts/", import.meta.url));

export const newEmail = (name = "page") => `${name}-${randomBytes(5).toString("hex")}@example.com`;

/* ---- the browser ---- */

export async function launch() {
  mkdirSync(artifacts, { recursive: true });
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
}

/**
 * One person at one address. Sign-in is limited to a few calls a minute for an address, so every
 * visitor comes from another loopback address: node requests bind to it, the browser goes through a
 * proxy that does.
 */
export async function newVisitor(browser, { token, ...options } = {}) {
  const address = `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;
  const proxy = await startProxy(address);
  const context = await browser.newContext({
    baseURL: base,
    proxy: { server: `http://127.0.0.1:${proxy.address().port}` },
    viewport: { width: 1280, height: 900 },
    storageState: token && {
      cookies: [],
      origins: [{ origin: base, localStorage: [{ name: "turnpike.token", value: token }] }],
    },
    ...options,
  });
  context.setDefaultTimeout(ANSWER_WAIT_MS);

  const visitor = {
    context,
    faults: [],
    api: (method, path, body, bearer) => call(address, method, path, body, bearer),
    async page() {
      const page = await context.newPage();
      watch(page, visitor.faults);
      return page;
    },
    async close() {
      await context.close();
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      assert.deepEqual(visitor.faults, [], "what the pages must not do");
    },
  };
  return visitor;
}

/** Opens a page for one test and closes everything after it, whatever happened. */
export async function visit(browser, options, run) {
  const visitor = await newVisitor(browser, options);
  try {
    await run(await visitor.page(), visitor);
  } catch (error) {
    visitor.faults.length = 0; // the first failure is the one to read
    throw error;
  } finally {
    await visitor.close();
  }
}

// A policy violation, a script error or a request to anywhere else fails the test it happens in.
function watch(page, faults) {
  page.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    if (/content.security.policy|refused to/i.test(message.text())) faults.push(message.text());
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^https?:$/.test(url.protocol) && url.origin !== base)
      faults.push(`request to ${url.origin}`);
  });
}

function startProxy(address) {
  const proxy = http.createServer((request, response) => {
    const target = new URL(request.url);
    if (target.origin !== base) {
      response.writeHead(403).end();
      return;
    }
    const onward = http.request(
      target,
      { method: request.method, headers: request.headers, localAddress: address },
      (answer) => {
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(response);
      },
    );
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  return new Promise((resolve) => proxy.listen(0, "127.0.0.1", () => resolve(proxy)));
}

/* ---- the API and the mail, without a browser ---- */

function call(address, method, path, body, bearer) {
  const headers = { Accept: "application/json" };
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";

  return new Promise((resolve, reject) => {
    const request = http.request(
      new URL(path, base),
      { method, headers, localAddress: address },
      (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          let json = null;
          try {
            json = JSON.parse(text);
          } catch {
            // Not every answer is JSON; the caller looks at what it needs.
          }
          resolve({ status: response.statusCode, headers: response.headers, body: json, text });
        });
      },
    );
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The newest mail to an address, once at least `count` have come. */
export async function mailTo(email, count = 1) {
  const until = Date.now() + MAIL_WAIT_MS;
  for (;;) {
    const response = await fetch(`${base}/sandbox/mail.json?to=${encodeURIComponent(email)}`);
    const mails = response.ok ? await response.json() : [];
    if (mails.length >= count) return mails[0];
    assert.ok(Date.now() < until, `mail ${count} to ${email} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function codeTo(email, count = 1) {
  const { text } = await mailTo(email, count);
  const match = /\b(\d{6})\b/.exec(text);
  assert.ok(match, `a six-digit code in: ${text}`);
  return match[1];
}

/** Signs in without a browser and returns the session token. */
export async function signIn(browser, email, device = "web") {
  const visitor = await newVisitor(browser);
  try {
    const before = (
      await (await fetch(`${base}/sandbox/mail.json?to=${encodeURIComponent(email)}`)).json()
    ).length;
    const asked = await visitor.api("POST", "/api/auth/request-code", { email });
    assert.equal(asked.status, 200, asked.text);
    const answer = await visitor.api("POST", "/api/auth/verify", {
      email,
      code: await codeTo(email, before + 1),
      device,
    });
    assert.equal(answer.status, 200, answer.text);
    return answer.body.token;
  } finally {
    await visitor.close();
  }
}

/* ---- what tests ask of a page ---- */

export const storedToken = (page) => page.evaluate(() => localStorage.getItem("turnpike.token"));

export const focusedId = (page) => page.evaluate(() => document.activeElement?.id ?? "");

/** Text that a screen reader adds to a control: all elements its aria-describedby names. */
export const description = (locator) =>
  locator.evaluate((node) =>
    (node.getAttribute("aria-describedby") ?? "")
      .split(/\s+/)
      .map((id) => document.getElementById(id)?.textContent.trim() ?? "")
      .join(" ")
      .trim(),
  );

/** A step of /signin counts as reached when it is shown. */
export const step = (page, name) => page.locator(`#step-${name}`).waitFor({ state: "visible" });

/** Repeats a check until it holds. (page.waitForFunction needs eval, which the pages' policy forbids.) */
export async function eventually(check) {
  const until = Date.now() + ANSWER_WAIT_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
