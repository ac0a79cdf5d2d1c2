// Passwords in a browser: an account with one, the mailed links, a forgotten and a changed one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  description,
  focusedId,
  launch,
  linkIn,
  mailTo,
  newMember,
  newPasswordMember,
  passwordSignIn,
  randomEmail,
  sql,
  step,
  storedToken,
  textOf,
  visit,
} from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const PASSWORD = "four words that rhyme";
const OTHER = "other words that do not";

async function openStep(page, name) {
  await page.goto(`/signin?step=${name}`);
  await step(page, name);
}

async function signUp(page, email, password = PASSWORD) {
  await openStep(page, "signup");
  await page.fill("#signup-email", email);
  await page.fill("#new-password", password);
  await page.click("#signup-form [type=submit]");
}

async function signInWith(page, email, password) {
  await page.fill("#password-email", email);
  await page.fill("#password", password);
  await page.click("#password-form [type=submit]");
}

const status = async ({ api }, token) =>
  (await api("GET", "/api/account/me", undefined, token)).status;

test("an account with a password, from the first page to the account", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail("signup");
    await page.goto("/signin");
    await page.click("[data-to=password] >> visible=true");
    await step(page, "password");
    await page.click("[data-to=signup] >> visible=true");
    await step(page, "signup");
    await page.fill("#signup-email", email);
    await page.fill("#signup-name", "Ada");
    await page.fill("#new-password", PASSWORD);
    await page.keyboard.press("Enter");
    await step(page, "sent");
    assert.equal(await focusedId(page), "sent-title");
    assert.match(await textOf(page, "#step-sent"), new RegExp(`We sent a mail to ${email}`));

    await openStep(page, "password");
    await signInWith(page, email, PASSWORD);
    await page.getByText("the address is not confirmed").waitFor();
    assert.equal(await storedToken(page), null);

    await page.goto(linkIn(await mailTo(email)));
    await page.click("#confirm");
    await step(page, "done");
    assert.match(await textOf(page, "#step-done"), new RegExp(email));
    await page.click("#to-password");
    await step(page, "password");
    await signInWith(page, email, PASSWORD);
    await step(page, "done");
    assert.match(await textOf(page, "#done-who"), new RegExp(`as Ada, ${email}`));
  }));

test("opening the link in the mail proves nothing, the click does, once", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail("scanner");
    await signUp(page, email);
    await step(page, "sent");
    const link = linkIn(await mailTo(email));
    const sent = [];
    page.on("request", (request) => sent.push(request.method()));
    await page.goto(link);
    await page.waitForLoadState("networkidle");
    assert.deepEqual([...new Set(sent)], ["GET"]);
    const rows = await sql(`SELECT email_verified_at_us FROM users WHERE email = '${email}'`);
    assert.ok(rows.every(([at]) => at === "NULL"), "still unproved");

    await page.click("#confirm");
    await step(page, "done");
    assert.equal(new URL(page.url()).pathname, "/verify/", "the spent secret is out of the address");
    await page.goto(link);
    await page.click("#confirm");
    await page.getByRole("heading", { name: "This link was used already" }).waitFor();
    assert.ok(await page.isVisible("#over-signin"));
  }));

test("a link that is too old or cut off says so and offers a new one", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail("late");
    await signUp(page, email);
    await step(page, "sent");
    const mail = await mailTo(email);
    const link = linkIn(mail);
    await page.goto(link.slice(0, -1));
    await page.click("#confirm");
    await page.getByRole("heading", { name: "This link is not known" }).waitFor();
    await page.goto(`/verify/${link.split("/").pop().slice(0, 10)}`);
    await page.getByRole("heading", { name: "This link is not known" }).waitFor();

    await sql(`UPDATE email_token SET expires_at_us = 1 WHERE user_id =
      (SELECT user_id FROM users WHERE email = '${email}')`);
    await page.goto(link.replace("/verify/", "/verify-email/"));
    await page.click("#confirm");
    await page.getByRole("heading", { name: "This link is too old" }).waitFor();
    assert.equal(await focusedId(page), "over-title");
    await page.fill("#again-email", email);
    await page.keyboard.press("Enter");
    await page.getByText("If this address waits to be confirmed").waitFor();
    await page.goto(linkIn(await mailTo(email, { newerThan: mail.id })));
    await page.click("#confirm");
    await step(page, "done");
  }));

