// The sign-in page from the first key press to the token.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import {
  base,
  codeOf,
  description,
  eventually,
  focusedId,
  launch,
  mailTo,
  newMember,
  randomEmail,
  signIn,
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

async function askForCode(page, email, path = "/signin") {
  await page.goto(path);
  await page.fill("#email", email);
  await page.click("#email-form [type=submit]");
  await step(page, "code");
}

const HIDDEN = "session:••••••••••••••••";

/** Another six digits than these. */
const wrong = (code) => String((Number(code) + 1) % 1_000_000).padStart(6, "0");

test("a code by e-mail signs in and opens the account", () =>
  visit(browser, {}, async (page, { api }) => {
    const email = randomEmail();
    await askForCode(page, email);
    assert.equal(await page.textContent("#code-email"), email);
    assert.equal(await focusedId(page), "code");
    assert.match(await page.title(), /^Check your mail · /);

    await page.fill("#code", codeOf(await mailTo(email)));
    await page.click("#code-submit");
    await step(page, "done");
    assert.equal(await focusedId(page), "done-title");
    assert.match(await page.textContent("#done-who"), new RegExp(email));

    const token = await storedToken(page);
    assert.match(token, /^session:/);
    assert.equal((await api("GET", "/api/account/me", undefined, token)).body.email, email);

    await page.click("#to-account");
    await page.getByText(`Signed in as ${email}`).waitFor();
  }));

test("a wrong code is explained at the field, and the right one still works", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail();
    await askForCode(page, email);
    const code = codeOf(await mailTo(email));
    const input = page.locator("#code");

    await input.fill(wrong(code));
    await page.click("#code-submit");
    await page.locator("#code-error:not(:empty)").waitFor();
    assert.equal(await input.getAttribute("aria-invalid"), "true");
    assert.ok((await description(input)).includes(await page.textContent("#code-error")));
    assert.equal(await focusedId(page), "code");
    assert.equal(await storedToken(page), null);

    await input.fill(code);
    await page.click("#code-submit");
    await step(page, "done");
  }));

test("faults in the fields are told before anything is sent", () =>
  visit(browser, {}, async (page) => {
    const sent = [];
    page.on(
      "request",
      (request) => request.url().includes("/api/auth/") && sent.push(request.url()),
    );
    await page.goto("/signin");
    for (const text of ["", "nobody", "a b@example.com"]) {
      await page.fill("#email", text);
      await page.click("#email-form [type=submit]");
      await page.locator("#email-error:not(:empty)").waitFor();
      assert.equal(await page.getAttribute("#email", "aria-invalid"), "true", text);
    }
    assert.deepEqual(sent, []);
  }));

test("a code may be pasted in any dress", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail();
    await askForCode(page, email);
    for (const [pasted, kept] of [
      ["123 456", "123456"],
      ["123-456", "123456"],
      [" 9876543 ", "987654"],
      ["12ab", "12"],
    ]) {
      await page.fill("#code", "");
      await page.locator("#code").evaluate((input, text) => {
        input.focus();
        document.execCommand("insertText", false, text);
      }, pasted);
      assert.equal(await page.inputValue("#code"), kept, pasted);
    }
    await page.fill("#code", "12");
    await page.click("#code-submit");
    assert.match(await page.textContent("#code-error"), /all six digits/);
  }));

test("a new code waits its time and replaces the old one", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail();
    await page.clock.install();
    await askForCode(page, email);
    const mail = await mailTo(email);
    const first = codeOf(mail);
    assert.equal(await page.getAttribute("#resend", "aria-disabled"), "true");
    assert.match(await page.textContent("#resend"), /\(\d+ s\)/);

    await page.clock.fastForward(31_000);
    await page.locator("#resend:not([aria-disabled])").click();
    await page.locator("#code-news.notice-good").waitFor();
    const second = codeOf(await mailTo(email, { newerThan: mail.id }));
    if (first !== second) {
      await page.fill("#code", first);
      await page.click("#code-submit");
      await page.locator("#code-error:not(:empty)").waitFor();
    }
    await page.fill("#code", second);
    await page.click("#code-submit");
    await step(page, "done");
  }));

