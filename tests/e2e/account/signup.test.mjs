// Sign-up with a password (account.md section 3): what it accepts, what its answer tells, and whose account it becomes.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { URL_BASE, Visitor, codeOf, credit, eventually, mailTo, ownStack, randomEmail, request, signIn, sql } from "../support.mjs";
import { OTHER, PASSWORD, browser, confirm, forgot, isFailure, isInvalid, look, mailsTo, oauthOnly, person, reset, resetToken, signUp, start, tokenOf, withPassword } from "./mailing.mjs";

const OWN_PORT = Number(new URL(URL_BASE).port) + 60;
const post = (path, body, options = {}) => new Visitor().post(path, body, options);
const unproved = (email) => sql(`SELECT user_id FROM users WHERE email = '${email}' AND email_verified_at_us IS NULL`);

test("a sign-up becomes an account when its link is confirmed", async () => {
  const email = randomEmail("new"), visitor = new Visitor();
  const answer = await signUp({ email: ` ${email.toUpperCase()} `, password: PASSWORD, name: " Ann Ö. " }, { visitor });
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.body, { ok: true });
  assert.equal(answer.headers["set-cookie"], undefined, "it signs nobody in");

  const [mail] = await mailsTo(email, 1);
  assert.match(mail.subject, /^Confirm your e-mail address for /);
  assert.match(mail.text, new RegExp(`\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC, from ${visitor.address.replaceAll(".", "\\.")}\\.`), "when and from where");
  const token = tokenOf(mail, "verify");
  assert.equal((await withPassword({ email, password: PASSWORD })).status, 401, "not before");
  assert.equal(await browser(email, PASSWORD), null, "not before");
  const [[hash, kept]] = await sql(`SELECT HEX(token_hash), password_hash FROM email_token JOIN users USING (user_id) WHERE email = '${email}'`);
  const [[sha]] = await sql(`SELECT UPPER(SHA2('${token}', 256))`);
  assert.equal(hash, sha, "only its SHA-256 is stored");
  assert.match(kept, /^\$argon2id\$/);

  const confirmed = await confirm({ token });
  assert.equal(confirmed.status, 200);
  assert.deepEqual(confirmed.body, { ok: true, email });
  assert.equal(confirmed.headers["set-cookie"], undefined);
  isFailure(await confirm({ token }), 409, "already_verified", "a second time");
  assert.deepEqual(await sql(`SELECT COUNT(*) FROM email_token JOIN users USING (user_id) WHERE email = '${email}' AND password_hash IS NOT NULL`), [["0"]]);

  const signedIn = await withPassword({ email, password: PASSWORD });
  assert.equal(signedIn.status, 200);
  assert.equal(signedIn.body.user.display_name, "Ann Ö.");
  assert.ok(await browser(email, PASSWORD));
  const events = await sql(`SELECT event FROM audit_event JOIN users USING (user_id) WHERE email = '${email}' ORDER BY audit_event_id`);
  assert.deepEqual(events.flat(), ["signed_up", "sign_in_refused", "sign_in_refused", "email_verified", "signed_in", "signed_in"]);
});

test("what is at fault is named", async () => {
  const email = randomEmail("fault"), good = { email, password: PASSWORD };
  const cases = [
    [{ password: PASSWORD }, "email"], [{ ...good, email: 7 }, "email"], [{ ...good, email: "" }, "email"],
    [{ ...good, email: "no address" }, "email"], [{ ...good, email: "a@b" }, "email"], [{ ...good, email: `${"x".repeat(65)}@example.org` }, "email"],
    [{ email }, "password"], [{ ...good, password: 123456789012 }, "password"], [{ ...good, password: null }, "password"],
    [{ ...good, name: "" }, "name"], [{ ...good, name: "x".repeat(81) }, "name"], [{ ...good, name: ["x"] }, "name"], [{ ...good, name: "a\u202eb" }, "name"],
    [{ ...good, name: "🙂".repeat(41) }, "name"],
  ];
  for (const [body, field] of cases) isInvalid(await signUp(body), field, JSON.stringify(body));
  for (const body of ["{", "", "[]", "\"text\"", "{\"email\":1,\"email\":2}", "{\"email\":\"a\\u0000@example.org\"}"]) {
    const answer = await signUp(body);
    isFailure(answer, 400, "validation", body);
  }
  const odd = await post("/api/auth/signup", JSON.stringify({ ...good, name: "🙂".repeat(40), more: 1 }), { headers: { "Content-Type": "text/plain" } });
  assert.equal(odd.status, 201, "other members are ignored, and so is the type");
  isFailure(await signUp({ ...good, password: "x".repeat(66000) }), 413, "too_large", "a large body");
});

