// npm next-auth, unmodified: what its browser functions do works with ours; and @auth/core, the server that they are
// made for, answers the same requests as we do. Runs against the stack of tests/e2e.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { CookieJar } from "tough-cookie";
import { Auth } from "@auth/core";
import Credentials from "@auth/core/providers/credentials";
import { ownStack, randomAddress, request, sql } from "../e2e/support.mjs";
import { PASSWORD, parseCookie, person } from "../e2e/account/browser.mjs";

const PORT = Number(process.env.TURNPIKE_PORT ?? 8080) + 68;
let stack, ada;
before(async () => {
  stack = await ownStack({ port: PORT, limits: "dry-run" });
  ada = await person({ state: stack.state });
});
after(() => stack?.down());

// fetch of a page of ours: relative addresses, a jar for cookies (tough-cookie's rules), redirects as browsers follow them.
function browserOf(origin) {
  const jar = new CookieJar();
  const fetch = async (url, { method = "GET", headers = {}, body } = {}) => {
    const target = new URL(url, origin);
    const answer = await request(method.toUpperCase(), target.href, { body: body === undefined ? undefined : String(body), check: false,
      headers: { ...headers, Origin: origin, "Sec-Fetch-Site": "same-origin", Cookie: await jar.getCookieString(target.href) } });
    for (const line of answer.headers["set-cookie"] ?? []) await jar.setCookie(line, target.href);
    return new Response(answer.text || null, { status: answer.status, headers: { "Content-Type": answer.headers["content-type"] ?? "" } });
  };
  return { jar, fetch };
}