test("another address can be used", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail("first");
    await askForCode(page, email);
    await page.click("#change-email");
    await step(page, "email");
    assert.equal(await page.inputValue("#email"), email);
    assert.equal(await focusedId(page), "email");
  }));

test("a double click asks for one code", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail();
    let requests = 0;
    await page.route("**/api/auth/request-code", async (route) => {
      requests += 1;
      await new Promise((resolve) => setTimeout(resolve, 400));
      await route.continue();
    });
    await page.goto("/signin");
    await page.fill("#email", email);
    const button = page.locator("#email-form [type=submit]");
    await button.dblclick();
    assert.equal(await button.getAttribute("aria-busy"), "true");
    assert.equal(await button.textContent(), "Sending the code");
    await page.keyboard.press("Enter");
    await step(page, "code");
    assert.equal(requests, 1);
  }));

/** The addresses that the page tries to open, as Chromium hears of them. */
async function watchNavigation(page, context) {
  const opened = [];
  const devtools = await context.newCDPSession(page);
  await devtools.send("Page.enable");
  devtools.on("Page.frameRequestedNavigation", ({ url }) => opened.push(url));
  return opened;
}

async function signInForIde(page, email, path = "/signin?from=ide") {
  await askForCode(page, email, path);
  await page.fill("#code", codeOf(await mailTo(email)));
  await page.click("#code-submit");
  await step(page, "done");
}

const handoffIn = (address) => new URL(address).searchParams.get("handoff");

test("the IDE is opened with a hand-off that works once", () =>
  visit(browser, {}, async (page, { context, api }) => {
    const email = randomEmail("ide");
    const opened = await watchNavigation(page, context);
    await signInForIde(page, email);

    const address = await page.getAttribute("#open-ide", "href");
    assert.match(address, /^hypex:\/\/auth\?handoff=[\w-]{43}$/);
    assert.ok(await page.isVisible("#open-ide"));
    assert.equal(await page.isVisible("#manual"), false);
    await eventually(() =>
      assert.ok(opened.includes(address), `the page tried to open ${address}, saw ${opened}`),
    );

    const handoff = handoffIn(address);
    const first = await api("POST", "/api/auth/exchange", { handoff });
    assert.equal(first.status, 200, first.text);
    assert.equal(first.body.user.email, email);
    assert.equal((await api("POST", "/api/auth/exchange", { handoff })).status, 400);
  }));

test("the way back to the IDE is closed when its minute is over", () =>
  visit(browser, {}, async (page) => {
    await page.clock.install();
    await signInForIde(page, randomEmail("late"));
    await page.clock.fastForward(59_000);
    assert.ok(await page.isVisible("#open-ide"));
    await page.clock.fastForward(2_000);
    await page.getByText("open for one minute, which is over").waitFor();
    assert.equal(await page.isVisible("#open-ide"), false);
    assert.ok(await page.isVisible("#ide-again"));
  }));

// Chromium's own question "open the IDE?" swallows keys and clicks: where it stands open, controls
// are pressed from within the page.
const press = (page, selector) => page.locator(selector).evaluate((node) => node.click());

async function revealToken(page) {
  await press(page, "#reveal-manual");
  await page.locator("#manual").waitFor();
  assert.equal(await focusedId(page), "show-token");
  await press(page, "#show-token");
  return page.inputValue("#manual-token");
}

test("a token by hand has a session of its own", () =>
  visit(browser, {}, async (page, { api }) => {
    const email = randomEmail("manual");
    await signInForIde(page, email);
    const handoff = handoffIn(await page.getAttribute("#open-ide", "href"));
    const token = await revealToken(page);
    assert.match(token, /^session:[\w-]{43}$/);
    assert.match(await textOf(page, "#token-hint"), /sign the device out on your account page/);
    assert.equal(await page.isVisible("#open-ide"), false, "the hand-off is used up");
    assert.equal((await api("POST", "/api/auth/exchange", { handoff })).status, 400);

    const browserToken = await storedToken(page);
    assert.notEqual(token, browserToken);
    await press(page, "#signout");
    await step(page, "email");
    assert.equal(await page.inputValue("#manual-token"), HIDDEN);
    const status = async (bearer) =>
      (await api("GET", "/api/account/me", undefined, bearer)).status;
    assert.deepEqual([await status(token), await status(browserToken)], [200, 401]);
  }));

