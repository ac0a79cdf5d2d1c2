// Letting a device or an IDE in: the client is curl, the person is in a browser.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import {
  base,
  codeAfter,
  eventually,
  focusedId,
  launch,
  newMember,
  openAccount,
  randomEmail,
  sql,
  step,
  textOf,
  visit,
} from "./support.mjs";
import { randomAddress } from "../e2e/support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const run = promisify(execFile);

/** A client with an address of its own. */
function client() {
  const address = randomAddress();
  return async (path, body, bearer) => {
    const { stdout } = await run("curl", [
      ...["--silent", "--show-error", "--max-time", "20", "--interface", address],
      ...(body ? ["--header", "Content-Type: application/json", "--data", JSON.stringify(body)] : []),
      ...(bearer ? ["--header", `Authorization: Bearer ${bearer}`] : []),
      base + path,
    ]);
    return JSON.parse(stdout);
  };
}

const CLIENT = { platform: "darwin-arm64", version: "1.4.2" };

async function startDevice(curl) {
  const login = await curl("/v1/auth/device/start", { client_info: CLIENT });
  assert.match(login.user_code, /^[A-Z]{4}-[A-Z]{4}$/);
  return login;
}

/** Polls as often as it may, until the state is the one. */
const poll = (curl, { device_code }, wanted) =>
  eventually(async () => {
    const answer = await curl("/v1/auth/device/poll", { device_code });
    assert.equal(answer.status, wanted);
    return answer;
  });

async function signInByCode(page, email) {
  await page.fill("#email", email);
  const code = await codeAfter(email, async () => {
    await page.keyboard.press("Enter");
    await step(page, "code");
  });
  await page.fill("#code", code);
  await page.keyboard.press("Enter");
}

test("a device is let in by somebody who had to sign in first", () =>
  visit(browser, {}, async (page) => {
    const curl = client();
    const login = await startDevice(curl);
    const email = randomEmail("device");
    assert.equal(login.verification_uri, `${base}/device`);
    await page.goto(login.verification_uri_complete);
    await page.waitForURL("**/signin?next=device*");
    await page.getByText("Sign in to connect a device.").waitFor();
    await signInByCode(page, email);

    await step(page, "decide");
    assert.equal(await focusedId(page), "decide-title");
    assert.equal(await textOf(page, "#decide-code"), login.user_code);
    assert.equal(await textOf(page, "#decide-who"), email);
    const facts = await textOf(page, "#decide-facts");
    assert.match(facts, /macOS \(arm64\)/);
    assert.match(facts, /1\.4\.2/);
    assert.match(facts, /127\.\d+\.\d+\.\d+, other than yours/);
    assert.match(await textOf(page, "#step-decide"), /Only approve if you started this yourself/);
    await poll(curl, login, "pending");

    await page.click("#approve");
    await page.getByRole("heading", { name: "Your device is connected" }).waitFor();
    const approved = await poll(curl, login, "approved");
    assert.equal(approved.user.email, email);
    const me = await curl("/v1/account/me", null, approved.ide_token);
    assert.equal(me.email, email);

    await page.click("#over-account");
    await page.locator("#devices li").nth(1).waitFor();
    const row = page.locator("#devices li", { hasText: "IDE, let in from a browser" });
    await row.getByRole("button").click();
    await eventually(async () => assert.equal(await page.locator("#devices li").count(), 1));
    assert.equal((await curl("/v1/account/me", null, approved.ide_token)).code, "unauthorized");
  }));

test("a code that is typed in any dress is found, and can be denied", async () => {
  const { token } = await newMember();
  await visit(browser, { token }, async (page) => {
    const curl = client();
    const login = await startDevice(curl);
    await page.goto("/device");
    await step(page, "enter");
    assert.equal(await focusedId(page), "user-code");
    await page.keyboard.type("abc");
    await page.keyboard.press("Enter");
    assert.match(await page.textContent("#user-code-error"), /eight letters/);
    await page.fill("#user-code", ` ${login.user_code.toLowerCase().replace("-", " ")} `);
    await page.keyboard.press("Enter");
    await step(page, "decide");
    await page.click("#deny");
    await page.getByRole("heading", { name: "Denied" }).waitFor();
    await poll(curl, login, "denied");
  });
});

test("a code that is unknown, too old or decided already says so", async () => {
  const { token } = await newMember();
  await visit(browser, { token }, async (page) => {
    await page.goto("/device?code=ABCD-EFGH");
    await step(page, "enter");
    await page.getByText("No device waits with this code.").waitFor();
    assert.equal(await page.inputValue("#user-code"), "ABCD-EFGH");

    const curl = client();
    const late = await startDevice(curl);
    await page.goto(`/device?user_code=${late.user_code}`);
    await step(page, "decide");
    await sql(`UPDATE device_login SET expires_at_us = 1
      WHERE user_code = '${late.user_code.replace("-", "")}'`);
    await page.click("#approve");
    await page.getByRole("heading", { name: "This code is not known" }).waitFor();
    await page.click("#over-again");
    await step(page, "enter");
    await poll(curl, late, "expired");
  });
});

