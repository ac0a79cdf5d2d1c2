// What the page tests share beside the helpers of tests/e2e: a browser, visitors with addresses of
// their own, and the watch over what every page must never do.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import http from "node:http";
import { fileURLToPath } from "node:url";
import jsQR from "jsqr";
import * as OTPAuth from "otpauth";
import { chromium } from "playwright-core";
import { PNG } from "pngjs";
import {
  URL_BASE,
  Visitor,
  codeOf,
  credit,
  eventually,
  mailTo,
  randomAddress,
  randomEmail,
  request,
  sql,
} from "../e2e/support.mjs";

export { codeOf, eventually, mailTo, randomEmail, sql, turnpike } from "../e2e/support.mjs";

const ANSWER_WAIT_MS = 10_000;

export const base = new URL(URL_BASE).origin;
export const artifacts = fileURLToPath(new URL("../artifacts/", import.meta.url));

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
  const address = randomAddress();
  const proxy = await startProxy(address);
  const context = await browser.newContext({
    baseURL: base,
    proxy: { server: `http://127.0.0.1:${proxy.address().port}` },
    viewport: { width: 1280, height: 900 },
    storageState: {
      cookies: [],
      origins: token
        ? [{ origin: base, localStorage: [{ name: "turnpike.token", value: token }] }]
        : [],
    },
    ...options,
  });
  context.setDefaultTimeout(ANSWER_WAIT_MS);

  const visitor = {
    context,
    faults: [],
    api: (method, path, body, bearer) =>
      new Visitor({ token: bearer, address }).send(method, path, { body }),
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

/* ---- people, and what they have done ---- */

const mailsTo = async (email) =>
  (await request("GET", `/sandbox/mail.json?to=${encodeURIComponent(email)}`, { check: false })).body;

/** The code in the mail that `ask` brings about; other mails may come in between. */
export async function codeAfter(email, ask) {
  const before = new Set((await mailsTo(email)).map(({ id }) => id));
  await ask();
  return eventually(async () => {
    const mails = await mailsTo(email);
    const mail = mails.find(({ id, text }) => !before.has(id) && /\b\d{6}\b/.test(text));
    assert.ok(mail, `a mail with a code to ${email}`);
    return codeOf(mail);
  });
}

/** Signs in without a browser, also somebody who is signed in already, and returns the token. */
export async function signIn(email, device = "web") {
  const visitor = new Visitor();
  const code = await codeAfter(email, async () => {
    const asked = await visitor.post("/api/auth/request-code", { email });
    assert.equal(asked.status, 200, asked.text);
  });
  const answer = await visitor.post("/api/auth/verify", { email, code, device });
  assert.equal(answer.status, 200, answer.text);
  return answer.body.token;
}

// A mail takes up to a second: the next accounts are made while a test runs.
const MEMBERS_AHEAD = 2;
const members = [];

/** Somebody new who is signed in: {email, token}. */
export function newMember() {
  while (members.length <= MEMBERS_AHEAD) {
    const email = randomEmail("member");
    const member = signIn(email).then((token) => ({ email, token }));
    member.catch(() => {}); // told to whoever takes it
    members.push(member);
  }
  return members.shift();
}

/** The path of the link that a mail holds, with its secret. */
export const linkIn = ({ text }) => new URL(/https?:\/\/\S+/.exec(text)[0]).pathname;

const tokenIn = (mail) => linkIn(mail).split("/").pop();

/** Somebody new with a password and a proved address: {email, password, token}. */
export async function newPasswordMember() {
  const visitor = new Visitor();
  const email = randomEmail("pass");
  const password = `a few words nobody says ${randomEmail().slice(2, 8)}`;
  const made = await visitor.post("/api/auth/signup", { email, password });
  assert.equal(made.status, 201, made.text);
  const proof = { token: tokenIn(await mailTo(email)) };
  const proved = await visitor.post("/api/account/verify-email/confirm", proof);
  assert.equal(proved.status, 200, proved.text);
  return { email, password, token: await passwordSignIn(email, password) };
}

/** Signs in with a password, without a browser, and returns the token. */
export async function passwordSignIn(email, password) {
  const answer = await new Visitor().post("/api/auth/password", { email, password });
  assert.equal(answer.status, 200, answer.text);
  return answer.body.token;
}

/** An authenticator app that has read the picture (a PNG in a data URL). */
export function scan(dataUrl) {
  const png = PNG.sync.read(Buffer.from(dataUrl.split(",")[1], "base64"));
  const seen = jsQR(new Uint8ClampedArray(png.data), png.width, png.height);
  assert.ok(seen, "the picture is a QR code");
  return OTPAuth.URI.parse(seen.data);
}

/** The app's code now, or `ahead` steps of 30 s later: each step is accepted once. */
export const appCode = (app, ahead = 0) =>
  app.generate({ timestamp: Date.now() + ahead * app.period * 1000 });

/** Turns the second factor on without a browser: {app, recoveryCodes}; the session has proved it. */
export async function turnOnSecondFactor(token) {
  const visitor = new Visitor({ token });
  const { body } = await visitor.post("/api/account/2fa/setup");
  const app = scan(body.qrDataUrl);
  const answer = await visitor.post("/api/account/2fa/enable", {
    secret: body.secret,
    code: appCode(app),
  });
  assert.equal(answer.status, 200, answer.text);
  return { app, recoveryCodes: answer.body.recoveryCodes };
}

const DAY_S = 86_400;
const MODELS = [
  ["anthropic", "claude-sonnet-4-5", 0.084],
  ["openai", "gpt-5.1-codex", 0.0312],
  ["xai", "grok-code-fast-1", 0.0007],
];

/** Reports a month of turns, quiet at weekends; returns the spend of each day in micro-dollars. */
export async function useForAMonth(token) {
  const visitor = new Visitor({ token });
  const now = Math.floor(Date.now() / 1000);
  const spent = new Map();
  const items = [];
  for (let ago = 0; ago < 30; ago += 1) {
    const ts = now - ago * DAY_S;
    const day = new Date(ts * 1000).toISOString().slice(0, 10);
    spent.set(day, 0);
    if (ago % 7 > 4) continue;
    MODELS.forEach(([provider, model, cost_usd], i) => {
      const cost = cost_usd * (1 + ((ago * 5) % 7));
      const micro = Math.round(cost * 1e6);
      items.push({
        id: `turn-${ago}-${i}`,
        ts,
        provider,
        model,
        input_tokens: 4200 + 310 * ago,
        output_tokens: 900 + 20 * ago,
        cost_usd: micro / 1e6,
      });
      spent.set(day, spent.get(day) + micro);
    });
  }
  const answer = await visitor.post("/api/usage/record", items);
  assert.equal(answer.body.recorded, items.length, answer.text);
  return spent;
}

/** What a payment leaves behind, written as the payment's webhook will write it. */
export async function subscribe(email) {
  const now = Date.now() * 1000;
  await credit(email, { topup: 50000, allowance: 12340000 });
  await sql(`UPDATE users SET plan = 'pro', founding = TRUE, period_start_at_us = ${now}, renews_at_us = 1798761600000000
    WHERE email = '${email}'`);
  const orders = [
    ["subscription", 2000, "paid", `${base}/status?invoice=1`, 0],
    ["topup", 1000, "refunded", null, 9],
    ["topup", 1000, "failed", null, 10],
    ["overage", 317, "pending", null, 20],
    ["subscription", 2000, "paid", "javascript:alert(1)", 30],
  ];
  const id = randomEmail().slice(2, 14);
  const rows = orders.map(
    ([kind, cents, status, invoice, ago], i) =>
      `('ord_${id}${i}', (SELECT user_id FROM users WHERE email = '${email}'), '${kind}', ${cents},
      '${status}', ${invoice === null ? "NULL" : `'${invoice}'`}, ${now - ago * DAY_S * 1e6})`,
  );
  await sql(`INSERT INTO orders (public_id, user_id, kind, amount_cents, status, invoice_url,
    created_at_us) VALUES ${rows.join(", ")}`);
}

/* ---- what tests ask of a page ---- */

export const storedToken = (page) => page.evaluate(() => localStorage.getItem("turnpike.token"));

export const focusedId = (page) => page.evaluate(() => document.activeElement?.id ?? "");

/** The text of an element with its white space folded. */
export const textOf = async (page, selector) =>
  (await page.textContent(selector)).replace(/\s+/g, " ").trim();

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

/** Every card of /account is read. */
export async function openAccount(page) {
  await page.goto("/account");
  await page.locator("#account").waitFor();
  await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
}

/** Presses Tab until the focus is on the element, as somebody without a mouse does. */
export async function tabTo(page, locator) {
  for (let i = 0; i < 60; i += 1) {
    if (await locator.evaluate((node) => node === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${locator} cannot be reached with Tab`);
}