test("the token is hidden until it is shown, and can be copied unseen", async () => {
  const { token } = await newMember();
  await visit(browser, { token }, async (page, { context }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: base });
    await page.goto("/signin?from=ide");
    await step(page, "done");
    await page.click("#reveal-manual");
    const field = page.locator("#manual-token");
    assert.equal(await field.inputValue(), HIDDEN);
    await page.click("#show-token");
    assert.equal(await field.inputValue(), token);
    assert.equal(await page.getAttribute("#show-token", "aria-pressed"), "true");
    await page.click("#show-token");
    assert.equal(await field.inputValue(), HIDDEN);

    await page.click("#copy-token");
    await page.getByText("Copied.").waitFor();
    assert.equal(await field.inputValue(), HIDDEN);
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
  });
});

test("a hand-off that is bound to the IDE is not spent on a token by hand", () =>
  visit(browser, {}, async (page, { api }) => {
    const verifier = randomBytes(32).toString("base64url");
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    await signInForIde(page, randomEmail("bound"), `/signin?from=ide&challenge=${challenge}`);
    const handoff = handoffIn(await page.getAttribute("#open-ide", "href"));
    assert.equal(await revealToken(page), await storedToken(page));
    assert.match(await textOf(page, "#token-hint"), /ends when you sign out in this browser/);
    assert.equal((await api("POST", "/api/auth/exchange", { handoff, verifier })).status, 200);
  }));

test("somebody who has signed in just now gives the IDE a sign-in of its own", async () => {
  const email = randomEmail("both");
  const token = await signIn(email);
  await visit(browser, { token }, async (page, { api }) => {
    const verifier = randomBytes(32).toString("base64url");
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    await page.goto(`/signin?from=ide&challenge=${challenge}`);
    await step(page, "done");
    assert.equal(await textOf(page, "#done-title"), "You are already signed in");
    await page.click("#ide-again");
    await page.locator("#open-ide").waitFor();
    const handoff = handoffIn(await page.getAttribute("#open-ide", "href"));
    const answer = await api("POST", "/api/auth/exchange", { handoff, verifier });
    assert.equal(answer.status, 200, answer.text);
    assert.notEqual(answer.body.token, token);
  });
});

test("somebody who signed in a while ago gives the IDE a sign-in of its own by a code", async () => {
  const email = randomEmail("both");
  const token = await signIn(email);
  await sql(`UPDATE session SET created_at_us = created_at_us - 700000000 WHERE user_id =
    (SELECT user_id FROM users WHERE email = '${email}')`);
  await visit(browser, { token }, async (page) => {
    await page.goto("/signin?from=ide");
    await step(page, "done");
    await page.click("#ide-again");
    await step(page, "email");
    assert.equal(await page.inputValue("#email"), email);
    const { id } = await mailTo(email);
    await page.keyboard.press("Enter");
    await step(page, "code");
    await page.fill("#code", codeOf(await mailTo(email, { newerThan: id })));
    await page.keyboard.press("Enter");
    await step(page, "done");
    assert.ok(await page.isVisible("#open-ide"));
  });
});

test("a token for the IDE is offered after a web sign-in only when asked for", async () => {
  const { token } = await newMember();
  await visit(browser, { token }, async (page) => {
    await page.goto("/signin");
    await step(page, "done");
    assert.equal(await page.isVisible("#manual"), false);
    await page.click("#reveal-manual");
    assert.equal(await focusedId(page), "show-token");
    await page.keyboard.press("Enter");
    assert.equal(await page.inputValue("#manual-token"), token);
  });
});

test("the link in the mail fills both in and spends the code only on the click", () =>
  visit(browser, {}, async (page, { api }) => {
    const email = randomEmail("link");
    assert.equal((await api("POST", "/api/auth/request-code", { email, from: "web" })).status, 200);
    const { text } = await mailTo(email);
    const url = /https?:\/\/\S+\/signin\?\S*#code=\d{6}/.exec(text)?.[0];
    assert.ok(url, `a link with the code in: ${text}`);
    const { pathname, search, hash } = new URL(url);

    const seen = [];
    page.on("request", (request) => seen.push(request));
    await page.goto(pathname + search + hash);
    await step(page, "code");
    assert.equal(await page.inputValue("#code"), hash.slice("#code=".length));
    assert.equal(await page.textContent("#code-email"), email);
    assert.equal(await focusedId(page), "code-submit");
    assert.equal(new URL(page.url()).hash, "");
    await page.waitForLoadState("networkidle");
    assert.deepEqual(
      seen.filter((request) => request.method() !== "GET"),
      [],
    );

    await page.click("#code-submit");
    await step(page, "done");
  }));

