// The record of security events: every way in and out leaves exactly one row, a guess at nothing a line of the log,
// and operators can read it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { STATE, Visitor, codeOf, mailTo, randomEmail, request, signIn, sql, turnpike } from "../support.mjs";
import { eventsOf, owner } from "./owner.mjs";

const idOf = async (publicId) => Number((await sql(`SELECT user_id FROM users WHERE public_id = '${publicId}'`))[0][0]);
const record = async (someone) => eventsOf(someone.userId ?? (await idOf(someone.user.id)));
const byRequest = (answer) => sql(`SELECT event, detail FROM audit_event WHERE request_id = '${answer.headers["x-request-id"]}'`);

// What could have let nobody in is in the log alone: it can be tried as often as one likes.
function onlyLogged(answer, detail) {
  const events = fs.readFileSync(path.join(STATE, "log/events.log"), "utf8").split("\n")
    .filter((line) => line.includes(answer.headers["x-request-id"])).map((line) => JSON.parse(line));
  assert.deepEqual(events.map((one) => [one.event, one.user, one.detail]), [["sign_in_refused", 0, detail]]);
}

// A code is asked for, and another one tried.
async function wrongCode(email) {
  assert.equal((await new Visitor().post("/api/auth/request-code", { email })).status, 200);
  const answer = await new Visitor().post("/api/auth/verify", { email, code: "000000" });
  assert.equal(answer.status, 400);
  return answer;
}

// A hand-off to the IDE, from a sign-in with a code that asks for one.
async function handoff(email) {
  const visitor = new Visitor();
  await visitor.post("/api/auth/request-code", { email, from: "ide" });
  const { body } = await visitor.post("/api/auth/verify", { email, code: codeOf(await mailTo(email)) });
  return { visitor, body, value: new URL(body.redirect).searchParams.get("handoff") };
}

test("a code, a wrong one and a used one", async () => {
  const email = randomEmail("audit"), someone = await signIn({ email });
  assert.deepEqual(await record(someone), [["signed_in", "code"]]);
  await wrongCode(email);
  assert.deepEqual(await record(someone), [["signed_in", "code"], ["sign_in_refused", "code"]]);
  assert.deepEqual(await byRequest(await wrongCode(randomEmail())), [["sign_in_refused", "code"]], "of nobody");
  for (const nothing of [randomEmail(), (await signIn()).user.email]) {
    const answer = await new Visitor().post("/api/auth/verify", { email: nothing, code: "000000" });
    assert.deepEqual(await byRequest(answer), []);
    onlyLogged(answer, "code");
  }
  const { body } = await someone.get("/api/account/export");
  assert.deepEqual(body.audit.map(({ event }) => event), ["sign_in_refused", "signed_in"], "the owner sees both");
});

test("a hand-off, and the same again", async () => {
  const { visitor, body, value } = await handoff(randomEmail("audit"));
  const someone = { user: body.user };
  assert.equal((await visitor.post("/api/auth/exchange", { handoff: value })).status, 200);
  assert.deepEqual(await record(someone), [["signed_in", "code"], ["signed_in", "handoff"]]);
  const again = await new Visitor().post("/api/auth/exchange", { handoff: value });
  assert.equal(again.status, 400);
  onlyLogged(again, "handoff");
  assert.deepEqual(await byRequest(again), []);
});