test("a password has 12 to 200 UTF-16 code units, of any characters (A-18, A-20)", async () => {
  const word = (n) => "zebra-Umlaut-ä€-".repeat(20).slice(0, n);
  for (const [password, ok] of [[word(11), false], [word(12), true], [word(64), true], [word(200), true], [word(201), false],
    ["🦓🪗🧭🛶🪁", false], ["🦓🪗🧭🛶🪁x", false], ["🦓🪗🧭🛶🪁🧵", true], ["🦓🪗🧭🛶🪁🧵🪶🧲🪜🧪".repeat(10), true], ["🦓🪗🧭🛶🪁🧵🪶🧲🪜🧪".repeat(10) + "x", false]]) {
    const answer = await signUp({ email: randomEmail("length"), password });
    if (ok) assert.equal(answer.status, 201, `${password.length} units: ${answer.text}`);
    else isInvalid(answer, "password", `${password.length} units`);
  }
  const long = word(199), { email } = await person({ password: `${long}é` });
  assert.equal((await withPassword({ email, password: `${long}é` })).status, 200);
  assert.equal((await withPassword({ email, password: `${long}è` })).status, 401, "the last character counts");
  assert.equal((await withPassword({ email, password: long })).status, 401, "nothing is cut off");
  assert.equal((await withPassword({ email, password: ` ${long}é` })).status, 401, "nothing is trimmed");
});

test("passwords that everybody tries, and the address itself, are refused (A-19)", async () => {
  const heads = ["password", "qwertyuiop", "iloveyou", "123456789", "letmein", "welcome", "superman", "football", "princess", "dragon"];
  const tails = ["123456789", "1234567890", "password", "qwerty123456", "123123123", "111111111", "12345678910", "iloveyou1", "000000000", "987654321"];
  const common = heads.flatMap((head) => tails.map((tail) => head + tail));
  assert.equal(common.length, 100);
  assert.ok(common.every((text) => text.length >= 12));
  for (const password of common) isInvalid(await signUp({ email: randomEmail("common"), password }), "password", password);
  const local = `marigold${Date.now()}`;
  isInvalid(await signUp({ email: `${local}@example.org`, password: `xx${local.toUpperCase()}yy` }), "password", "the address in it");
});

test("the answer is the same for every address (F-41); owners are told by mail", async () => {
  const proved = await person(), code = await signIn(), oauth = await oauthOnly(), suspended = await person(), waiting = randomEmail("waiting"), unknown = randomEmail("unknown");
  await sql(`UPDATE users SET suspended_at_us = 1 WHERE email = '${suspended.email}'`);
  await signUp({ email: waiting, password: OTHER });
  const emails = [unknown, proved.email, code.email, oauth.email, suspended.email, waiting];
  const answers = [];
  for (const email of emails) answers.push(look(await signUp({ email, password: OTHER })));
  for (const answer of answers) assert.deepEqual(answer, answers[0]);

  const [told] = await mailsTo(proved.email, 2);
  assert.match(told.subject, /^You have an account at /);
  assert.ok(told.text.includes(`${URL_BASE}/signin\n`) && !told.text.includes("/verify/"), told.text);
  tokenOf((await mailsTo(waiting, 2))[0], "verify");
  tokenOf((await mailsTo(unknown, 1))[0], "verify");
  assert.equal((await withPassword({ email: proved.email, password: PASSWORD })).status, 200, "the password stays");
  assert.equal((await withPassword({ email: proved.email, password: OTHER })).status, 401);
  assert.equal((await withPassword({ email: code.email, password: OTHER })).status, 401);
});

