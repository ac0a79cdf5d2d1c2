// The account page: what it shows of a new account, and everything that can be changed on it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import {
  codeTo,
  eventually,
  focusedId,
  launch,
  newEmail,
  signIn,
  step,
  storedToken,
  visit,
} from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A new account, its page open and every card read. */
async function withAccount(name, run) {
  const email = newEmail(name);
  const token = await signIn(browser, email);
  await visit(browser, { token }, async (page, visitor) => {
    await openAccount(page);
    await run(page, { ...visitor, email, token });
  });
}

async function openAccount(page) {
  await page.goto("/account");
  await page.locator("#account").waitFor();
  await eventually(async () => assert.equal(await page.locator("[aria-busy=true]").count(), 0));
}

test("without a token the page sends to the sign-in and is reached after it", () =>
  visit(browser, {}, async (page) => {
    const email = newEmail("guest");
    await page.goto("/account");
    await page.waitForURL("**/signin?next=account");
    await page.fill("#email", email);
    await page.click("#email-form [type=submit]");
    await step(page, "code");
    await page.fill("#code", await codeTo(email));
    await page.click("#code-submit");
    await page.waitForURL("**/account");
    await page.getByText(`Signed in as ${email}`).waitFor();
  }));

test("a new account is told about in plain words", () =>
  withAccount("fresh", async (page, { api }) => {
    const text = async (selector) => (await page.textContent(selector)).replace(/\s+/g, " ");
    assert.match(await text("#plan"), /Free.*No subscription/);
    assert.match(await text("#plan"), /Plan credit\$0\.00/);
    const { body: usage } = await api(
      "GET",
      "/api/usage/check",
      undefined,
      await storedToken(page),
    );
    assert.match(await text("#usage"), new RegExp(`${usage.used} of ${usage.limit}`));
    assert.match(await text("#spend"), /Nothing spent so far/);
    assert.match(await text("#orders"), /No orders yet/);
    assert.match(await text("#devices"), /This browser.*No other device is signed in/);
  }));

test("the usage bar follows the turns and says when they are used up", () =>
  withAccount("turns", async (page, { api, token }) => {
    await api("POST", "/api/usage/increment", { n: 3 }, token);
    await openAccount(page);
    const { body } = await api("GET", "/api/usage/check", undefined, token);
    assert.equal(body.used, 3);
    assert.equal(await page.locator("#usage progress").evaluate((bar) => bar.value), 3);
    assert.match(await page.textContent("#usage"), new RegExp(`${body.limit - 3} turns are left`));

    await api("POST", "/api/usage/increment", { n: body.limit - 3 }, token);
    await openAccount(page);
    assert.match(await page.textContent("#usage"), /All turns of today are used/);
  }));

test("the display name is saved and kept, and markup in it stays text", () =>
  withAccount("name", async (page, { api, token }) => {
    const name = "Ada <b>Lovelace</b>";
    await page.fill("#display-name", name);
    await page.click("#name-form button");
    await page.locator("#name-notice.notice-good").waitFor();
    assert.equal((await api("GET", "/api/account/me", undefined, token)).body.display_name, name);
    await openAccount(page);
    assert.equal(await page.inputValue("#display-name"), name);
    assert.equal(await page.locator("main b").count(), 0);

    await page.fill("#display-name", "x".repeat(65));
    await page.click("#name-form button");
    assert.match(await page.textContent("#name-error"), /65 characters/);
    assert.equal(await page.getAttribute("#display-name", "aria-invalid"), "true");
    assert.equal(await focusedId(page), "display-name");
  }));

test("overage without a subscription is refused with the reason", () =>
  withAccount("overage", async (page) => {
    await page.click("#overage");
    await page.locator("#overage-notice.notice-warn").waitFor();
    assert.match(await page.textContent("#overage-notice"), /Choose a plan first/);
    assert.equal(await page.isChecked("#overage"), false);
  }));