test("guessing codes is stopped and the wait is told", async () => {
  const { token } = await newMember();
  await visit(browser, { token }, async (page, { api }) => {
    let refused = null;
    for (let i = 0; i < 15 && refused === null; i += 1) {
      const code = `ZZZZ-ZZZ${"ABCDEFGHJKMNPQR"[i]}`;
      const answer = await api("GET", `/v1/auth/device/${code}`, undefined, token);
      if (answer.status === 429) refused = answer;
      else assert.equal(answer.status, 404, answer.text);
    }
    assert.ok(refused, "the limit is reached");
    await page.goto("/device?code=ABCD-EFGH");
    await page.locator("#reading-notice .countdown").waitFor();
    assert.match(await page.textContent("#reading-notice"), /Try again in/);
  });
});

test("an IDE is let in through the browser that it opened, and taken back to", async () => {
  const { email, token } = await newMember();
  await visit(browser, { token }, async (page, { context }) => {
    const curl = client();
    const verifier = randomBytes(32).toString("base64url");
    const login = await curl("/v1/auth/ide/start", {
      client_info: { platform: "linux-x64", version: "2.0.0" },
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      redirect_uri: "http://127.0.0.1:9/callback",
    });
    await context.route("http://127.0.0.1:9/**", (route) => route.fulfill({ body: "back" }));
    const told = [];
    page.on("request", (request) => told.push(request.url()));
    await page.goto(login.login_url);
    await step(page, "decide");
    assert.equal(page.url(), `${base}/ide`);
    assert.match(await page.title(), /^Connect an IDE · /);
    assert.match(await textOf(page, "#decide-title"), /Let this IDE use/);
    assert.equal(await page.isVisible("#decide-code"), false);
    assert.match(await textOf(page, "#decide-facts"), /Linux \(x64\).*127\.0\.0\.1:9/);
    const pending = await curl("/v1/auth/ide/token", { code: login.code, code_verifier: verifier });
    assert.equal(pending.code, "authorization_pending");
    page.removeAllListeners("request"); // it may go to the IDE now
    await page.click("#approve");
    await page.waitForURL("http://127.0.0.1:9/callback*");
    const granted = await curl("/v1/auth/ide/token", { code: login.code, code_verifier: verifier });
    assert.equal(granted.user.email, email);
    assert.ok(told.length > 5 && !told.some((url) => url.includes(login.code)), told.join("\n"));
  });
});

test("the code of an IDE outlasts a sign-in on the way, in no address", () =>
  visit(browser, {}, async (page) => {
    const curl = client();
    const login = await curl("/v1/auth/ide/start", { client_info: CLIENT });
    const email = randomEmail("ide");
    await page.goto(login.login_url);
    await page.waitForURL("**/signin?next=ide&notice=device");
    await signInByCode(page, email);
    await step(page, "decide");
    await page.click("#approve");
    await page.getByRole("heading", { name: "Your IDE is connected" }).waitFor();
    assert.equal((await curl("/v1/auth/ide/token", { code: login.code })).user.email, email);
    await page.goto("/ide");
    await page.getByRole("heading", { name: "This code was used already" }).waitFor();
  }));

test("a lost connection and an ended session lead back to the same code", async () => {
  const { email, token } = await newMember();
  await visit(browser, { token }, async (page, { api }) => {
    const curl = client();
    const login = await startDevice(curl);
    await page.route("**/v1/auth/device/*", (route) => route.abort());
    await page.goto(login.verification_uri_complete);
    await page.getByText("cannot be reached").waitFor();
    await page.unroute("**/v1/auth/device/*");
    await page.getByRole("button", { name: "Try again" }).click();
    await step(page, "decide");
    assert.equal((await page.title()).split(" · ").length, 2, "the brand stands there once");

    await page.goto("/device");
    await page.fill("#user-code", login.user_code);
    await page.keyboard.press("Enter");
    await step(page, "decide");
    assert.equal((await api("POST", "/api/auth/signout", undefined, token)).status, 200);
    await page.click("#approve");
    await page.waitForURL("**/signin?next=device*notice=session-ended");
    await signInByCode(page, email);
    await step(page, "decide");
    assert.equal(await textOf(page, "#decide-code"), login.user_code);
  });
});

test("a whole account page ends what was let in with everything else", async () => {
  const { token } = await newMember();
  await visit(browser, { token }, async (page, { api }) => {
    const curl = client();
    const login = await startDevice(curl);
    const body = { user_code: login.user_code };
    assert.equal((await api("POST", "/v1/auth/device/approve", body, token)).status, 200);
    const { ide_token } = await poll(curl, login, "approved");
    await openAccount(page);
    await page.getByRole("button", { name: "Sign out all other devices" }).click();
    await page.getByRole("button", { name: "Sign out the others" }).click();
    await page.getByText("1 device is signed out.").waitFor();
    assert.equal((await curl("/v1/account/me", null, ide_token)).code, "unauthorized");
  });
});
