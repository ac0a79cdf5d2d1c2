// What holds for every page in every state: accessibility by axe in light and dark, reflow, the
// policy, and a picture of each for people to look at (tests/artifacts/).

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Visitor } from "../e2e/support.mjs";
import {
  appCode,
  artifacts,
  base,
  codeOf,
  eventually,
  launch,
  mailTo,
  newMember,
  newPasswordMember,
  openAccount,
  passwordSignIn,
  randomEmail,
  scan,
  step,
  subscribe,
  turnOnSecondFactor,
  turnpike,
  useForAMonth,
  signIn,
  visit,
} from "./support.mjs";

const axeSource = await readFile(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const SIZES = [
  { width: 360, height: 740 },
  { width: 1280, height: 900 },
];

let browser;
let newcomer;
let member;
let guarded; // has a password and a second factor
let pending; // the same account in a browser that has not proved the second
before(async () => {
  browser = await launch();
  guarded = await newPasswordMember();
  await turnOnSecondFactor(guarded.token);
  pending = { token: await passwordSignIn(guarded.email, guarded.password) };
  newcomer = await newMember();
  member = await newMember();
  await useForAMonth(member.token);
  await new Visitor({ token: member.token }).post("/api/usage/increment", { n: 212 });
  await subscribe(member.email);
  for (const device of ["win32-x64", "darwin-arm64"]) await signIn(member.email, device);
});
after(() => browser.close());

/** A link with a secret that nobody was sent. */
const NO_LINK = (page) => `/${page}/${"A".repeat(43)}`;

/** The code of a device that waits for somebody. */
async function waitingDevice() {
  const { body } = await new Visitor().post("/v1/auth/device/start", {
    client_info: { platform: "darwin-arm64", version: "1.4.2" },
  });
  return body.user_code;
}

async function askForCode(page, path = "/signin?from=ide") {
  const email = randomEmail("axe");
  await page.goto(path);
  await page.fill("#email", email);
  await page.click("#email-form [type=submit]");
  await step(page, "code");
  return email;
}

async function signInByCode(page) {
  const email = await askForCode(page);
  await page.fill("#code", codeOf(await mailTo(email)));
  await page.click("#code-submit");
  await step(page, "done");
}

// The clicks on the sandbox's consent page.
async function signInWithGithub(page, { path = "/signin?from=ide", verified = true } = {}) {
  await page.goto(path);
  await page.click("[data-provider=github]");
  await page.fill("#email", randomEmail("axe"));
  if (!verified) await page.uncheck("[name=verified]");
  await page.click("#authorize");
}

const incident = async (...args) => (await turnpike(["incident", ...args])).stdout.trim();

async function openStatus(page) {
  await page.goto("/status");
  await page.locator("#components li").first().waitFor();
}

const STATES = [
  { name: "signin-email", open: (page) => page.goto("/signin?from=ide") },
  { name: "signin-error", open: (page) => page.goto("/signin?error=access_denied") },
  {
    name: "signin-code",
    async open(page) {
      await askForCode(page);
      await page.fill("#code", "12");
      await page.click("#code-submit");
    },
  },
  { name: "signin-ide", open: signInByCode },
  {
    name: "signin-ide-oauth",
    async open(page) {
      await signInWithGithub(page);
      await step(page, "done");
    },
  },
  {
    name: "signin-token",
    async open(page) {
      await signInByCode(page);
      await page.locator("#reveal-manual").evaluate((node) => node.click());
      await page.locator("#manual").waitFor();
      await page.locator("#show-token").evaluate((node) => node.click());
    },
  },
  { name: "signin-finish", open: (page) => page.goto("/signin#handoff=nobody-asked") },
  {
    name: "signin-failed",
    async open(page) {
      await page.goto("/signin#handoff=nobody-asked");
      await page.click("#finish");
      await page.locator("#working-notice.notice-error").waitFor();
    },
  },
  {
    name: "signin-member",
    as: () => newcomer,
    async open(page) {
      await page.goto("/signin");
      await step(page, "done");
    },
  },
  {
    name: "signin-member-ide",
    as: () => newcomer,
    async open(page) {
      await page.goto("/signin?from=ide");
      await step(page, "done");
    },
  },
  ...["password", "signup", "forgot"].map((name) => ({
    name: `signin-${name}`,
    async open(page) {
      await page.goto(`/signin?step=${name}`);
      await step(page, name);
      await page.locator(`#${name}-form [type=submit]`).click();
    },
  })),
  {
    name: "signin-signup-typed",
    async open(page) {
      await page.goto("/signin?step=signup");
      await page.fill("#signup-email", randomEmail("axe"));
      await page.fill("#new-password", "some words"); // too short so far
      await page.click("#step-signup [data-show]");
      await page.fill("#new-password", "some words more");
    },
  },
  {
    name: "signin-sent",
    async open(page) {
      await page.goto("/signin?step=forgot");
      await page.fill("#forgot-email", randomEmail("axe"));
      await page.keyboard.press("Enter");
      await step(page, "sent");
    },
  },
  {
    name: "signin-factor",
    as: () => pending,
    async open(page) {
      await page.goto("/signin");
      await step(page, "factor");
      await page.fill("#factor", "000000");
      await page.keyboard.press("Enter");
      await page.locator("#factor-error:not(:empty)").waitFor();
    },
  },
  {
    name: "signin-factor-recovery",
    as: () => pending,
    async open(page) {
      await page.goto("/signin");
      await step(page, "factor");
      await page.click("#factor-other");
      await page.fill("#factor", "ABCD-EFGH-JK");
    },
  },
  {
    name: "device-enter",
    as: () => newcomer,
    async open(page) {
      await page.goto("/device?code=ABCD-EFGH");
      await page.getByText("No device waits with this code.").waitFor();
    },
  },
  {
    name: "device",
    as: () => newcomer,
    async open(page) {
      await page.goto(`/device?code=${await waitingDevice()}`);
      await step(page, "decide");
    },
  },
  {
    name: "device-approved",
    as: () => newcomer,
    async open(page) {
      await page.goto(`/device?code=${await waitingDevice()}`);
      await page.click("#approve");
      await step(page, "over");
    },
  },
  {
    name: "device-denied",
    as: () => newcomer,
    async open(page) {
      await page.goto(`/device?code=${await waitingDevice()}`);
      await page.click("#deny");
      await step(page, "over");
    },
  },
  {
    name: "ide",
    as: () => newcomer,
    async open(page) {
      const { body } = await new Visitor().post("/v1/auth/ide/start", {
        client_info: { platform: "linux-x64", version: "2.0.0" },
        redirect_uri: "http://127.0.0.1:9/callback",
      });
      await page.goto(body.login_url);
      await step(page, "decide");
    },
  },
  {
    name: "reset",
    async open(page) {
      await page.goto(NO_LINK("reset"));
      await page.fill("#new-password", "four words that rhyme");
    },
  },
  {
    name: "reset-not-known",
    async open(page) {
      await page.goto(NO_LINK("reset"));
      await page.fill("#new-password", "four words that rhyme");
      await page.keyboard.press("Enter");
      await step(page, "over");
    },
  },
  { name: "verify", open: (page) => page.goto(NO_LINK("verify")) },
  {
    name: "verify-not-known",
    async open(page) {
      await page.goto(NO_LINK("verify"));
      await page.click("#confirm");
      await step(page, "over");
    },
  },
  {
    name: "password",
    as: () => guarded,
    async open(page) {
      await page.goto("/settings/account/password");
      await step(page, "form");
      await page.click("#password-form [type=submit]");
    },
  },
  {
    name: "password-none",
    as: () => newcomer,
    async open(page) {
      await page.goto("/settings/account/password");
      await step(page, "form");
    },
  },
  {
    name: "second-factor-off",
    as: () => newcomer,
    async open(page) {
      await page.goto("/settings/account/2fa");
      await step(page, "off");
    },
  },
  {
    name: "second-factor-setup",
    as: () => newcomer,
    async open(page) {
      await page.goto("/settings/account/2fa");
      await page.click("#turn-on");
      await step(page, "setup");
    },
  },
  {
    name: "second-factor-codes",
    as: newMember,
    async open(page) {
      await page.goto("/settings/account/2fa");
      await page.click("#turn-on");
      await step(page, "setup");
      await page.fill("#code", appCode(scan(await page.getAttribute("#qr", "src"))));
      await page.keyboard.press("Enter");
      await step(page, "codes");
      await page.click("#codes-done");
    },
  },
  {
    name: "second-factor-on",
    as: () => guarded,
    async open(page) {
      await page.goto("/settings/account/2fa");
      await step(page, "on");
    },
  },
  {
    name: "second-factor-unreachable",
    as: () => guarded,
    async open(page) {
      await page.route("**/api/account/**", (route) => route.abort());
      await page.goto("/settings/account/2fa");
      await page.getByRole("button", { name: "Try again" }).waitFor();
    },
  },
  {
    name: "account-leaving",
    async as() {
      const leaving = await newMember();
      await new Visitor({ token: leaving.token }).post("/api/account/delete", {});
      return leaving;
    },
    open: openAccount,
  },
  { name: "account-guarded", as: () => guarded, open: openAccount },
  { name: "account-new", as: () => newcomer, open: openAccount },
  { name: "account", as: () => member, open: openAccount },
  {
    name: "account-numbers",
    as: () => member,
    async open(page) {
      await openAccount(page);
      await page.getByRole("button", { name: "Show the numbers" }).click();
      await page.click("#name-form button");
      await page.locator("#name-notice.notice-good").waitFor();
    },
  },
  {
    name: "account-others",
    as: () => member,
    async open(page) {
      await openAccount(page);
      await page.getByRole("button", { name: "Sign out all other devices" }).click();
    },
  },
  {
    name: "account-delete",
    as: () => member,
    async open(page) {
      await openAccount(page);
      await page.click("#delete");
      await page.getByRole("button", { name: "Delete for good" }).click();
    },
  },
  {
    name: "account-unreachable",
    as: () => member,
    async open(page) {
      await page.route("**/api/account/*", (route) => route.abort());
      await openAccount(page);
    },
  },
  { name: "status", open: openStatus },
  {
    name: "status-incident",
    async open(page) {
      const past = await incident(
        ...["open", "--title", "Mail is late", "--component", "worker", "--severity", "minor"],
        ...["--body", "Sign-in codes take some minutes."],
      );
      await incident("resolve", past, "--body", "The mail server is back.");
      const open = await incident(
        ...["open", "--title", "Payments fail", "--component", "stripe", "--severity", "critical"],
        ...["--body", "Checkout answers with an error. We are looking into it."],
      );
      await incident("update", open, "--status", "identified", "--body", "The cause is known.");
      await incident("pin", "stripe", "down");
      await incident("pin", "discord", "degraded");
      try {
        await eventually(async () => {
          await openStatus(page);
          await page.locator(`#open-list [data-incident="${open}"]`).waitFor({ timeout: 1000 });
          await page.locator(".overall-down").waitFor({ timeout: 1000 });
        });
      } finally {
        await incident("resolve", open, "--body", "Over.");
        await incident("unpin", "stripe");
        await incident("unpin", "discord");
      }
    },
  },
  {
    name: "status-unreachable",
    async open(page) {
      await openStatus(page);
      await page.context().setOffline(true);
      await page.click("#refresh");
      await page.getByText("The API cannot be reached").waitFor();
    },
  },
  {
    name: "oauth-failure",
    async open(page) {
      await signInWithGithub(page, { verified: false });
      await page.getByRole("heading", { name: "No verified e-mail address" }).waitFor();
    },
  },
  {
    name: "sandbox-oauth",
    async open(page) {
      await page.goto("/signin?from=ide");
      await page.click("[data-provider=google]");
      await page.locator("#authorize").waitFor();
    },
  },
  {
    name: "sandbox-mail",
    open: (page) => page.goto(`/sandbox/mail?to=${encodeURIComponent(member.email)}`),
  },
  { name: "sandbox-mail-none", open: (page) => page.goto("/sandbox/mail?to=nobody") },
  {
    name: "mail",
    isPart: true, // a mail stands inside the page of whoever shows it
    async open(page) {
      await page.setContent((await mailTo(member.email)).html);
    },
  },
];

// Only the contrast can differ in the dark.
async function axe(page, { isPart = false }, colorScheme) {
  const all = isPart ? WCAG : [...WCAG, "best-practice"];
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(
    (rules) => window.axe.run(document, { runOnly: rules }),
    colorScheme === "dark" ? ["color-contrast"] : all,
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
}

const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

for (const state of STATES) {
  test(`${state.name} is accessible, fits and is pictured in light and dark`, async () =>
    visit(
      browser,
      { token: (await state.as?.())?.token, bypassCSP: true, reducedMotion: "reduce" },
      async (page) => {
        await state.open(page);
        await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
        for (const colorScheme of ["light", "dark"]) {
          await page.emulateMedia({ colorScheme });
          for (const size of SIZES) {
            await page.setViewportSize(size);
            await page.screenshot({
              path: `${artifacts}${state.name}-${colorScheme}-${size.width}.png`,
              fullPage: (await page.locator("dialog[open]").count()) === 0,
            });
          }
          assert.deepEqual(await axe(page, state, colorScheme), [], colorScheme);
        }
        await page.setViewportSize({ width: 320, height: 640 });
        assert.ok((await overflow(page)) <= 0, "no sideways scrolling at 320 px");
      },
    ));
}

test("the mail loads nothing and holds one link, its own", async () => {
  const { html, text } = await mailTo(member.email);
  const links = html.match(/(?:https?:)?\/\/[^"\s<>]+/g).map((url) => url.replaceAll("&amp;", "&"));
  assert.deepEqual(links, [/https?:\S+/.exec(text)[0]]);
  assert.doesNotMatch(html, /<(?:img|link|script|iframe|object|base)\b|url\(|@import|\ssrc=/i);
});

/* ---- weight and calm ---- */

const PAGES = [
  "/signin",
  "/account",
  "/status",
  "/device",
  "/settings/account/2fa",
  "/settings/account/password",
  NO_LINK("reset"),
  NO_LINK("verify"),
];
const PUBLIC = ["/signin", "/status", NO_LINK("reset"), NO_LINK("verify")];
const tokenFor = (path) => (PUBLIC.includes(path) ? undefined : member.token);
const WEIGHT_MAX = 60 * 1024;
const SHIFT_MAX = 0.02;

for (const path of PAGES) {
  test(`${path} weighs less than 60 KiB with everything it loads`, () =>
    visit(browser, { token: tokenFor(path) }, async (page, { context }) => {
      const devtools = await context.newCDPSession(page);
      let bytes = 0;
      await devtools.send("Network.enable");
      devtools.on("Network.loadingFinished", (event) => (bytes += event.encodedDataLength));
      await page.goto(path);
      await page.waitForLoadState("networkidle");
      assert.ok(bytes > 5000 && bytes < WEIGHT_MAX, `${bytes} bytes`);
    }));

  for (const viewport of SIZES) {
    test(`${path} does not jump while it loads, ${viewport.width} px`, () =>
      visit(
        browser,
        { token: tokenFor(path), viewport },
        async (page) => {
          await page.addInitScript(() => {
            window.shifts = [];
            new PerformanceObserver((list) => {
              for (const entry of list.getEntries())
                window.shifts.push([entry.value, ...entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 60))]);
            }).observe({ type: "layout-shift", buffered: true });
          });
          // Slow enough that what stands before the answer has been painted.
          await page.route("**/api/**", async (route) => {
            await new Promise((resolve) => setTimeout(resolve, 300));
            await route.continue();
          });
          await page.goto(path);
          await page.waitForLoadState("networkidle");
          const shifts = await page.evaluate(() => window.shifts);
          const sum = shifts.reduce((total, [value]) => total + value, 0);
          assert.ok(sum < SHIFT_MAX, JSON.stringify(shifts));
        },
      ));
  }
}

test("assets are asked for again but not sent again, packed where it helps", async () => {
  for (const [path, type] of [
    ["/account", "text/html; charset=utf-8"],
    ["/assets/base.css", "text/css; charset=utf-8"],
    ["/assets/ui.js", "application/javascript; charset=utf-8"],
    ["/assets/favicon.svg", "image/svg+xml"],
  ]) {
    const first = await fetch(base + path);
    await first.arrayBuffer();
    assert.equal(first.status, 200, path);
    assert.equal(first.headers.get("content-type"), type, path);
    assert.equal(first.headers.get("cache-control"), "no-cache", path);
    assert.equal(first.headers.get("x-content-type-options"), "nosniff", path);
    if (!path.endsWith(".svg")) assert.equal(first.headers.get("content-encoding"), "gzip", path);
    const again = await fetch(base + path, {
      headers: { "If-None-Match": first.headers.get("etag") },
    });
    assert.equal(again.status, 304, path);
  }
});

/* ---- people's own settings, and the policy ---- */

test("text at twice its size does not break the layout", () =>
  visit(
    browser,
    { token: member.token, bypassCSP: true, viewport: { width: 640, height: 900 } },
    async (page) => {
      for (const path of PAGES) {
        await page.goto(path);
        await page.waitForLoadState("networkidle");
        await page.addStyleTag({ content: "html { font-size: 200% !important; }" });
        assert.ok((await overflow(page)) <= 0, path);
      }
    },
  ));

test("forced colours keep every control visible", () =>
  visit(browser, { token: member.token, forcedColors: "active" }, async (page) => {
    await openAccount(page);
    await page.screenshot({ path: `${artifacts}account-forced-colors.png`, fullPage: true });
    const width = await page
      .locator("#signout")
      .evaluate((node) => getComputedStyle(node).borderTopWidth);
    assert.notEqual(width, "0px");
    assert.equal(await page.locator("#overage").isVisible(), true);
  }));

test("the pages are sent with the strict policy and hold nothing it would forbid", async () => {
  for (const path of PAGES) {
    const response = await fetch(base + path);
    const policy = response.headers.get("content-security-policy") ?? "";
    const html = await response.text();
    assert.equal(response.status, 200, path);
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ]) {
      assert.ok(policy.includes(rule), `${path}: ${rule} in ${policy}`);
    }
    assert.doesNotMatch(policy, /unsafe/);
    assert.doesNotMatch(
      html,
      /<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc="\/assets\/)/i,
      path,
    );
  }
});

test("the policy stops a script that got in anyway", () =>
  visit(browser, {}, async (page, visitor) => {
    await page.goto("/signin");
    const ran = await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.intruder = true";
      document.body.append(script);
      return window.intruder === true;
    });
    assert.equal(ran, false);
    await eventually(() =>
      assert.ok(visitor.faults.length > 0, "the violation is seen by the watch of every test"),
    );
    visitor.faults.length = 0;
  }));