for (const provider of ["github", "google"]) {
  /** From the provider's button to its consent. */
  const consent = async (page, email, { path = "/signin", button = "#authorize" } = {}) => {
    await page.goto(path);
    const ready = path.includes("from=ide") ? "from=ide" : "challenge";
    await page.click(`[data-provider=${provider}][href*="${ready}"]`);
    await page.fill("[name=email]", email);
    await page.click(button);
  };

  test(`${provider} signs in and comes back`, () =>
    visit(browser, {}, async (page, { api }) => {
      const email = randomEmail(provider);
      await consent(page, email);
      await step(page, "done");
      assert.match(await page.textContent("#done-who"), new RegExp(email));
      assert.equal(new URL(page.url()).hash, "");
      const token = await storedToken(page);
      const { body } = await api("GET", "/api/account/sessions", undefined, token);
      assert.match(body.sessions[0].device_name, /^Chrome/);
    }));

  test(`${provider} signs the IDE in and the browser not`, () =>
    visit(browser, {}, async (page, { context, api }) => {
      const email = randomEmail(provider);
      const verifier = randomBytes(32).toString("base64url");
      const challenge = createHash("sha256").update(verifier).digest("base64url");
      const opened = await watchNavigation(page, context);
      await consent(page, email, { path: `/signin?from=ide&challenge=${challenge}` });
      await step(page, "done");
      assert.equal(await textOf(page, "#done-title"), "Back to the IDE");
      const address = await page.getAttribute("#open-ide", "href");
      await eventually(() => assert.ok(opened.includes(address), String(opened)));
      assert.equal(await storedToken(page), null);
      assert.equal(await page.isVisible("#reveal-manual"), false, "only the IDE can redeem it");

      const handoff = handoffIn(address);
      const answer = await api("POST", "/api/auth/exchange", { handoff, verifier });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.body.user.email, email);
    }));

  test(`${provider} gives a token by hand when the IDE does not open`, () =>
    visit(browser, {}, async (page, { api }) => {
      const email = randomEmail(provider);
      await consent(page, email, { path: "/signin?from=ide" });
      await step(page, "done");
      const token = await revealToken(page);
      assert.match(await page.textContent("#done-who"), new RegExp(email));
      const { body } = await api("GET", "/api/account/sessions", undefined, token);
      assert.equal(body.sessions.length, 1);
      assert.equal(body.sessions[0].device_name, "IDE, by token");
      assert.equal(await storedToken(page), null);
    }));

  test(`a refusal at ${provider} leads back to where it began`, () =>
    visit(browser, {}, async (page) => {
      await consent(page, randomEmail(provider), { path: "/signin?from=ide", button: "#deny" });
      await page.getByText("You did not allow the other service").waitFor();
      assert.equal(new URL(page.url()).searchParams.get("from"), "ide");
      assert.match(await page.getAttribute(`[data-provider=${provider}]`, "href"), /from=ide/);
    }));

  test(`an address that ${provider} has not verified is refused with a way back`, () =>
    visit(browser, {}, async (page) => {
      await page.goto("/signin");
      await page.locator(`[data-provider=${provider}][href*=challenge]`).click();
      await page.uncheck("[name=verified]");
      await page.click("#authorize");
      await page.getByRole("heading", { name: "No verified e-mail address" }).waitFor();
      await page.getByRole("link", { name: "Back to sign-in" }).click();
      await step(page, "email");
    }));
}

test("a hand-off for the IDE that this tab did not ask for waits for a click", () =>
  visit(browser, {}, async (page, { context }) => {
    const opened = await watchNavigation(page, context);
    await page.goto("/signin?from=ide#handoff=not-a-real-one");
    await step(page, "done");
    assert.match(await textOf(page, "#done-who"), /only if you have just started/);
    await press(page, "#reveal-manual");
    await page.locator("#done-notice.notice-error").waitFor();
    assert.deepEqual(
      opened.filter((url) => !url.startsWith(base)),
      [],
    );
    assert.ok(await page.isVisible("#start-again"));
    assert.equal(await storedToken(page), null);
  }));

