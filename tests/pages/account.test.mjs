// The account page: what it shows of a new account, and everything that can be changed on it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import {
  codeOf,
  eventually,
  focusedId,
  launch,
  mailTo,
  newMember,
  openAccount,
  randomEmail,
  signIn,
  sql,
  step,
  storedToken,
  subscribe,
  tabTo,
  textOf,
  useForAMonth,
  visit,
} from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A new account, its page open and every card read. */
async function withAccount(run) {
  const { email, token } = await newMember();
  await visit(browser, { token }, async (page, visitor) => {
    await openAccount(page);
    await run(page, { ...visitor, email, token });
  });
}

test("without a token the page sends to the sign-in and is reached after it", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail("guest");
    await page.goto("/account");
    await page.waitForURL("**/signin?next=account");
    await page.fill("#email", email);
    await page.click("#email-form [type=submit]");
    await step(page, "code");
    await page.fill("#code", codeOf(await mailTo(email)));
    await page.click("#code-submit");
    await page.waitForURL("**/account");
    await page.getByText(`Signed in as ${email}`).waitFor();
  }));

test("a new account is told about in plain words", () =>
  withAccount(async (page, { api }) => {
    const text = (selector) => textOf(page, selector);
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
  withAccount(async (page, { api, token }) => {
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
  withAccount(async (page, { api, token }) => {
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
  withAccount(async (page) => {
    await page.click("#overage");
    await page.locator("#overage-notice.notice-warn").waitFor();
    assert.match(await page.textContent("#overage-notice"), /needs an active subscription/);
    assert.equal(await page.isChecked("#overage"), false);
  }));

test("a plan shows its price in the catalog, its renewal, the badge and both balances", () =>
  withAccount(async (page, { email, api, token }) => {
    await subscribe(email);
    await openAccount(page);
    const { plans } = (await api("GET", "/api/billing/v2/catalog")).body;
    const price = plans.find(({ id }) => id === "pro").price_cents / 100;
    assert.match(
      await textOf(page, "#plan"),
      new RegExp(
        `^Pro ?Founding member ?\\$${price} per month ?Renews on 1 Jan 2027 ?` +
          "Plan credit ?\\$12\\.34 ?left in this period ?Top-ups ?\\$0\\.05 ?used first",
      ),
    );
    await page.click("#overage");
    await eventually(async () => {
      const { body } = await api("GET", "/api/account/me", undefined, token);
      assert.equal(body.overage_enabled, true);
    });

    await sql(`UPDATE users SET cancel_at_period_end = TRUE, founding = FALSE
      WHERE email = '${email}'`);
    await openAccount(page);
    assert.match(await textOf(page, "#plan"), /Ends on 1 Jan 2027/);
    assert.doesNotMatch(await textOf(page, "#plan"), /Founding/);
    assert.equal(await page.isChecked("#overage"), true);

    await sql(`UPDATE users SET plan = 'lifetime', renews_at_us = NULL WHERE email = '${email}'`);
    await openAccount(page);
    assert.match(await textOf(page, "#plan"), /^Lifetime ?\$399 once ?Plan credit/);
    assert.match(await textOf(page, "#usage"), /No daily limit on your plan/);
  }));

test("orders show what, when, how much, and an invoice that is a web page", () =>
  withAccount(async (page, { email }) => {
    await subscribe(email);
    await openAccount(page);
    const rows = await page.locator("#orders tbody tr").allTextContents();
    const today = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" }).format(Date.now());
    assert.equal(rows.length, 5);
    assert.ok(rows[0].startsWith(today), rows[0]);
    assert.match(rows[0], /Subscription Invoice of order ord_\w+Paid\$20\.00$/);
    assert.match(rows[1], /Top-upRefunded\$10\.00$/);
    assert.match(rows[2], /Top-upFailed\$10\.00$/);
    assert.match(rows[3], /OveragePending\$3\.17$/);
    assert.match(rows[4], /SubscriptionPaid\$20\.00$/);
    assert.equal(await page.locator("#orders a").count(), 1);
  }));

test("one device can be signed out, then all others", () =>
  withAccount(async (page, { api, email, token }) => {
    const ide = await signIn(email, "win32-x64");
    const laptop = await signIn(email, "darwin-arm64");
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

test("devices are signed out with the keyboard alone", () =>
  withAccount(async (page, { email }) => {
    const devices = page.locator("#devices li");
    await signIn(email, "win32-x64");
    await signIn(email, "linux-x64");
    await openAccount(page);

    await tabTo(page, page.getByRole("button", { name: /^Sign out Windows/ }));
    await page.keyboard.press("Enter");
    await eventually(async () => assert.equal(await devices.count(), 2));
    assert.equal(await focusedId(page), "devices-title");

    const others = page.getByRole("button", { name: "Sign out all other devices" });
    await tabTo(page, others);
    await page.keyboard.press("Enter");
    await page.locator("#others-dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#others-dialog").waitFor({ state: "hidden" });
    assert.ok(await others.evaluate((node) => node === document.activeElement));
    await page.keyboard.press("Enter");
    await tabTo(page, page.getByRole("button", { name: "Sign out the others" }));
    await page.keyboard.press("Space");
    await eventually(async () => assert.equal(await devices.count(), 1));
    assert.equal(await focusedId(page), "devices-title");
  }));

test("the data can be downloaded", () =>
  withAccount(async (page, { email, token }) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
    assert.match(download.suggestedFilename(), /^[a-z]+-export-\d{4}-\d\d-\d\d\.json$/);
    const text = await readFile(await download.path(), "utf8");
    assert.ok(JSON.parse(text));
    assert.ok(text.includes(email));
    assert.ok(!text.includes(token));
    await page.getByText("Your data has been downloaded.").waitFor();
  }));

test("the account is deleted only after its address is typed", () =>
  withAccount(async (page, { api, email, token }) => {
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

test("an account that waits for its deletion says so and can be kept", () =>
  withAccount(async (page, { api, email, token }) => {
    assert.equal(await textOf(page, "#deletion"), "");
    const { body } = await api("POST", "/api/account/delete", {}, token);
    await openAccount(page);
    const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
    const when = day.format(Date.parse(body.scheduledFor));
    assert.match(await textOf(page, "#deletion"), new RegExp(`will be deleted on ${when}\\.`));
    assert.match((await mailTo(email, { like: /will be deleted/ })).text, /\/account\b/);
    await page.getByRole("button", { name: "Keep the account" }).click();
    await page.getByText("Your account stays.").waitFor();
    assert.equal(await focusedId(page), "account-title");
    const after = await api("GET", "/api/account/delete", undefined, token);
    assert.deepEqual(after.body, { scheduledFor: null });
    await openAccount(page);
    assert.equal(await textOf(page, "#deletion"), "");
  }));

test("signing out ends the session", () =>
  withAccount(async (page, { api, token }) => {
    await page.locator("#signout").click();
    await page.waitForURL("**/signin?notice=signed-out");
    await page.getByText("You are signed out.").waitFor();
    assert.equal(await storedToken(page), null);
    assert.equal((await api("GET", "/api/account/me", undefined, token)).status, 401);
  }));

test("a session that was ended elsewhere leads back to the sign-in", () =>
  withAccount(async (page, { api, email, token }) => {
    const other = await signIn(email);
    assert.equal((await api("POST", "/api/auth/signout-others", {}, other)).status, 200);
    await page.goto("/account");
    await page.waitForURL("**/signin?next=account&notice=session-ended");
    await page.getByText("Your session has ended.").waitFor();
    assert.notEqual(await storedToken(page), token);
  }));

test("a card that cannot be read says so and can be read again", () =>
  withAccount(async (page) => {
    await page.route("**/api/account/orders*", (route) => route.abort());
    await page.reload();
    await page.locator("#orders [role=alert]").getByText("cannot be reached").waitFor();
    assert.match(await page.textContent("#plan"), /Free/);
    await page.unroute("**/api/account/orders*");
    await page.locator("#orders button").click();
    await page.getByText("No orders yet.").waitFor();
  }));

test("the spend is told in figures, in a chart and in its table", () =>
  withAccount(async (page, { api, token }) => {
    const dollars = (micro) => `$${(micro / 1e6).toFixed(2)}`;
    const spent = [...(await useForAMonth(token))].sort(([a], [b]) => (a < b ? -1 : 1));
    const total = spent.reduce((sum, [, micro]) => sum + micro, 0);
    const peak = Math.max(...spent.map(([, micro]) => micro));
    await openAccount(page);
    const { body } = await api("GET", "/api/account/wallet", undefined, token);
    assert.equal(body.last_30d_cents, total / 1e4);

    const text = await textOf(page, "#spend");
    assert.ok(text.startsWith(`Last 30 days${dollars(total)}`), text);
    assert.match(text, /Last call.*(claude|gpt|grok).*tokens in/);
    assert.match(text, /Anthropic.*OpenAI.*xAI/);

    // Heights are in proportion to the spend, days without one have none, the scale fits.
    const heights = await page
      .locator("#spend .bar")
      .evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute("height"))));
    assert.equal(heights.length, 30);
    const highest = Math.max(...heights);
    spent.forEach(([day, micro], i) => {
      const expected = micro === 0 ? 0 : Math.max(2, (highest * micro) / peak);
      assert.ok(Math.abs(heights[i] - expected) < 0.01, `${day}: ${heights[i]}, ${expected}`);
    });
    const labels = await page.locator("#spend svg text").allTextContents();
    const top = Number(labels[0].slice(1));
    assert.ok(top >= peak / 1e6 && top <= (peak / 1e6) * 2.5, `${labels[0]} above ${peak}`);
    assert.equal(
      await page.getAttribute("#spend svg", "aria-labelledby"),
      await page.getAttribute("#spend figcaption", "id"),
    );

    const rows = page.locator("#spend figure tbody tr");
    assert.equal(await rows.count(), 30);
    const [first] = spent;
    assert.equal(await rows.first().locator("time").getAttribute("datetime"), first[0]);
    const toggle = page.getByRole("button", { name: "Show the numbers" });
    await toggle.click();
    const hide = page.getByRole("button", { name: "Hide the numbers" });
    assert.equal(await hide.getAttribute("aria-expanded"), "true");
    assert.ok(await rows.last().isVisible());
  }));

test("an account with one call of a fraction of a cent does not say that nothing was spent", () =>
  withAccount(async (page, { api, token }) => {
    const turn = {
      ts: Math.floor(Date.now() / 1000),
      model: "tiny",
      provider: "some_provider",
      cost_usd: 0.000012,
    };
    await api("POST", "/api/usage/record", turn, token);
    await openAccount(page);
    const text = await textOf(page, "#spend");
    assert.match(text, /Last 30 days\$0\.000012/);
    assert.match(text, /Some provider\$0\.000012/);
  }));
