// Where secrets may be, and where not (F-93, F-94, F-97, A-27, A-36): one person goes through every flow on a stack of its
// own, and all that is secret on the way is then looked for in the logs, in a dump of the database, in the arguments of
// processes, and in every answer but the one that gave it out. The mailbox is npm's smtp-server (STARTTLS, AUTH), read by
// mailparser.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { simpleParser } from "mailparser";
import { Secret, TOTP } from "otpauth";
import { SMTPServer } from "smtp-server";
import { URL_BASE, codeOf, eventually, ownStack, randomEmail, sql } from "../support.mjs";
import { claims, mint, setting } from "../gateway/support.mjs";
import { Browser } from "./browser.mjs";

const PORT = Number(new URL(URL_BASE).port) + 80;
const MAIL_USER = "turnpike", MAIL_PASSWORD = "mail-pass-canary-7f3a";
const mails = [], everyMail = [], logins = [];
let stack, mailbox, person;
const secrets = new Map(); // value -> what it is
const answers = [];

const secret = (what, value) => { assert.ok(value?.length >= 10, `${what}: ${value}`); secrets.set(value, what); return value; };

before(async () => {
  stack = await ownStack({ port: PORT, limits: "dry-run" });
  const file = (name) => fs.readFileSync(path.join(stack.state, "mail", name));
  // The mail catcher of the stack makes them while it starts.
  const [key, cert] = await eventually(() => [file("key.pem"), file("ca.pem")], 20000);
  mailbox = new SMTPServer({
    key, cert, authMethods: ["PLAIN", "LOGIN"],
    onAuth(auth, session, done) {
      logins.push({ ...auth, secure: session.secure });
      done(auth.username === MAIL_USER && auth.password === MAIL_PASSWORD ? null : new Error("no"), { user: auth.username });
    },
    onData(stream, session, done) {
      simpleParser(stream).then((mail) => { mails.push(Object.assign(mail, { session })); everyMail.push(mail); done(); }, done);
    },
  });
  await new Promise((resolve) => mailbox.listen(0, "127.0.0.1", resolve));
  await stack.configure((conf) => conf.replace(/^url = smtp:.*$/m, `url = smtp://127.0.0.1:${mailbox.server.address().port}\nuser = ${MAIL_USER}\npassword = ${MAIL_PASSWORD}`));
});
after(async () => {
  await stack?.down();
  await new Promise((resolve) => (mailbox ? mailbox.close(resolve) : resolve()));
});

// A browser whose answers are kept.
class Watched extends Browser {
  async send(...all) {
    const answer = await super.send(...all);
    answers.push({ what: `${all[0]} ${all[1]}`, answer });
    return answer;
  }
}

const mailTo = (email, words) => eventually(() => {
  const mail = mails.find((one) => one.to.value[0].address === email && words.test(one.text));
  assert.ok(mail, `no mail to ${email} about ${words}`);
  mails.splice(mails.indexOf(mail), 1);
  return Object.assign(mail, { html: mail.html || "" });
}, 20000);

function ok(answer, status = 200) {
  assert.equal(answer.status, status, answer.text);
  return answer.body;
}

const tokenIn = (mail, page) => mail.text.match(new RegExp(`${stack.url}/${page}[/#]+([A-Za-z0-9_-]{43})`))?.[1];