test("GitHub: one row once the session begins, one when it is refused", async () => {
  const visitor = new Visitor(), email = randomEmail("github");
  const started = await visitor.get("/api/auth/oauth/github/start");
  const page = await request("GET", started.headers.location, { check: false });
  const hidden = Object.fromEntries([...page.text.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
  const consent = await request("POST", "/sandbox/oauth/consent", { check: false,
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ ...hidden, email, verified: "yes", decision: "allow" }).toString() });
  const back = new URL(consent.headers.location), cookie = started.headers["set-cookie"][0].split(";")[0];
  const landed = await visitor.get(back.pathname + back.search, { headers: { Cookie: cookie } });
  assert.equal(landed.status, 302, landed.text);
  const { body } = await visitor.post("/api/auth/exchange", { handoff: /#handoff=(.{43})$/.exec(landed.headers.location)[1] });
  assert.deepEqual(await record({ user: body.user }), [["signed_in", "oauth"]]);
  const replay = await new Visitor().get(back.pathname + back.search, { headers: { Cookie: cookie } });
  assert.equal(replay.status, 400);
  onlyLogged(replay, "oauth");
  assert.deepEqual(await byRequest(replay), []);
});

test("signing out, alone and all others, and ending one from another", async () => {
  const email = randomEmail("audit"), first = await signIn({ email }), second = await signIn({ email });
  const { sessions } = (await second.get("/api/account/sessions")).body;
  const target = sessions.find(({ current }) => !current).id;
  assert.equal((await second.delete(`/api/account/sessions/${target}`)).status, 200);
  assert.equal((await second.delete(`/api/account/sessions/${target}`)).status, 404);
  assert.equal((await second.post("/api/auth/signout-others")).status, 200);
  assert.equal((await second.post("/api/auth/signout")).status, 200);
  assert.equal((await second.post("/api/auth/signout")).status, 401);
  assert.deepEqual(await record(first), [["signed_in", "code"], ["signed_in", "code"], ["credential_revoked", target],
    ["signed_out_others", "NULL"], ["signed_out", "NULL"]]);
});

test("a browser's sign-out", async () => {
  const someone = await owner();
  const csrf = await someone.get("/api/auth/csrf");
  const cookie = `${someone.browser.cookie}; ${csrf.headers["set-cookie"].find((c) => c.startsWith("authjs.csrf")).split(";")[0]}`;
  const out = await someone.post("/api/auth/signout", { csrfToken: csrf.body.csrfToken }, { headers: { Cookie: cookie } });
  assert.equal(out.status, 302, out.text);
  const [[event, detail]] = await record(someone);
  assert.equal(event, "signed_out");
  assert.match(detail, /^web_\w+$/, "which session it was");
});

test("an account that is deleted at once leaves a row without a name", async () => {
  const someone = await signIn(), id = await idOf(someone.user.id);
  const gone = await someone.delete("/api/account", { confirm_email: someone.email });
  assert.equal(gone.status, 200, gone.text);
  assert.deepEqual(await byRequest(gone), [["account_deleted", "at_once"]]);
  assert.deepEqual(await eventsOf(id), []);
});

test("turnpike audit: by user, by event, since a time, so many, as a table and as JSON", async () => {
  const email = randomEmail("audit"), someone = await signIn({ email });
  await wrongCode(email);
  await sql(`UPDATE audit_event SET user_agent = CONCAT('evil', CHAR(27), '[2J') WHERE user_id = ${await idOf(someone.user.id)}`);
  const json = async (...words) => {
    const { status, stdout, stderr } = await turnpike(["audit", "--json", ...words]);
    assert.equal(status, 0, stderr);
    return stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  };
  const all = await json("--user", email);
  assert.deepEqual(all.map(({ event, detail, user }) => [event, detail, user]),
    [["signed_in", "code", someone.user.id], ["sign_in_refused", "code", someone.user.id]], "oldest first");
  assert.deepEqual(Object.keys(all[0]).slice(0, 4), ["at", "event", "user", "detail"]);
  assert.deepEqual(await json("--user", someone.user.id), all);
  assert.deepEqual(await json("--user", email, "--event", "signed_in"), [all[0]]);
  assert.deepEqual(await json("--user", email, "--limit", "1"), [all[1]]);
  assert.deepEqual(await json("--user", email, "--since", "2999-01-01T00:00:00Z"), []);
  assert.deepEqual(await json("--user", email, "--since", all[0].at.replace(/\.\d+/, "")), all);
  assert.ok((await json("--event", "signed_in", "--limit", "1000")).some(({ user }) => user === someone.user.id));
  const { stdout } = await turnpike(["audit", "--user", email]);
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, 2);
  assert.equal(lines[0].indexOf("signed_in"), lines[1].indexOf("sign_in_refused"), "aligned");
  assert.ok(!stdout.includes("\u001b") && stdout.includes("evil?[2J"), "nothing reaches the terminal as a command");
});

test("turnpike audit says what it does not know", async () => {
  const cases = [
    { words: ["--event", "nonsense"], status: 64, says: /There is no event nonsense/ },
    { words: ["--user", randomEmail()], status: 70, says: /There is no account/ },
    { words: ["--user", "usr_nobody"], status: 70, says: /There is no account/ },
    { words: ["--limit", "many"], status: 64, says: /usage/ },
    { words: ["--since", "yesterday"], status: 64, says: /usage/ },
    { words: ["--surprise"], status: 64, says: /usage/ },
    { words: ["--user"], status: 64, says: /usage/ },
  ];
  for (const { words, status, says } of cases) {
    const answer = await turnpike(["audit", ...words]);
    assert.equal(answer.status, status, words.join(" "));
    assert.match(answer.stderr, says, words.join(" "));
  }
});

test("turnpike audit --follow shows each event once, as it happens", async () => {
  const email = randomEmail("audit"), someone = await signIn({ email });
  const command = spawn(path.join(STATE, "bin", "turnpike"), ["--config", path.join(STATE, "turnpike.conf"), "audit", "--follow", "--json", "--user", email]);
  const lines = createInterface(command.stdout), seen = [];
  lines.on("line", (line) => seen.push(JSON.parse(line).event));
  try {
    await once(lines, "line");
    await wrongCode(email);
    await once(lines, "line");
    await someone.post("/api/auth/signout");
    await once(lines, "line");
    assert.deepEqual(seen, ["signed_in", "sign_in_refused", "signed_out"]);
  } finally {
    command.kill();
    await once(command, "exit");
  }
});