test("a hand-off that this tab did not ask for needs a click", () =>
  visit(browser, {}, async (page) => {
    const sent = [];
    page.on(
      "request",
      (request) => request.url().includes("/api/auth/exchange") && sent.push(request.url()),
    );
    await page.goto("/signin#handoff=not-a-real-one");
    await step(page, "finish");
    assert.deepEqual(sent, []);
    await page.click("#finish");
    await page.locator("#working-notice.notice-error").waitFor();
    assert.equal(await storedToken(page), null);
  }));

test("the reason of a failed return is told in plain words", () =>
  visit(browser, {}, async (page) => {
    await page.goto("/signin?error=access_denied");
    await page.getByText("You did not allow the other service").waitFor();
    await page.goto("/signin?error=%3Cimg%20src=x%3E");
    await page.getByText("Signing in did not work").waitFor();
    await page.goto("/signin?error=constructor");
    await page.getByText("Signing in did not work").waitFor();
  }));

test("who is signed in already is told and can sign out", async () => {
  const email = randomEmail("again");
  const token = await signIn(email);
  await visit(browser, { token }, async (page, { api }) => {
    await page.goto("/signin");
    await step(page, "done");
    assert.equal(await page.textContent("#done-title"), "You are already signed in");
    await page.click("#signout");
    await step(page, "email");
    await page.getByText("You are signed out.").waitFor();
    assert.equal(await storedToken(page), null);
    assert.equal((await api("GET", "/api/account/me", undefined, token)).status, 401);
  });
});

test("a token that is no longer taken is dropped without a fuss", () =>
  visit(browser, { token: `session:${"A".repeat(43)}` }, async (page) => {
    await page.goto("/signin");
    await step(page, "email");
    assert.equal(await storedToken(page), null);
  }));

test("the way on after a sign-in leads to a page of ours only", async () => {
  const { token } = await newMember();
  await visit(browser, { token }, async (page) => {
    await page.goto("/signin?next=settings%2Faccount%2Fpassword");
    await page.waitForURL("**/settings/account/password");
    for (const next of ["//evil.example/account", "https://evil.example/", "javascript:alert(1)", "/api/account/me"]) {
      await page.goto(`/signin?next=${encodeURIComponent(next)}`);
      await step(page, "done");
    }
  });
});

test("GitHub's way back goes on to where the sign-in was for", () =>
  visit(browser, {}, async (page) => {
    await page.goto("/settings/account/2fa");
    await page.waitForURL("**/signin?next=*");
    await page.click("[data-provider=github][href*=challenge]");
    await page.fill("[name=email]", randomEmail("next"));
    await page.click("#authorize");
    await page.waitForURL("**/settings/account/2fa");
  }));

test("too many tries count down", () =>
  visit(browser, {}, async (page, { api }) => {
    let refused = null;
    for (let i = 0; i < 30 && refused === null; i += 1) {
      const { status, headers } = await api("POST", "/api/auth/verify", {
        email: randomEmail(),
        code: "000000",
      });
      if (status === 429) refused = headers["retry-after"];
    }
    assert.ok(Number(refused) >= 1, "the limit was reached and has Retry-After");

    await page.goto("/signin");
    await page.fill("#email", randomEmail());
    await page.click("#email-form [type=submit]");
    const countdown = page.locator("#email-notice .countdown");
    await countdown.waitFor();
    const before = await countdown.textContent();
    assert.match(before, /^Try again in \d+ (second|minute)s?\.$/);
    await eventually(async () => assert.notEqual(await countdown.textContent(), before));
  }));

test("a lost connection is told and the same step can be tried again", () =>
  visit(browser, {}, async (page, { context }) => {
    await page.goto("/signin");
    await page.fill("#email", randomEmail());
    await context.setOffline(true);
    await page.click("#email-form [type=submit]");
    await page.getByText("The server cannot be reached.").waitFor();
    await context.setOffline(false);
    await page.click("#email-notice button");
    await step(page, "code");
  }));