test("one person goes through every flow; mails come over TLS, and are mails", async () => {
  for (const [section, key] of [["server", "config_key"], ["server", "encryption_key"], ["database", "password"], ["supabase", "jwt_secret"], ["oauth.github", "client_secret"], ["account", "cron_secret"]])
    secret(`${section} ${key}`, setting(section, key, stack.state));
  secret("the mail server's password", MAIL_PASSWORD);
  const browser = new Watched({ url: stack.url }), email = randomEmail("canary");
  person = { email };

  const first = secret("a password", "canary password of the sign-up"), second = secret("a new password", "canary password of the reset"), wrong = secret("a wrong password", "canary password that is wrong");
  ok(await browser.post("/api/auth/signup", { email, password: first, name: "Canary" }), 201);
  const proof = await mailTo(email, /verify/);
  assert.deepEqual([proof.from.value[0].address, proof.headers.get("auto-submitted")], ["turnpike@localhost", "auto-generated"]);
  assert.match(proof.messageId, /^<[^@<>\s]+@[^@<>\s]+>$/);
  assert.ok(proof.session.secure && proof.session.user === MAIL_USER, "only after STARTTLS and AUTH");
  const verify = secret("a mailed proof", tokenIn(proof, "verify"));
  assert.ok(proof.html.includes(verify));
  ok(await browser.post("/api/account/verify-email/confirm", { token: verify }));
  await browser.signInWith(email, wrong);
  await browser.signInWith(email, first);
  secret("a cookie", browser.sessionToken);
  assert.equal((await browser.session()).user.email, email);

  ok(await browser.post("/api/account/forgot-password", { email }));
  const reset = secret("a mailed reset", tokenIn(await mailTo(email, /reset/), "reset"));
  ok(await browser.post("/api/account/reset-password", { token: reset, password: second }));
  await mailTo(email, /password/i);
  await browser.signInWith(email, second);
  secret("another cookie", browser.sessionToken);

  const setup = ok(await browser.get("/api/account/2fa/setup"));
  secret("the second factor", setup.secret);
  const totp = new TOTP({ secret: Secret.fromBase32(setup.secret) });
  const enabled = ok(await browser.post("/api/account/2fa/enable", { secret: setup.secret, code: totp.generate() }));
  for (const code of enabled.recoveryCodes) secret("a recovery code", code);
  secret("the second factor's cookie", browser.cookies.get("suparbase-mfa-ok"));

  const app = new Watched({ url: stack.url });
  ok(await app.post("/api/auth/request-code", { email, from: "ide" }));
  const signedIn = ok(await app.post("/api/auth/verify", { email, code: codeOf(await mailTo(email, /\b\d{6}\b/)), device: "linux-x64" }));
  app.token = secret("a session token", signedIn.token.replace("session:", "")) && signedIn.token;
  ok(await app.post("/api/account/2fa/verify", { code: enabled.recoveryCodes[0], recovery: true }));
  const verifier = secret("a client's verifier", randomBytes(32).toString("base64url")), challenge = createHash("sha256").update(verifier).digest("base64url");
  const { redirect } = ok(await app.post("/api/auth/handoff", { challenge })), handoff = secret("a handoff", new URL(redirect).searchParams.get("handoff"));
  const exchanged = ok(await app.post("/api/auth/exchange", { handoff, verifier }));
  secret("the token of a handoff", exchanged.token.replace("session:", ""));

  const { code } = ok(await app.post("/v1/auth/ide/start", { code_challenge: challenge, code_challenge_method: "S256" }));
  secret("an IDE code", code);
  ok(await app.post("/v1/auth/ide/approve", { code }));
  secret("another IDE token", ok(await app.post("/v1/auth/ide/token", { code, code_verifier: verifier })).ide_token);
  const project = new Watched({ url: stack.url, token: await mint(claims({ iss: `${stack.url}/sandbox/supabase/auth/v1` }), { url: stack.url }) });
  secret("a project's bearer", project.token);
  ok(await project.get("/v1/account/me"));

  // What is refused says nothing of what it was asked with.
  const refuse = async (status, url, body) => assert.equal((await app.post(url, body)).status, status, url);
  await refuse(409, "/api/account/verify-email/confirm", { token: verify });
  await refuse(409, "/api/account/reset-password", { token: reset, password: wrong });
  await refuse(400, "/api/auth/exchange", { handoff, verifier });
  await refuse(400, "/v1/auth/ide/token", { code, code_verifier: verifier });
  await refuse(400, "/api/account/2fa/verify", { code: enabled.recoveryCodes[0], recovery: true });
  await refuse(400, "/api/account/change-password", { currentPassword: wrong, newPassword: first });
  const unknown = new Watched({ url: stack.url, token: secret("an unknown bearer", `cgx_${randomBytes(32).toString("base64url")}`) });
  for (const url of ["/v1/account/me", "/api/account/me"]) assert.equal((await unknown.get(url)).status, 401);

  const device = new Watched({ url: stack.url }), started = ok(await device.post("/v1/auth/device/start", {}), 200);
  secret("a device code", started.device_code);
  ok(await app.post("/v1/auth/device/approve", { user_code: started.user_code }));
  const polled = ok(await device.post("/v1/auth/device/poll", { device_code: started.device_code }));
  device.token = secret("an IDE token", polled.ide_token ?? polled.token);
  ok(await device.get("/v1/account/me"));
  await device.post("/api/anthropic/v1/messages", { model: "sandbox-claude", max_tokens: 5, messages: [{ role: "user", content: "Hi" }] }, { headers: { Authorization: "Basic x", "x-api-key": device.token } });
  ok(await app.get("/api/account/export"));
  ok(await browser.get("/api/account/export"));
  assert.ok(logins.length > 0 && logins.every((login) => login.secure), "no password before TLS");
});

const filesBelow = (folder) => fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? filesBelow(path.join(folder, entry.name)) : entry.isFile() ? [path.join(folder, entry.name)] : []));