test("the plans come from the catalog and a choice leads to the payment page", () =>
  withAccount("buyer", async (page, { api }) => {
    const { body: catalog } = await api("GET", "/api/billing/v2/catalog");
    await page.getByRole("button", { name: "Choose a plan" }).click();
    assert.equal(
      await page.locator("#offers .offer").count(),
      catalog.plans.length + catalog.topups.length,
    );

    const asked = page.waitForRequest("**/api/billing/checkout");
    await page.getByRole("button", { name: "Choose Pro", exact: true }).click();
    assert.equal((await asked).postDataJSON().plan, "pro");
    assert.equal((await (await asked).response()).status(), 200);
    await page.waitForURL((now) => now.pathname !== "/account");
  }));

test("one device can be signed out, then all others", () =>
  withAccount("devices", async (page, { api, email, token }) => {
    const ide = await signIn(browser, email, "win32-x64");
    const laptop = await signIn(browser, email, "darwin-arm64");
    const alive = async (bearer) =>
      (await api("GET", "/api/account/me", undefined, bearer)).status === 200;
    await openAccount(page);
    assert.equal(await page.locator("#devices li").count(), 3);

    await page.getByRole("button", { name: /^Sign out Windows/ }).click();
    await eventually(async () => assert.equal(await page.locator("#devices li").count(), 2));
    assert.match(await page.textContent("#devices-news"), /Windows.* is signed out/);
    assert.equal(await focusedId(page), "devices-title");
    assert.deepEqual(
      [await alive(ide), await alive(laptop), await alive(token)],
      [false, true, true],
    );

    await page.getByRole("button", { name: "Sign out all other devices" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await alive(laptop), true);
    await page.getByRole("button", { name: "Sign out all other devices" }).click();
    await page.getByRole("button", { name: "Sign out the others" }).click();
    await page.getByText("1 device is signed out.").waitFor();
    assert.deepEqual([await alive(laptop), await alive(token)], [false, true]);
  }));

test("the data can be downloaded", () =>
  withAccount("export", async (page, { email, token }) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
    assert.match(download.suggestedFilename(), /^[a-z]+-export-\d{4}-\d\d-\d\d\.json$/);
    const text = await readFile(await download.path(), "utf8");
    assert.ok(JSON.parse(text));
    assert.ok(text.includes(email));
    assert.ok(!text.includes(token));
    await page.getByText("Your data has been downloaded.").waitFor();
  }));

test("the account is deleted only after its address is typed", () =>
  withAccount("leave", async (page, { api, email, token }) => {
    await page.click("#delete");
    await page.fill("#confirm-email", "somebody@else.example");
    await page.getByRole("button", { name: "Delete for good" }).click();
    assert.match(await page.textContent("#confirm-error"), /not the address/);
    await page.keyboard.press("Escape");
    assert.equal(await page.isVisible("#delete-dialog"), false);
    assert.equal(await focusedId(page), "delete");
    assert.equal((await api("GET", "/api/account/me", undefined, token)).status, 200);

    await page.click("#delete");
    await page.fill("#confirm-email", email.toUpperCase());
    await page.getByRole("button", { name: "Delete for good" }).click();
    await page.waitForURL("**/signin?notice=account-deleted");
    await page.getByText("Your account has been deleted").waitFor();
    assert.equal(await storedToken(page), null);
    assert.equal((await api("GET", "/api/account/me", undefined, token)).status, 401);
  }));

test("signing out ends the session", () =>
  withAccount("out", async (page, { api, token }) => {
    await page.locator("#signout").click();
    await page.waitForURL("**/signin?notice=signed-out");
    await page.getByText("You are signed out.").waitFor();
    assert.equal(await storedToken(page), null);
    assert.equal((await api("GET", "/api/account/me", undefined, token)).status, 401);
  }));

