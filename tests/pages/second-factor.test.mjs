// The second factor in a browser, with an authenticator that reads the picture.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import {
  appCode,
  base,
  codeAfter,
  focusedId,
  launch,
  newMember,
  newPasswordMember,
  scan,
  signIn,
  sql,
  step,
  storedToken,
  textOf,
  turnOnSecondFactor,
  visit,
} from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const PAGE = "/settings/account/2fa";
const LONG_AGO_S = 700;

async function openSettings(page, state) {
  await page.goto(PAGE);
  await step(page, state);
}

async function setUp(page) {
  await openSettings(page, "off");
  await page.click("#turn-on");
  await step(page, "setup");
  return scan(await page.getAttribute("#qr", "src"));
}

async function askForCode(page, email, path = "/signin") {
  await page.goto(path);
  await page.fill("#email", email);
  const code = await codeAfter(email, async () => {
    await page.click("#email-form [type=submit]");
    await step(page, "code");
  });
  await page.fill("#code", code);
  await page.click("#code-submit");
}

async function give(page, code) {
  await page.fill("#factor", code);
  await page.keyboard.press("Enter");
}

const me = async ({ api }, token) => (await api("GET", "/api/account/me", undefined, token)).status;

const makeStale = (email) =>
  sql(`UPDATE session SET created_at_us = created_at_us - ${LONG_AGO_S * 1e6} WHERE user_id =
    (SELECT user_id FROM users WHERE email = '${email}')`);

test("turned on with an app, asked for at the next sign-in, used up, turned off", async () => {
  const { email, token } = await newMember();
  const ide = await signIn(email, "linux-x64");
  await visit(browser, { token }, async (page, visitor) => {
    await visitor.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: base });
    const app = await setUp(page);
    const shown = (await page.textContent("#secret")).replaceAll(" ", "");
    assert.equal(app.secret.base32, shown);
    assert.ok(app.label.includes(email), app.label);
    await page.click("#copy-secret");
    await page.getByText("Copied.").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), shown);

    await page.fill("#code", String((Number(appCode(app)) + 1) % 1e6).padStart(6, "0"));
    await page.keyboard.press("Enter");
    await page.locator("#code-error:not(:empty)").waitFor();
    assert.equal(await focusedId(page), "code");
    await page.fill("#code", appCode(app));
    await page.keyboard.press("Enter");
    await step(page, "codes");

    const codes = await page.locator("#codes li").allTextContents();
    assert.equal(codes.length, 10);
    for (const code of codes) assert.match(code, /^[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{2}$/);
    await page.click("#codes-done");
    await page.getByText("Keep the codes first").waitFor();
    assert.equal(await focusedId(page), "kept");
    await page.click("#copy-codes");
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), codes.join("\n"));
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("#save-codes")]);
    assert.match(file.suggestedFilename(), /recovery-codes\.txt$/);
    const text = await readFile(await file.path(), "utf8");
    for (const code of codes) assert.ok(text.includes(code));
    await page.check("#kept");
    await page.click("#codes-done");
    await step(page, "on");
    assert.match(await textOf(page, "#on-text"), /10 of your recovery codes are left/);
    assert.equal(await page.locator("#codes li").count(), 0, "the codes are gone from the page");
    assert.deepEqual([await me(visitor, token), await me(visitor, ide)], [200, 403]);

    // A new sign-in: good for nothing before the code.
    await page.evaluate(() => localStorage.clear());
    await askForCode(page, email);
    await step(page, "factor");
    const pending = await storedToken(page);
    assert.equal(await me(visitor, pending), 403);
    assert.ok(!(await page.content()).includes("usr_"));
    await give(page, "000000");
    await page.locator("#factor-error:not(:empty)").waitFor();
    await give(page, appCode(app, 1));
    await step(page, "done");
    assert.equal(await me(visitor, pending), 200);

    // With recovery codes, each once; the account page leads to the step and gets its visitor back.
    const spent = codes[0].toLowerCase().replaceAll("-", " ");
    for (const tries of [[spent], [codes[0], codes[1]]]) {
      const again = await signIn(email);
      await page.evaluate((value) => localStorage.setItem("turnpike.token", value), again);
      await page.goto("/account");
      await page.waitForURL("**/signin?next=account");
      await step(page, "factor");
      await page.click("#factor-other");
      assert.equal(await focusedId(page), "factor");
      await give(page, tries.shift());
      if (tries.length > 0) {
        await page.locator("#factor-error:not(:empty)").waitFor();
        await give(page, tries.shift());
      }
      await page.waitForURL("**/account");
    }

    await openSettings(page, "on");
    assert.match(await textOf(page, "#on-text"), /8 of your recovery codes are left/);
    await page.click("#off-form [type=submit]");
    await step(page, "off");
    await page.getByText("The second factor is off.").waitFor();
    assert.equal(await me(visitor, ide), 401, "what never proved it has ended");
  });
});

test("leaving before the recovery codes are kept asks first", async () => {
  const { token } = await newMember();
  await visit(browser, { token }, async (page) => {
    const app = await setUp(page);
    await page.fill("#code", appCode(app));
    await page.keyboard.press("Enter");
    await step(page, "codes");
    const asked = new Promise((resolve) =>
      page.once("dialog", async (dialog) => {
        resolve(dialog.type());
        await dialog.accept();
      }),
    );
    await page.goto("/account").catch(() => {});
    assert.equal(await asked, "beforeunload");
  });
});