function findIn(text, where) {
  const found = [];
  for (const [value, what] of secrets) {
    const hex = Buffer.from(value).toString("hex");
    for (const form of [value, encodeURIComponent(value), value.replaceAll(" ", "+"), hex, hex.toUpperCase(), Buffer.from(value).toString("base64").replace(/=+$/, "")])
      if (text.includes(form)) { found.push(`${what} in ${where}`); break; }
  }
  return found;
}

test("none of it is in a log, or among the arguments of a process (F-93)", () => {
  const logs = filesBelow(path.join(stack.state, "log"));
  assert.ok(logs.some((file) => fs.readFileSync(file, "latin1").includes("signed_in")), "the flows are in the logs");
  assert.deepEqual(logs.flatMap((file) => findIn(fs.readFileSync(file, "latin1"), path.basename(file))), []);
  const processes = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try { return [fs.readFileSync(`/proc/${pid}/cmdline`, "latin1")]; } catch { return []; } // it has ended meanwhile
  }).filter((line) => line.includes(stack.state));
  assert.ok(processes.length > 4);
  assert.deepEqual(processes.flatMap((line) => findIn(line, line.slice(0, 80))), []);
});

test("mails carry the secret of their own link, and no other (F-94)", () => {
  assert.ok(everyMail.length >= 5);
  const wrong = everyMail.flatMap(({ subject, text, html, headerLines }) => findIn([text, html, ...headerLines.map(({ line }) => line)].join("\n"), subject));
  assert.deepEqual(wrong.map((found) => found.split(" in ")[0]).sort(), ["a mailed proof", "a mailed reset"]);
  for (const { text, html } of everyMail)
    for (const [link] of `${text}${html}`.matchAll(/https?:[^\s"<]+/g)) assert.ok(link.startsWith(`${stack.url}/`) && !link.includes("?") || /\/signin\?/.test(link), link);
});

test("the database has hashes and sealed texts of it, and nothing else (F-97, A-27, A-36)", async () => {
  await eventually(async () => assert.deepEqual(await sql("SELECT kind FROM outbox WHERE done_at_us IS NULL", stack.state), []), 20000);
  const dump = execFileSync("mariadb-dump", ["--no-defaults", `--socket=${stack.state}/run/mysql.sock`, "-uroot", "--hex-blob", "--skip-extended-insert", "turnpike"], { maxBuffer: 1 << 28 }).toString();
  assert.deepEqual(findIn(dump, "the dump"), []);
  const hashes = [...secrets].filter(([, what]) => ["another cookie", "a session token", "an IDE token"].includes(what)).map(([value, what]) => [what, createHash("sha256").update(value).digest("hex").toUpperCase()]);
  // Short ones are worth guessing: no hash of them is there that needs neither a salt nor a key.
  for (const [value, what] of secrets)
    if (what === "a recovery code")
      for (const text of [value, value.replaceAll("-", "")]) assert.ok(!dump.toUpperCase().includes(createHash("sha256").update(text).digest("hex").toUpperCase()), "a plain hash of a recovery code");
  for (const [what, hash] of hashes) assert.ok(dump.toUpperCase().includes(hash), `the SHA-256 of ${what}`);
  const [[phc]] = await sql(`SELECT hash FROM password JOIN users USING (user_id) WHERE email = '${person.email}'`, stack.state);
  assert.match(phc, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  const [[length, seal]] = await sql(`SELECT LENGTH(f.secret), HEX(f.secret) FROM second_factor f JOIN users USING (user_id) WHERE email = '${person.email}'`, stack.state);
  const raw = Buffer.from(Secret.fromBase32([...secrets].find(([, what]) => what === "the second factor")[0]).bytes);
  assert.equal(Number(length), 1 + 12 + raw.length + 16, "version, nonce, text, tag");
  assert.ok(!seal.includes(raw.toString("hex").toUpperCase()) && !dump.toUpperCase().includes(raw.toString("hex").toUpperCase()));
});

test("no answer shows what another one gave out, and no address carries it (F-93, F-94)", () => {
  const wrong = [];
  for (const [value, what] of secrets) {
    const bodies = answers.filter(({ answer }) => answer.text.includes(value));
    const given = /cookie|password|mailed|verifier|bearer/.test(what) || !/^[a-z ]+$/i.test(what) ? 0 : 1;
    if (bodies.length > given) wrong.push(`${what}: ${bodies.map(({ what: name }) => name).join(", ")}`);
    for (const { what: name, answer } of answers) if (answer.headers.location?.includes(value)) wrong.push(`${what} in the address that ${name} leads to`);
  }
  assert.deepEqual(wrong, []);
  for (const { what, answer } of answers) {
    assert.match(answer.headers["referrer-policy"] ?? "", /no-referrer|strict-origin/, what);
    assert.match(answer.headers["cache-control"] ?? "", /no-store/, `${what}: A-38`);
  }
});