test("five calls an hour from one address, for all that is sensitive together; the limit hides the rest", async () => {
  const visitor = new Visitor(), email = randomEmail("limit");
  assert.equal((await signUp({ email, password: PASSWORD }, { visitor })).status, 201);
  assert.equal((await forgot({ email }, { visitor })).status, 200);
  isInvalid(await reset({ token: "x".repeat(43) }, { visitor }), "password", "counted, too");
  isFailure(await confirm({ token: "x".repeat(43) }, { visitor }), 404, "not_found", "counted, too");
  assert.equal((await forgot("{", { visitor })).status, 400);
  for (const call of [signUp, forgot, reset, confirm]) {
    const answer = await call("{", { visitor });
    isFailure(answer, 429, "rate_limited", "the sixth");
    assert.match(answer.headers["retry-after"], /^\d+$/);
    assert.ok(Number(answer.headers["retry-after"]) <= 3600);
  }
  assert.equal((await start({ email }, { visitor })).status, 200, "asking for a link is counted by address and mailbox");
});

test("ten mails an hour to one mailbox, whoever has them sent, from wherever", async () => {
  const { email } = await person();
  const mails = () => eventually(async () => {
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM outbox WHERE state = 'pending' AND recipient_hash = UNHEX(SHA2('${email}', 256))`), [["0"]]);
    return (await request("GET", `/sandbox/mail.json?to=${encodeURIComponent(email)}`, { check: false })).body.length;
  });
  for (let i = 0; i < 8; i++) assert.equal((await forgot({ email })).status, 200);
  assert.equal((await signUp({ email, password: OTHER })).status, 201);
  const before = await mails();
  assert.deepEqual(look(await forgot({ email })), look(await forgot({ email: randomEmail("fresh") })), "nobody is told");
  assert.equal(await mails(), before);
  const refused = await signUp({ email, password: OTHER });
  isFailure(refused, 429, "rate_limited", "a sign-up would be lost");
  assert.match(refused.headers["retry-after"], /^\d+$/);
});

// Nothing outside ASCII becomes ASCII, whatever looks the same.
test("addresses that look like another one's are not that one's (F-44)", async () => {
  const victim = await person({ email: `kim.${randomEmail("i")}` }), [local, host] = victim.email.split("@");
  const alike = [
    ["KELVIN SIGN", victim.email.replace("k", "\u212a")], ["dotless i", victim.email.replace("i", "ı")], ["capital I with dot", victim.email.replace("i", "İ")],
    ["zero width space", `${local}\u200b@${host}`], ["zero width joiner", `\u200d${victim.email}`], ["NBSP behind", `${victim.email}\u00a0`], ["NBSP before", `\u00a0${victim.email}`],
    ["full-width letter", victim.email.replace("m", "ｍ")], ["full-width at", `${local}＠${host}`], ["full-width host", `${local}@ｅxample.org`], ["ideographic dot", `${local}@example。org`],
    ["trailing dot", `${victim.email}.`], ["quotes", `"${local}"@${host}`], ["comment", `${local}(x)@${host}`], ["angle brackets", `<${victim.email}>`],
    ["two of them", `${victim.email},other@example.org`], ["line end", `${victim.email}\r\nBcc: other@example.org`], ["soft hyphen", `${local}\u00ad@${host}`],
  ];
  for (const [why, email] of alike) {
    isInvalid(await signUp({ email, password: OTHER }), "email", why);
    assert.equal((await forgot({ email })).status, 200, why);
    assert.equal((await start({ email })).status, 200, why);
    assert.equal((await withPassword({ email, password: PASSWORD })).status, 401, why);
  }
  for (const call of [signUp, forgot, start, withPassword]) {
    const answer = await call(`{"email":"${victim.email}\\u0000.evil.org","password":"${OTHER}"}`);
    assert.equal(answer.status, 400, "NUL");
  }
  await mailsTo(victim.email, 1);
  assert.equal((await withPassword({ email: ` ${victim.email.toUpperCase()}\t`, password: PASSWORD })).status, 200, "case and blanks are no difference");
});

describe("whose account it becomes", () => {
  test("whoever proves the address with a code takes it, without the password of who claimed it", async () => {
    const email = randomEmail("victim");
    await signUp({ email, password: OTHER, name: "Mallory" });
    const link = tokenOf((await mailsTo(email, 1))[0], "verify");
    const owner = await signIn({ email });
    assert.equal(owner.user.display_name, undefined, "nor the name");
    assert.equal((await withPassword({ email, password: OTHER })).status, 401);
    assert.equal(await browser(email, OTHER), null);
    isFailure(await confirm({ token: link }), 409, "already_verified", "the claimant's link");
    assert.equal((await withPassword({ email, password: OTHER })).status, 401, "and it does nothing");
    assert.equal((await owner.get("/api/account/me")).status, 200);
  });

  // Both mails look alike: whoever sees somebody sign up could have one sent that lies on top.
  test("of two sign-ups, neither password counts, whichever link is confirmed, and however old the other is", async () => {
    for (const { pick, late } of [{ pick: 0 }, { pick: 1 }, { pick: 1, late: true }]) {
      const email = randomEmail("twice"), links = [];
      for (const [password, name] of [[PASSWORD, "Victoria"], [OTHER, "Mallory"]]) {
        await signUp({ email, password, name });
        links.push(tokenOf((await mailsTo(email, links.length + 1))[0], "verify"));
        if (late && links.length === 1) await sql(`UPDATE email_token SET expires_at_us = 1 WHERE token_hash = UNHEX(SHA2('${links[0]}', 256))`);
      }
      assert.notEqual(links[0], links[1]);
      assert.equal((await confirm({ token: links[pick] })).status, 200);
      isFailure(await confirm({ token: links[1 - pick] }), 409, "already_verified", "the other link");
      for (const password of [PASSWORD, OTHER]) {
        assert.equal((await withPassword({ email, password })).status, 401);
        assert.equal(await browser(email, password), null);
      }
      assert.equal((await signIn({ email })).user.display_name, undefined, "nor a name");
    }
  });

  test("a sign-up after such a link does not get in by it, nor by the next one", async () => {
    for (const again of [false, true]) {
      const email = randomEmail("third"), link = async (n) => tokenOf((await mailsTo(email, n))[0], "verify");
      await signUp({ email, password: OTHER });
      await link(1);
      await signUp({ email, password: PASSWORD });
      await link(2);
      assert.equal((await start({ email })).status, 200);
      await link(3);
      await signUp({ email, password: OTHER });
      let token = await link(4);
      if (again) {
        assert.equal((await start({ email })).status, 200);
        token = await link(5);
      }
      assert.equal((await confirm({ token })).status, 200);
      assert.equal((await withPassword({ email, password: OTHER })).status, 401);
    }
  });

  test("a link that was made while the address was being proved takes nothing over", async () => {
    const email = randomEmail("late");
    await signUp({ email, password: OTHER });
    const token = tokenOf((await mailsTo(email, 1))[0], "verify");
    await sql(`UPDATE users SET email_verified_at_us = 1, mfa_since_us = 1, signed_up_at_us = NULL WHERE email = '${email}'`);
    isFailure(await confirm({ token }), 409, "already_verified", "proved");
    assert.deepEqual(await sql(`SELECT mfa_since_us, (SELECT COUNT(*) FROM password p WHERE p.user_id = u.user_id) FROM users u WHERE email = '${email}'`), [["1", "0"]]);
  });

  test("a first sign-in by code while somebody signs up with the address", async () => {
    const email = randomEmail("meet"), visitor = new Visitor();
    assert.equal((await visitor.post("/api/auth/request-code", { email })).status, 200);
    const code = codeOf(await mailTo(email));
    const claim = sql(`START TRANSACTION; INSERT INTO users (public_id, email, created_at_us, signed_up_at_us) VALUES ('usr_${email.slice(0, 24)}', '${email}', 1, 1); SELECT 1, SLEEP(1); COMMIT`);
    await eventually(async () => assert.equal((await sql("SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User sleep' AND info LIKE 'SELECT 1, SLEEP%'"))[0][0], "1"));
    const answer = await visitor.post("/api/auth/verify", { email, code });
    await claim;
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(await sql(`SELECT email_verified_at_us IS NOT NULL FROM users WHERE email = '${email}'`), [["1"]]);
  });

  test("a link that replaces those of two sign-ups carries no password; of one, its own", async () => {
    for (const passwords of [[PASSWORD], [OTHER, PASSWORD]]) {
      const email = randomEmail("asked"), links = [];
      for (const password of passwords) {
        await signUp({ email, password });
        links.push(tokenOf((await mailsTo(email, links.length + 1))[0], "verify"));
      }
      assert.equal((await start({ email })).status, 200);
      const link = tokenOf((await mailsTo(email, links.length + 1))[0], "verify");
      for (const old of links) isFailure(await confirm({ token: old }), 410, "expired", "replaced");
      assert.equal((await confirm({ token: link })).status, 200);
      assert.equal((await withPassword({ email, password: OTHER })).status, 401);
      assert.equal((await withPassword({ email, password: PASSWORD })).status, passwords.length === 1 ? 200 : 401);
      const token = await resetToken(email, links.length + 2);
      assert.equal((await reset({ token, password: `${PASSWORD}!` })).status, 200, "its owner sets one");
      assert.equal((await withPassword({ email, password: `${PASSWORD}!` })).status, 200);
    }
  });

  test("many links of one address at once: one is confirmed", async () => {
    const email = randomEmail("race"), links = [];
    for (let i = 0; i < 4; i++) {
      await signUp({ email, password: `${PASSWORD} ${i}` });
      links.push(tokenOf((await mailsTo(email, i + 1))[0], "verify"));
    }
    const answers = await Promise.all([...links, ...links, ...links].map((token) => confirm({ token })));
    assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, ...Array(11).fill(409)]);
    for (let i = 0; i < 4; i++) assert.equal((await withPassword({ email, password: `${PASSWORD} ${i}` })).status, 401, "no password of several");
  });

  test("at most five links live; the oldest give way", async () => {
    const email = randomEmail("many"), links = [];
    for (let i = 0; i < 6; i++) {
      await signUp({ email, password: `${PASSWORD} ${i}` });
      links.push(tokenOf((await mailsTo(email, i + 1))[0], "verify"));
    }
    isFailure(await confirm({ token: links[0] }), 410, "expired", "the oldest");
    assert.equal((await confirm({ token: links[1] })).status, 200);
  });

  test("one that waits may be forgotten: the new password counts once the address is proved", async () => {
    const email = randomEmail("forgot");
    await signUp({ email, password: OTHER });
    const old = tokenOf((await mailsTo(email, 1))[0], "verify");
    const token = await resetToken(email, 2);
    assert.equal((await reset({ token, password: PASSWORD })).status, 200);
    assert.equal((await withPassword({ email, password: PASSWORD })).status, 401, "a reset proves nothing");
    isFailure(await confirm({ token: old }), 409, "already_verified", "the sign-up's own link");
    assert.equal((await confirm({ token: tokenOf((await mailsTo(email, 3))[0], "verify") })).status, 200);
    assert.equal((await withPassword({ email, password: PASSWORD })).status, 200);
    assert.equal((await withPassword({ email, password: OTHER })).status, 401);
  });

  test("a claim that nobody proves ends after seven days", async () => {
    const [old, young, renewed, proved, gifted] = ["old", "young", "renewed", "proved", "gifted"].map(randomEmail);
    for (const email of [old, young, renewed, gifted]) await signUp({ email, password: PASSWORD });
    for (const email of [old, young, renewed, gifted]) await mailsTo(email, 1);
    await credit(gifted, { topup: 1000000 });
    await person({ email: proved });
    const days = (n) => `${Math.round((Date.now() - n * 86400000) * 1000)}`;
    await sql(`UPDATE users SET created_at_us = ${days(8)}, signed_up_at_us = IF(signed_up_at_us IS NULL, NULL, ${days(8)}) WHERE email IN ('${renewed}', '${proved}')`);
    await sql(`UPDATE users SET created_at_us = ${days(6.9)}, signed_up_at_us = ${days(6.9)} WHERE email = '${young}'`);
    await signUp({ email: renewed, password: OTHER });
    await mailsTo(renewed, 2);
    await sql(`UPDATE users SET created_at_us = ${days(7.1)}, signed_up_at_us = ${days(7.1)} WHERE email IN ('${old}', '${gifted}')`);
    await eventually(async () => assert.deepEqual(await unproved(old), []), 90000);
    await eventually(async () => assert.deepEqual(await sql(`SELECT signed_up_at_us FROM users WHERE email = '${gifted}'`), [["NULL"]], "the operator has given it something"));
    for (const email of [young, renewed]) assert.equal((await unproved(email)).length, 1, email);
    assert.equal((await withPassword({ email: proved, password: PASSWORD })).status, 200);
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM email_token t LEFT JOIN users u USING (user_id) WHERE u.user_id IS NULL`), [["0"]]);
  });
});