test("a connection that is lost after the codes were kept leaves a way on", async () => {
  const { token } = await newMember();
  await visit(browser, { token }, async (page) => {
    const app = await setUp(page);
    await page.fill("#code", appCode(app));
    await page.keyboard.press("Enter");
    await step(page, "codes");
    await page.route("**/2fa/status", (route) => route.abort());
    await page.check("#kept");
    await page.click("#codes-done");
    await page.getByText("cannot be reached").waitFor();
    await page.unroute("**/2fa/status");
    await page.getByRole("button", { name: "Try again" }).click();
    await step(page, "on");
  });
});

test("a new phone takes over, with new recovery codes", async () => {
  const { token } = await newMember();
  const old = await turnOnSecondFactor(token);
  await visit(browser, { token }, async (page, visitor) => {
    await openSettings(page, "on");
    await page.click("#move");
    await step(page, "setup");
    await page.click("#cancel-setup");
    await step(page, "on");
    await page.click("#move");
    await step(page, "setup");
    const app = scan(await page.getAttribute("#qr", "src"));
    assert.notEqual(app.secret.base32, old.app.secret.base32);
    await page.fill("#code", appCode(app));
    await page.keyboard.press("Enter");
    await step(page, "codes");
    const codes = await page.locator("#codes li").allTextContents();
    assert.ok(codes.length === 10 && !codes.some((code) => old.recoveryCodes.includes(code)));
    await page.check("#kept");
    await page.click("#codes-done");
    await step(page, "on");
    assert.equal(await me(visitor, token), 200);
  });
});

test("an account with a password turns it off with the password only", async () => {
  const { password, token } = await newPasswordMember();
  await turnOnSecondFactor(token);
  await visit(browser, { token }, async (page) => {
    await openSettings(page, "on");
    for (const wrong of ["", "not the right words"]) {
      await page.fill("#password", wrong);
      await page.click("#off-form [type=submit]");
      await page.locator("#password-error:not(:empty)").waitFor();
    }
    await page.fill("#password", password);
    await page.click("#off-form [type=submit]");
    await step(page, "off");
  });
});

test("a sign-in of some time ago has to be made anew, or the password given", async () => {
  const [member, withPassword] = await Promise.all([newMember(), newPasswordMember()]);
  await makeStale(member.email);
  await visit(browser, { token: member.token }, async (page, visitor) => {
    await openSettings(page, "off");
    await page.click("#turn-on");
    await page.getByRole("button", { name: "Sign in again" }).click();
    await page.getByText("needs a sign-in of the last ten minutes").waitFor();
    assert.equal(await me(visitor, member.token), 401);
    await page.fill("#email", member.email);
    const code = await codeAfter(member.email, async () => {
      await page.keyboard.press("Enter");
      await step(page, "code");
    });
    await page.fill("#code", code);
    await page.keyboard.press("Enter");
    await page.waitForURL(`**${PAGE}`);
    await page.click("#turn-on");
    await step(page, "setup");
  });

  await makeStale(withPassword.email);
  await visit(browser, { token: withPassword.token }, async (page) => {
    const app = await setUp(page);
    await page.fill("#code", appCode(app));
    await page.fill("#present-password", "not the right words");
    await page.keyboard.press("Enter");
    await page.locator("#present-password-error:not(:empty)").waitFor();
    await page.fill("#present-password", withPassword.password);
    await page.keyboard.press("Enter");
    await step(page, "codes");
  });
});

test("the IDE gets a sign-in that the browser has proved", async () => {
  const { email, token } = await newMember();
  const { app } = await turnOnSecondFactor(token);
  await visit(browser, {}, async (page, visitor) => {
    await askForCode(page, email, "/signin?from=ide");
    await step(page, "factor");
    assert.equal(await page.isVisible("#open-ide"), false);
    await give(page, appCode(app, 1));
    await step(page, "done");
    const address = await page.getAttribute("#open-ide", "href");
    const handoff = new URL(address).searchParams.get("handoff");
    const answer = await visitor.api("POST", "/api/auth/exchange", { handoff });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.mfa_required, undefined);
    assert.equal(await me(visitor, answer.body.token), 200);
  });
});

test("who comes by GitHub for the IDE proves the second factor in the browser", async () => {
  const { email, token } = await newMember();
  const { recoveryCodes } = await turnOnSecondFactor(token);
  await visit(browser, {}, async (page, visitor) => {
    await page.goto("/signin?from=ide");
    await page.click("[data-provider=github][href*='from=ide']");
    await page.fill("#email", email);
    await page.click("#authorize");
    await step(page, "factor");
    await page.click("#factor-other");
    await give(page, recoveryCodes[3]);
    await step(page, "done");
    const address = await page.getAttribute("#open-ide", "href");
    const handoff = new URL(address).searchParams.get("handoff");
    const answer = await visitor.api("POST", "/api/auth/exchange", { handoff });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(await me(visitor, answer.body.token), 200);
  });
});

test("a second factor that was not asked for here waits for a click", () =>
  visit(browser, {}, async (page) => {
    const sent = [];
    page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
    await page.goto("/signin?mfa=required&from=ide#handoff=not-a-real-one");
    await step(page, "finish");
    assert.deepEqual(sent, []);
  }));

test("giving up signs the half sign-in out", async () => {
  const { email, token } = await newMember();
  await turnOnSecondFactor(token);
  const pending = await signIn(email);
  await visit(browser, { token: pending }, async (page, visitor) => {
    await page.goto("/signin");
    await step(page, "factor");
    await page.click("#factor-give-up");
    await step(page, "email");
    assert.equal(await storedToken(page), null);
    assert.equal(await me(visitor, pending), 401);
  });
});
