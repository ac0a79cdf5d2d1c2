// The public status page: what it reads, how it ages, what it says when there is nothing to read.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually, launch, textOf, turnpike, visit } from "./support.mjs";

const WORDS = { ok: "Operational", degraded: "Degraded", down: "Down" };

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("every component is shown with its state in words and as a shape", () =>
  visit(browser, {}, async (page, { api }) => {
    const { body } = await api("GET", "/api/v2/status/public");
    await page.goto("/status");
    await page.locator("#overall[data-shown]").waitFor();
    assert.ok((await page.getAttribute("#overall", "class")).includes(`overall-${body.status}`));
    for (const [key, state] of Object.entries(body.components)) {
      const row = page.locator(`[data-component="${key}"]`);
      assert.equal((await row.locator(".state").textContent()).trim(), WORDS[state], key);
      assert.equal(await row.locator(`svg.icon-${state}`).count(), 1, key);
    }
    const listed = await page.locator("[data-incident]").count();
    assert.equal(listed, body.incidents.length);
    assert.match(await page.textContent("#read-at"), /^Last read at \d\d:\d\d:\d\d, just now\.$/);
  }));

test("the state is read again every 30 seconds, and at once on request", () =>
  visit(browser, {}, async (page) => {
    let reads = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/api/v2/status/public")) reads += 1;
    });
    await page.clock.install();
    await page.goto("/status");
    await page.locator("#overall[data-shown]").waitFor();
    await page.clock.fastForward(29_000);
    assert.equal(reads, 1);
    await page.clock.fastForward(2_000);
    await eventually(() => assert.equal(reads, 2));
    await page.click("#refresh");
    await eventually(() => assert.equal(reads, 3));
  }));

test("an API that cannot be reached is told, and so is its return", () =>
  visit(browser, {}, async (page, { context }) => {
    await page.goto("/status");
    await page.locator("#components li").first().waitFor();
    await context.setOffline(true);
    await page.click("#refresh");
    await page.getByText("The API cannot be reached").waitFor();
    assert.match(
      await page.textContent("#overall"),
      /What you see below was read at \d\d:\d\d:\d\d/,
    );
    await context.setOffline(false);
    await page.click("#refresh");
    await eventually(async () =>
      assert.doesNotMatch(await page.textContent("#overall"), /cannot be reached/),
    );
  }));

/** Runs the operator's command for incidents and returns what it prints. */
async function incident(...args) {
  const { status, stdout, stderr } = await turnpike(["incident", ...args]);
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

test("an incident is told from its first update to its end", () =>
  visit(browser, {}, async (page) => {
    const title = `Slow <i>answers</i> ${Date.now()}`;
    const id = await incident(
      ...["open", "--title", title, "--component", "worker"],
      ...["--severity", "major", "--body", "We look."],
    );
    const card = page.locator(`[data-incident="${id}"]`);
    try {
      await incident("update", id, "--status", "identified", "--body", "We know.");
      await eventually(async () => {
        await page.goto("/status");
        await page.locator(`#open-list [data-incident="${id}"]`).waitFor({ timeout: 1000 });
      });
      assert.equal(await textOf(page, "#overall h2"), "Some parts are degraded");
      assert.equal(await card.locator("h3").textContent(), title);
      assert.deepEqual(await card.locator(".badge").allTextContents(), ["Major", "Identified"]);
      assert.match(await card.textContent(), /API and database, since /);
      const updates = await card.locator("li").allTextContents();
      assert.match(updates[0], /^Identified, .*We know\.$/);
      assert.match(updates[1], /^Investigating, .*We look\.$/);
    } finally {
      await incident("resolve", id, "--body", "It is mended.");
    }
    await eventually(async () => {
      await page.click("#refresh");
      await page.locator(`#past-list [data-incident="${id}"]`).waitFor({ timeout: 1000 });
    });
    assert.match(await card.textContent(), /, resolved /);
    assert.equal(await textOf(page, "#overall h2"), "All parts are operational");
  }));

test("a part that is down says so by word and shape", () =>
  visit(browser, {}, async (page) => {
    await incident("pin", "stripe", "down");
    try {
      await eventually(async () => {
        await page.goto("/status");
        await page.locator("#overall.overall-down").waitFor({ timeout: 1000 });
      });
      assert.equal(await textOf(page, "#overall h2"), "There is an outage");
      const row = page.locator("[data-component=stripe] .state");
      assert.equal(await row.textContent(), "Down");
      assert.equal(await row.locator("svg.icon-down").count(), 1);
    } finally {
      await incident("unpin", "stripe");
    }
  }));

// A server newer than the page: its real answer with one part more.
test("a state this page does not know is not shown as good", () =>
  visit(browser, {}, async (page, { api }) => {
    const { body } = await api("GET", "/api/v2/status/public");
    const json = {
      ...body,
      status: "new_state",
      components: { ...body.components, new_part: "constructor" },
    };
    await page.route("**/api/v2/status/public", (route) => route.fulfill({ json }));
    await page.goto("/status");
    const row = page.locator("[data-component=new_part]");
    await row.waitFor();
    assert.equal(await row.textContent(), "New partNot known");
    assert.equal(await row.locator("svg.icon-unknown").count(), 1);
    assert.equal(await textOf(page, "#overall h2"), "The state is not known");
  }));