describe("other settings", () => {
  let stack;
  const account = (lines) => (conf) => `${conf.replace(/\n\[account\]\n(?:\w+ = .*\n)*/, "\n")}\n[account]\n${lines.join("\n")}\n`;
  before(async () => (stack = await ownStack({ port: OWN_PORT, settings: account(["signup_tells = yes"]) })));
  after(() => stack?.down());
  const send = (path, body) => post(`${stack.url}${path}`, body, { check: false });

  test("signup_tells: a free address is answered with its account, a taken one is refused", async () => {
    const email = randomEmail("told");
    const answer = await send("/api/auth/signup", { email, password: PASSWORD, name: "Ann" });
    assert.equal(answer.status, 201);
    const { id, ...user } = answer.body.user;
    assert.match(id, /^usr_[A-Za-z0-9]{24}$/);
    assert.deepEqual(user, { email, name: "Ann", image: null });
    for (let i = 0; i < 2; i++) {
      const again = await send("/api/auth/signup", { email, password: OTHER });
      isFailure(again, 409, "constraint", "taken");
      assert.equal(again.body.field, "email");
    }
    const at = await Promise.all(Array.from({ length: 8 }, () => send("/api/auth/signup", { email: `at-once-${email}`, password: PASSWORD })));
    assert.deepEqual(at.map((one) => one.status).sort(), [201, ...Array(7).fill(409)], "one of many at once");
    assert.equal((await send("/api/auth/password", { email, password: PASSWORD })).status, 401, "still to be proved");
  });

  test("signup_tells: who was first may not be the owner; of several, no password counts", async () => {
    const email = randomEmail("first");
    assert.equal((await send("/api/auth/signup", { email, password: OTHER })).status, 201);
    isFailure(await send("/api/auth/signup", { email, password: PASSWORD }), 409, "constraint", "taken");
    const links = await eventually(async () => {
      const { body } = await request("GET", `${stack.url}/sandbox/mail.json?to=${encodeURIComponent(email)}`, { check: false });
      assert.equal(body.length, 2);
      return body.map((mail) => mail.text.match(/\/verify\/([\w-]{43})/)[1]);
    });
    assert.equal((await send("/api/account/verify-email/confirm", { token: links[1] })).status, 200);
    for (const password of [OTHER, PASSWORD]) assert.equal((await send("/api/auth/password", { email, password })).status, 401);
  });

  test("without mail, an account is there at once", async () => {
    await stack.configure(account(["mail = no"]));
    const email = randomEmail("mailless");
    const answer = await send("/api/auth/signup", { email, password: PASSWORD });
    assert.equal(answer.status, 201);
    assert.equal(answer.body.user.name, null);
    assert.equal((await send("/api/auth/password", { email, password: PASSWORD })).body.user.id, answer.body.user.id);
    isFailure(await send("/api/auth/signup", { email, password: OTHER }), 409, "constraint", "taken");
    const { token } = (await send("/api/auth/password", { email, password: PASSWORD })).body;
    const queued = await sql("SELECT COUNT(*) FROM outbox", stack.state);
    const changed = await new Visitor({ token }).post(`${stack.url}/api/account/change-password`, { currentPassword: PASSWORD, newPassword: OTHER }, { check: false });
    assert.equal(changed.status, 200, changed.text);
    assert.deepEqual(await sql("SELECT COUNT(*) FROM outbox", stack.state), queued, "no notice that nobody can deliver");
    for (const path of ["/api/account/forgot-password", "/api/account/verify-email/start"]) {
      assert.deepEqual((await send(path, { email })).body, { ok: true, configured: false });
    }
    assert.deepEqual(await sql("SELECT COUNT(*) FROM outbox", stack.state), await sql("SELECT COUNT(*) FROM outbox WHERE state = 'done'", stack.state));
    assert.deepEqual(await sql("SELECT COUNT(*) FROM email_token WHERE purpose = 'reset'", stack.state), [["0"]], "nothing was done");
  });
});
