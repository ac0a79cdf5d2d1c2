// What holds for every page in every state: accessibility by axe in light and dark, reflow, the
// policy, and a picture of each for people to look at (tests/artifacts/).

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import {
  artifacts,
  base,
  codeTo,
  eventually,
  launch,
  newEmail,
  signIn,
  step,
  visit,
} from "./support.mjs";

const axeSource = await readFile(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const SIZES = [
  { width: 360, height: 740 },
  { width: 1280, height: 900 },
];

let browser;
let member;
before(async () => {
  browser = await launch();
  member = { email: newEmail("quality") };
  member.token = await signIn(browser, member.email);
});
after(() => browser.close());

async function settle(page) {
  await eventually(async () => assert.equal(await page.locator("[aria-busy=true]").count(), 0));
}

async function askForCode(page) {
  const email = newEmail("axe");
  await page.goto("/signin?from=ide");
  await page.fill("#email", email);
  await page.click("#email-form [type=submit]");
  await step(page, "code");
  return email;
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
  {
    name: "signin-ide",
    async open(page) {
      const email = await askForCode(page);
      await page.fill("#code", await codeTo(email));
      await page.click("#code-submit");
      await step(page, "done");
    },
  },
  { name: "signin-finish", open: (page) => page.goto("/signin#handoff=nobody-asked") },
  {
    name: "signin-member",
    member: true,
    async open(page) {
      await page.goto("/signin?from=ide");
      await step(page, "done");
    },
  },
  {
    name: "account",
    member: true,
    async open(page) {
      await page.goto("/account");
      await page.getByText("Signed in as").waitFor();
    },
  },
  {
    name: "account-plans",
    member: true,
    async open(page) {
      await page.goto("/account");
      await page.locator("#plan .primary").click();
    },
  },
  {
    name: "account-delete",
    member: true,
    async open(page) {
      await page.goto("/account");
      await page.getByText("Signed in as").waitFor();
      await page.click("#delete");
      await page.getByRole("button", { name: "Delete for good" }).click();
    },
  },
  {
    name: "status",
    async open(page) {
      await page.goto("/status");
      await page.locator("#components li").first().waitFor();
    },
  },
  {
    name: "status-unreachable",
    async open(page) {
      await page.goto("/status");
      await page.locator("#components li").first().waitFor();
      await page.context().setOffline(true);
      await page.click("#refresh");
      await page.getByText("The API cannot be reached").waitFor();
    },
  },
];

async function axe(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(
    (rules) => window.axe.run(document, { runOnly: rules }),
    RULES,
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
}

const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

for (const state of STATES) {
  for (const colorScheme of ["light", "dark"]) {
    test(`${state.name} is accessible, fits and is pictured, ${colorScheme}`, () =>
      visit(
        browser,
        {
          token: state.member && member.token,
          colorScheme,
          bypassCSP: true,
          reducedMotion: "reduce",
        },
        async (page) => {
          await state.open(page);
          await settle(page);
          for (const size of SIZES) {
            await page.setViewportSize(size);
            await page.screenshot({
              path: `${artifacts}${state.name}-${colorScheme}-${size.width}.png`,
              fullPage: (await page.locator("dialog[open]").count()) === 0,
            });
          }
          assert.deepEqual(await axe(page), []);
          await page.setViewportSize({ width: 320, height: 640 });
          assert.ok((await overflow(page)) <= 0, "no sideways scrolling at 320 px");
        },
      ));
  }
}

test("text at twice its size does not break the layout", () =>
  visit(
    browser,
    { token: member.token, bypassCSP: true, viewport: { width: 640, height: 900 } },
    async (page) => {
      for (const path of ["/signin", "/account", "/status"]) {
        await page.goto(path);
        await settle(page);
        await page.addStyleTag({ content: "html { font-size: 200% !important; }" });
        assert.ok((await overflow(page)) <= 0, path);
      }
    },
  ));

test("forced colours keep every control visible", () =>
  visit(browser, { token: member.token, forcedColors: "active" }, async (page) => {
    await page.goto("/account");
    await page.getByText("Signed in as").waitFor();
    await settle(page);
    await page.screenshot({ path: `${artifacts}account-forced-colors.png`, fullPage: true });
    const width = await page
      .locator("#signout")
      .evaluate((node) => getComputedStyle(node).borderTopWidth);
    assert.notEqual(width, "0px");
    assert.equal(await page.locator("#overage").isVisible(), true);
  }));

test("the pages are sent with the strict policy and hold nothing it would forbid", async () => {
  for (const path of ["/signin", "/account", "/status"]) {
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
