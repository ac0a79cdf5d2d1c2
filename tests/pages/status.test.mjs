// The public status page: what it reads, how it ages, what it says when there is nothing to read.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually, launch, visit } from "./support.mjs";

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

test("an incident shows its updates, the newest first", () =>
  visit(browser, {}, async (page) => {
    await page.goto("/status");
    const text = await page.evaluate(async () => {
      const { incidentCard } = await import("/assets/status-parts.js");
      const card = incidentCard({
        id: "inc_1",
        title: "Slow <i>answers</i>",
        component: "worker",
        severity: "major",
        status: "identified",
        started_at: 1798761600,
        updated_at: 1798762000,
        resolved_at: null,
        updates: [
          { ts: 1798761600, status: "investigating", body: "We look." },
          { ts: 1798762000, status: "identified", body: "We know." },
        ],
      });
      return [...card.querySelectorAll("h3, .badge, li")].map((node) => node.textContent);
    });
    assert.deepEqual(text.slice(0, 3), ["Slow <i>answers</i>", "Major", "Identified"]);
    assert.match(text[3], /Identified.*We know\./);
    assert.match(text[4], /Investigating.*We look\./);
  }));

test("a state this page does not know is not shown as good", () =>
  visit(browser, {}, async (page) => {
    await page.goto("/status");
    const row = await page.evaluate(async () => {
      const { componentRow } = await import("/assets/status-parts.js");
      const node = componentRow(["new_part", "constructor"]);
      return [node.textContent, node.querySelector("svg").getAttribute("class")];
    });
    assert.deepEqual(row, ["New partNot known", "icon icon-unknown"]);
  }));