describe("next-auth's browser functions", () => {
  let client, page;
  before(async () => {
    delete globalThis.BroadcastChannel; // other tabs; it would keep the process
    page = browserOf(stack.url);
    globalThis.window = { location: { href: `${stack.url}/account` } };
    globalThis.fetch = page.fetch;
    client = await import("next-auth/react");
  });
  const cookies = async () => (await page.jar.getCookies(stack.url)).map((cookie) => cookie.key).sort();

  test("nobody is signed in", async () => {
    assert.equal(await client.getSession(), null);
    assert.deepEqual(Object.keys(await client.getProviders()), ["credentials"]);
    const token = await client.getCsrfToken();
    assert.match(token, /^[0-9a-f]{64}$/);
    assert.equal(await client.getCsrfToken(), token);
  });

  test("a wrong password is told as such", async () => {
    const answer = await client.signIn("credentials", { email: ada.email, password: "wrong", redirect: false });
    assert.deepEqual(answer, { error: "CredentialsSignin", code: "credentials", status: 200, ok: true, url: null });
    assert.equal(await client.getSession(), null);
  });

  test("signing in, and out again", async () => {
    const answer = await client.signIn("credentials", { email: ada.email, password: PASSWORD, redirect: false, redirectTo: "/device" });
    assert.deepEqual(answer, { error: undefined, code: undefined, status: 200, ok: true, url: `${stack.url}/device` });
    const session = await client.getSession();
    assert.deepEqual([session.user.email, session.user.name, session.user.id], [ada.email, ada.name, ada.publicId]);
    assert.ok(Date.parse(session.expires) > Date.now());
    assert.deepEqual(await cookies(), ["authjs.callback-url", "authjs.csrf-token", "authjs.session-token"]);
    assert.deepEqual(await client.signOut({ redirect: false, redirectTo: "/" }), { url: `${stack.url}/` });
    assert.equal(await client.getSession(), null);
    assert.deepEqual(await cookies(), ["authjs.callback-url", "authjs.csrf-token"]);
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM web_session WHERE user_id = ${ada.id}`, stack.state), [["0"]]);
  });

  test("with a redirect, the page goes where we say", async () => {
    await client.signIn("credentials", { email: ada.email, password: PASSWORD });
    assert.equal(window.location.href, `${stack.url}/account`);
    await client.signIn("credentials", { email: ada.email, password: "wrong" });
    assert.equal(window.location.href, `${stack.url}/signin?error=CredentialsSignin&code=credentials`);
    await client.signIn("nobody");
    const page = await request("GET", stack.url + window.location.href, { check: false });
    assert.equal(page.status, 302);
    await client.signOut({ redirectTo: "https://evil.example/" });
    assert.equal(window.location.href, stack.url);
  });
});

describe("@auth/core answers as we do", () => {
  const config = { secret: "s".repeat(32), trustHost: true, basePath: "/api/auth", pages: { signIn: "/signin", error: "/signin" }, logger: { error() {}, warn() {}, debug() {} },
    providers: [Credentials({ credentials: {}, authorize: (given) => (given.email === ada.email && given.password === PASSWORD ? { id: randomUUID(), name: ada.name, email: ada.email } : null) })] };

  // Both as {status, location, body, cookies}; what is random or a matter of taste is left out.
  const common = (status, location, text, setCookies) => {
    const cookies = setCookies.map(parseCookie).map(({ name, value, Expires, "Max-Age": age, ...rest }) => ({ name, gone: value === "", lives: Expires !== undefined && value !== "", ...rest }));
    return { status, location, text, cookies: cookies.sort((a, b) => a.name.localeCompare(b.name)), raw: setCookies };
  };
  const ours = async (method, path, { headers, body }) => {
    const answer = await request(method, stack.url + path, { headers, body, check: false, from: randomAddress() });
    return common(answer.status, answer.headers.location, answer.text.trimEnd(), answer.headers["set-cookie"] ?? []);
  };
  const theirs = async (method, path, { headers, body }) => {
    const answer = await Auth(new Request(stack.url + path, { method, headers, body }), config);
    return common(answer.status, answer.headers.get("location") ?? undefined, await answer.text(), answer.headers.getSetCookie());
  };

  // One browser at each: sends the same, with the own cookies and the own token.
  function pair() {
    const sides = [{ ask: ours, cookies: new Map() }, { ask: theirs, cookies: new Map() }];
    return async (method, path, { fields, headers = {} } = {}) => Promise.all(sides.map(async (side) => {
      const cookie = [...side.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      const body = fields && new URLSearchParams({ csrfToken: side.token ?? "", ...fields }).toString();
      const answer = await side.ask(method, path, { body, headers: { ...headers, ...(body ? { "Content-Type": "application/x-www-form-urlencoded" } : {}), ...(cookie ? { Cookie: cookie } : {}) } });
      for (const line of answer.raw) {
        const { name, value } = parseCookie(line);
        if (value === "") side.cookies.delete(name);
        else side.cookies.set(name, value);
      }
      if (path === "/api/auth/csrf") side.token = JSON.parse(answer.text).csrfToken;
      return answer;
    }));
  }
  // Where they answer 200, they name the address in a header as well.
  const same = ([our, their], what) =>
    assert.deepEqual([our.status, our.location, our.text], [their.status, their.status === 302 ? their.location : undefined, their.text], what);
  const withoutCallback = (cookies) => cookies.filter((cookie) => cookie.name !== "authjs.callback-url");
  const asText = { "X-Auth-Return-Redirect": "1" };

  test("the token of forms, and its cookies", async () => {
    const [our, their] = await pair()("GET", "/api/auth/csrf");
    assert.deepEqual([our.status, our.cookies], [their.status, their.cookies]);
    assert.deepEqual(Object.keys(JSON.parse(our.text)), Object.keys(JSON.parse(their.text)));
    assert.equal(JSON.parse(our.text).csrfToken.length, JSON.parse(their.text).csrfToken.length);
    for (const [index, cookie] of our.raw.entries()) assert.equal(parseCookie(cookie).value.length, parseCookie(their.raw[index]).value.length);
  });

  test("the providers, and nobody's session", async () => {
    const send = pair(), [our, their] = await send("GET", "/api/auth/providers");
    assert.deepEqual(JSON.parse(our.text), JSON.parse(their.text));
    const [ourSession, theirSession] = await send("GET", "/api/auth/session");
    assert.deepEqual([ourSession.status, ourSession.text], [theirSession.status, theirSession.text]);
  });

  for (const [name, headers] of [["as a form of a page", {}], ["as a script", asText]]) {
    test(`signing in and out, ${name}`, async () => {
      const send = pair();
      await send("GET", "/api/auth/csrf");
      same(await send("POST", "/api/auth/callback/credentials", { headers, fields: { email: ada.email, password: PASSWORD, csrfToken: "0".repeat(64) } }), "a wrong token");
      const wrong = await send("POST", "/api/auth/callback/credentials", { headers, fields: { email: ada.email, password: "wrong" } });
      same(wrong, "a wrong password");
      for (const { cookies } of wrong) assert.deepEqual(withoutCallback(cookies), []);
      for (const callbackUrl of ["/device", `${stack.url}/device`, "https://evil.example/"]) {
        const right = await send("POST", "/api/auth/callback/credentials", { headers, fields: { email: ada.email, password: PASSWORD, callbackUrl } });
        same(right, callbackUrl);
        assert.deepEqual(withoutCallback(right[0].cookies), withoutCallback(right[1].cookies), "the session's cookie");
      }
      const [our, their] = await send("GET", "/api/auth/session");
      assert.deepEqual([our.status, our.cookies], [their.status, withoutCallback(their.cookies)]);
      for (const key of ["user", "expires"]) assert.ok(key in JSON.parse(our.text) && key in JSON.parse(their.text));
      assert.deepEqual([JSON.parse(our.text).user.email, JSON.parse(our.text).user.name], [JSON.parse(their.text).user.email, JSON.parse(their.text).user.name]);
      const out = await send("POST", "/api/auth/signout", { headers, fields: { callbackUrl: "/device" } });
      same(out, "signing out");
      for (const { cookies } of out) assert.ok(cookies.some((cookie) => cookie.name === "authjs.session-token" && cookie.gone && cookie.Path === "/" && cookie.HttpOnly));
    });
  }
});