test("a session that was ended elsewhere leads back to the sign-in", () =>
  withAccount("ended", async (page, { api, email, token }) => {
    const other = await signIn(browser, email);
    assert.equal((await api("POST", "/api/auth/signout-others", {}, other)).status, 200);
    await page.goto("/account");
    await page.waitForURL("**/signin?next=account&notice=session-ended");
    await page.getByText("Your session has ended.").waitFor();
    assert.notEqual(await storedToken(page), token);
  }));

test("a card that cannot be read says so and can be read again", () =>
  withAccount("offline", async (page) => {
    await page.route("**/api/account/orders*", (route) => route.abort());
    await page.reload();
    await page.locator("#orders [role=alert]").getByText("cannot be reached").waitFor();
    assert.match(await page.textContent("#plan"), /Free/);
    await page.unroute("**/api/account/orders*");
    await page.locator("#orders button").click();
    await page.getByText("No orders yet.").waitFor();
  }));

/* ---- drawings that a new account has no data for: the page's own modules, with data handed to them ---- */

test("the spend chart has a bar and a table row for each day", () =>
  withAccount("chart", async (page) => {
    const seen = await page.evaluate(async () => {
      const { ceiling, dailyChart } = await import("/assets/chart.js");
      const days = Array.from({ length: 30 }, (_, i) => ({
        day: `2026-11-${String(i + 1).padStart(2, "0")}`,
        cents: i * 2.5,
      }));
      const chart = dailyChart(days);
      document.querySelector("#spend").replaceChildren(chart);
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const bars = [...chart.querySelectorAll(".bar")].map((bar) =>
        Number(bar.getAttribute("height")),
      );
      return {
        bars,
        labelled:
          chart.querySelector("svg").getAttribute("aria-labelledby") ===
          chart.querySelector("figcaption").id,
        rows: [...chart.querySelectorAll("tbody tr")].map((row) => row.textContent),
        ceilings: [0, 0.3, 1, 72.5, 100, 101].map(ceiling),
      };
    });
    assert.equal(seen.bars.length, 30);
    assert.equal(seen.bars[0], 0);
    assert.ok(
      seen.bars.every((height, i) => i === 0 || height >= seen.bars[i - 1]),
      "higher spend, higher bar",
    );
    assert.ok(seen.labelled);
    assert.equal(seen.rows.length, 30);
    assert.equal(seen.rows[0], "1 Nov$0.00");
    assert.equal(seen.rows[29], "30 Nov$0.725");
    assert.deepEqual(seen.ceilings, [1, 0.5, 1, 100, 100, 200]);

    const toggle = page.getByRole("button", { name: "Show the numbers" });
    await toggle.click();
    assert.equal(
      await page.getByRole("button", { name: "Hide the numbers" }).getAttribute("aria-expanded"),
      "true",
    );
  }));

test("a plan shows price, end and founding badge", () =>
  withAccount("plan", async (page) => {
    const shown = await page.evaluate(async () => {
      const { showPlan } = await import("/assets/account-plan.js");
      const catalog = {
        plans: [
          { id: "pro", price_cents: 2000, interval: "month", features: [] },
          { id: "lifetime", price_cents: 39900, interval: "once", features: [] },
        ],
        topups: [],
      };
      const user = {
        plan: "pro",
        balance_cents: 1234,
        topup_balance_cents: 5,
        founding: true,
        renews_at: 1798761600,
      };
      const text = (u) =>
        showPlan(u, catalog)
          .map((node) => node.textContent)
          .join(" ");
      return [
        text(user),
        text({ ...user, cancel_at_period_end: true, founding: false }),
        text({ ...user, plan: "lifetime", renews_at: null }),
      ];
    });
    assert.match(
      shown[0],
      /Pro.*Founding member.*\$20 per month.*Renews on 1 Jan 2027.*\$12\.34.*\$0\.05/,
    );
    assert.match(shown[1], /Ends on 1 Jan 2027/);
    assert.doesNotMatch(shown[1], /Founding/);
    assert.match(shown[2], /Lifetime.*\$399 once/);
  }));