test("a session that cannot be looked at says so on the step that is shown", () =>
  visit(browser, { token: "session:whatever" }, async (page) => {
    await page.route("**/api/account/me", (route) => route.abort());
    await page.goto("/signin?step=password");
    await page.getByText("cannot be reached").waitFor();
    await page.unroute("**/api/account/me");
    await page.getByRole("button", { name: "Try again" }).click();
    await step(page, "password");
    await page.getByText("cannot be reached").waitFor({ state: "hidden" });
  }));

test("the whole sign-in works with the keyboard alone", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail("keys");
    await page.goto("/signin");
    await step(page, "email");
    assert.equal(await focusedId(page), "email");
    await page.keyboard.type(email);
    await page.keyboard.press("Enter");
    await step(page, "code");
    assert.equal(await focusedId(page), "code");

    await page.keyboard.type(codeOf(await mailTo(email)));
    await page.keyboard.press("Tab");
    assert.equal(await focusedId(page), "code-submit");
    const ring = await page
      .locator("#code-submit")
      .evaluate((node) => getComputedStyle(node).outlineWidth);
    assert.equal(ring, "3px");
    await page.keyboard.press("Space");
    await step(page, "done");
    assert.equal(await focusedId(page), "done-title");
    await page.keyboard.press("Tab");
    assert.equal(await focusedId(page), "to-account");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/account");

    // Back on the first step, every control can be reached in reading order.
    await page.evaluate(() => localStorage.clear());
    await page.goto("/signin");
    await step(page, "email");
    await page.evaluate(() => document.activeElement.blur());
    const order = [];
    for (let i = 0; i < 7; i += 1) {
      await page.keyboard.press("Tab");
      order.push(
        await page.evaluate(
          () => document.activeElement.textContent.trim() || document.activeElement.id,
        ),
      );
    }
    const expected = [/^Send me a code$/, /^Continue with GitHub$/, /^Continue with Google$/];
    const start = order.findIndex((text) => expected[0].test(text));
    assert.ok(start >= 0, order.join(" | "));
    expected.forEach((pattern, i) => assert.match(order[start + i], pattern));
  }));

test("Back goes to the step before, and past a sign-in looks who is there", () =>
  visit(browser, {}, async (page) => {
    const email = randomEmail();
    await page.goto("/signin");
    await page.click("[data-to=password]");
    await page.click("#step-password [data-to=signup]");
    await page.fill("#signup-email", email);
    await page.goBack();
    await step(page, "password");
    assert.equal(await page.inputValue("#password-email"), email);
    await page.goBack();
    await step(page, "email");
    assert.equal(await page.inputValue("#email"), email);
    assert.match(await page.title(), /^Sign in · /);
    await page.click("#email-form [type=submit]");
    await step(page, "code");
    await page.goBack();
    await step(page, "email");
    await page.goForward();
    await step(page, "code");
    await page.fill("#code", codeOf(await mailTo(email)));
    await page.click("#code-submit");
    await step(page, "done");
    await page.goBack();
    await page.getByRole("heading", { name: "You are already signed in" }).waitFor();
  }));

test("a page that the browser kept is read anew: somebody may have signed out since", async () => {
  const { token } = await newMember();
  await visit(browser, { token }, async (page) => {
    await page.goto("/account");
    await page.locator("#account").waitFor();
    await page.evaluate(() => localStorage.clear());
    await page.evaluate(() =>
      dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })),
    );
    await page.waitForURL("**/signin?next=account");
  });
});

test("before the scripts are there, the card says so", () =>
  visit(browser, {}, async (page) => {
    await page.route("**/assets/signin.js", (route) => route.abort());
    await page.goto("/signin");
    await page.getByText("One moment.").first().waitFor();
  }));

test("another tab that signs in takes this one along", () =>
  visit(browser, {}, async (page, visitor) => {
    const email = randomEmail("tabs");
    await askForCode(page, email);
    const other = await visitor.page();
    await other.goto(`/signin?email=${encodeURIComponent(email)}#code=${codeOf(await mailTo(email))}`);
    await other.click("#code-submit");
    await step(other, "done");
    await step(page, "done");
    await other.click("#signout");
    await step(page, "email");
  }));