test("a password that will not do is told at the field", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail("weak");
    const input = page.locator("#new-password");
    const refused = async (password, reason) => {
      await signUp(page, email, password);
      await page.locator("#new-password-error").filter({ hasText: reason }).waitFor();
      assert.equal(await focusedId(page), "new-password");
      assert.equal(await input.getAttribute("aria-invalid"), "true");
      assert.match(await description(input), reason);
    };
    await refused("elevenchars", /Too short/);
    await refused(`my ${email.split("@")[0]} rhymes`, /may not hold your e-mail address/);
    await refused("password1234", /\S/); // what everybody tries is the server's to know

    const strength = page.locator("#new-password-strength");
    for (const [password, level] of [
      ["aaaaaaaaaaaaaaaaaa", "weak"],
      ["four rhymes", ""],
      ["four words that rhyme", "strong"],
    ]) {
      await input.fill(password);
      assert.equal(await strength.getAttribute("data-strength"), level, password);
    }
    await page.click("#step-signup [data-show]");
    assert.equal(await input.getAttribute("type"), "text");
    assert.equal(await page.getAttribute("#step-signup [data-show]", "aria-pressed"), "true");
  }));

test("a wrong password and an unknown address are told apart by nobody", async () => {
  const { email } = await newPasswordMember();
  await visit(browser, {}, async (page) => {
    const told = [];
    for (const who of [email, randomEmail("nobody")]) {
      await openStep(page, "password");
      await signInWith(page, who, OTHER);
      await page.locator("#password-error:not(:empty)").waitFor();
      assert.equal(await focusedId(page), "password");
      told.push(await page.textContent("#password-error"));
    }
    assert.equal(told[0], told[1]);
  });
});

test("a forgotten password is set anew by mail, and everything is signed out", async () => {
  const { email, password, token } = await newPasswordMember();
  const before = await mailTo(email);
  await visit(browser, { token }, async (page, visitor) => {
    await page.goto("/signin?step=forgot");
    await step(page, "done"); // signed in here: nothing to remember
    await page.evaluate(() => localStorage.clear());
    await openStep(page, "forgot");
    await page.fill("#forgot-email", email.toUpperCase());
    await page.keyboard.press("Enter");
    await step(page, "sent");
    assert.match(await textOf(page, "#step-sent"), /If there is an account/);

    const link = linkIn(await mailTo(email, { newerThan: before.id }));
    await page.goto(link);
    assert.equal(await focusedId(page), "new-password");
    await page.fill("#new-password", "short");
    await page.keyboard.press("Enter");
    assert.match(await page.textContent("#new-password-error"), /Too short/);
    await page.fill("#new-password", OTHER);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Your password is changed" }).waitFor();
    assert.equal(new URL(page.url()).pathname, "/reset/");
    assert.equal(await status(visitor, token), 401);

    await page.goto(link);
    await page.fill("#new-password", PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "This link was used already" }).waitFor();
    await page.click("#over-next");
    await step(page, "forgot");

    await openStep(page, "password");
    await signInWith(page, email, password);
    await page.locator("#password-error:not(:empty)").waitFor();
    await signInWith(page, email, OTHER);
    await step(page, "done");
  });
});

test("an unknown address hears the same about a forgotten password", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail("nobody");
    await openStep(page, "forgot");
    await page.fill("#forgot-email", email);
    await page.keyboard.press("Enter");
    await step(page, "sent");
    assert.match(await textOf(page, "#step-sent"), new RegExp(`If there is an account for ${email}`));
  }));

test("a changed password signs out this browser too", async () => {
  const { email, password, token } = await newPasswordMember();
  const elsewhere = await passwordSignIn(email, password);
  await visit(browser, { token }, async (page, visitor) => {
    await page.goto("/account");
    await page.getByRole("link", { name: "Change the password" }).click();
    await page.getByRole("heading", { name: "Change your password" }).waitFor();
    await page.fill("#password", OTHER);
    await page.fill("#new-password", PASSWORD);
    await page.keyboard.press("Enter");
    await page.locator("#password-error:not(:empty)").waitFor();
    assert.equal(await focusedId(page), "password");
    await page.fill("#password", password);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/signin?step=password&notice=password-changed");
    await step(page, "password");
    await page.getByText("Your password is changed.").waitFor();
    assert.equal(await storedToken(page), null);
    assert.deepEqual(
      [await status(visitor, token), await status(visitor, elsewhere)],
      [401, 401],
    );
    await signInWith(page, email, PASSWORD);
    await step(page, "done");
  });
});

test("who has no password gets one by mail", async () => {
  const { email, token } = await newMember();
  const before = await mailTo(email);
  await visit(browser, { token }, async (page) => {
    await page.goto("/account");
    await page.getByRole("link", { name: "Set a password" }).click();
    await page.getByRole("heading", { name: "Set a password" }).waitFor();
    assert.equal(await page.isVisible("#password"), false);
    await page.click("#mail-link");
    await page.getByText(`A mail to ${email} is on its way.`).waitFor();
    await page.goto(linkIn(await mailTo(email, { newerThan: before.id })));
    await page.fill("#new-password", PASSWORD);
    await page.keyboard.press("Enter");
    await page.click("#over-next");
    await step(page, "password");
    await signInWith(page, email, PASSWORD);
    await step(page, "done");
  });
});
