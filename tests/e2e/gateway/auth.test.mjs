// Who calls the gateway (gateway.md 0.1): session tokens, IDE tokens, Supabase tokens; whose account a Supabase person
// has; and what no token may ever do.
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { UnsecuredJWT, exportJWK } from "jose";
import { URL_BASE, eventually, ownStack, randomEmail, request, signIn, sql, turnpike } from "../support.mjs";
import { claims, ideToken, isUnauthorized, mint, now, secret, sign, userOf, whoIs } from "./support.mjs";

test("nobody is anonymous, and a bad credential is not nobody", async () => {
  assert.deepEqual((await whoIs(undefined)).user, null);
  for (const header of ["Bearer", "Bearer ", "Basic YTpi", "bearer x", "Bearer a b", "", `Bearer ${"x".repeat(3000)}`])
    isUnauthorized(await whoIs(undefined, { headers: { Authorization: header } }), `'${header.slice(0, 20)}'`);
});

test("a session token is good here, until it ends", async () => {
  const person = await signIn();
  assert.equal((await whoIs(person.token)).user, await userOf(person.email));
  isUnauthorized(await whoIs(person.token.replace(/.$/, (c) => (c === "A" ? "B" : "A"))), "another token");
  assert.equal((await person.post("/api/auth/signout")).status, 200);
  isUnauthorized(await whoIs(person.token), "signed out");
});

describe("IDE tokens", () => {
  test("are made, used, listed and revoked", async () => {
    const person = await signIn(), token = await ideToken(person.email);
    assert.match(token, /^cgx_[A-Za-z0-9_-]{43}$/);
    assert.equal((await whoIs(token)).user, await userOf(person.email));
    assert.equal((await whoIs(undefined, { headers: { Authorization: `bearer  ${token}` } })).status, 201, "the scheme in any case");
    const [[stored]] = await sql(`SELECT COUNT(*) FROM ide_token WHERE token_hash = UNHEX(SHA2('${token}', 256))`);
    assert.equal(stored, "1", "only its hash is kept");
    const { stdout } = await turnpike(["ide-token", "list", "--user", person.email]);
    assert.match(stdout, /^dev_[A-Za-z0-9]{24}\t\S+Z\t\S+Z\tlaptop\n$/);
    assert.ok(!stdout.includes(token.slice(4, 12)));
    assert.equal((await turnpike(["ide-token", "revoke", token])).status, 0);
    isUnauthorized(await whoIs(token), "revoked");
    const other = await ideToken(person.email), id = (await turnpike(["ide-token", "list", "--user", person.email])).stdout.split("\t")[0];
    assert.equal((await turnpike(["ide-token", "revoke", id])).status, 0);
    isUnauthorized(await whoIs(other), "revoked by its id");
    assert.notEqual((await turnpike(["ide-token", "revoke", other])).status, 0, "there is none any more");
    assert.notEqual((await turnpike(["ide-token", "create", "--user", randomEmail("no")])).status, 0);
  });

  test("live for 90 days after a use, which is written down once an hour; they end to the second (A-31)", async () => {
    const person = await signIn(), token = await ideToken(person.email), day = 86400e6;
    const where = `WHERE token_hash = UNHEX(SHA2('${token}', 256))`;
    const times = async () => (await sql(`SELECT last_used_at_us, expires_at_us FROM ide_token ${where}`))[0].map(Number);
    const made = await times();
    assert.ok(Math.abs(made[1] - made[0] - 90 * day) < 1e6);
    await whoIs(token);
    assert.deepEqual(await times(), made, "not again within the hour");
    await sql(`UPDATE ide_token SET last_used_at_us = last_used_at_us - 3601000000, expires_at_us = expires_at_us - 3601000000 ${where}`);
    await whoIs(token);
    const used = await times();
    assert.ok(used[0] >= made[0] && Math.abs(used[1] - used[0] - 90 * day) < 1e6);
    await sql(`UPDATE ide_token SET expires_at_us = ${Date.now()}000 + 2000000 ${where}`);
    assert.equal((await whoIs(token)).status, 201, "two seconds before");
    await sql(`UPDATE ide_token SET expires_at_us = ${Date.now()}000 ${where}`);
    isUnauthorized(await whoIs(token), "expired");
  });

  test("of other shapes are none", async () => {
    const token = await ideToken((await signIn()).email);
    for (const other of [token.slice(0, -1), `${token}A`, token.slice(4), token.replace("cgx_", "CGX_"), `${token.slice(0, -1)}+`, `cgx_${randomBytes(32).toString("base64url")}`])
      isUnauthorized(await whoIs(other), other);
  });
});

describe("Supabase tokens", () => {
  for (const alg of ["HS256", "ES256", "RS256"]) {
    test(`signed with ${alg}`, async () => {
      const sub = randomUUID();
      const first = await whoIs(await mint({ sub }, { alg }));
      assert.equal(first.status, 201);
      assert.equal((await whoIs(await mint({ sub }, { alg }))).user, first.user, "the same person again");
      assert.notEqual((await whoIs(await mint({}, { alg }))).user, first.user);
    });
  }

  test("made by others are as good", async () => {
    assert.equal((await whoIs(await sign(claims()))).status, 201);
    assert.equal((await whoIs(await sign(claims({ aud: ["x", "authenticated"] })))).status, 201);
    assert.equal((await whoIs(await sign(claims({ exp: now() - 30 })))).status, 201, "within the skew of a minute");
  });

  test("that must be refused (A-35)", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const { body: { keys } } = await request("GET", "/sandbox/jwks.json", { check: false });
    const [es, rs] = ["EC", "RSA"].map((kty) => keys.find((k) => k.kty === kty));
    const pem = (jwk) => createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "pem" });
    const good = await mint(), segments = good.split(".");
    const bad = {
      expired: sign(claims({ exp: now() - 61 })),
      "without exp": sign(claims({ exp: undefined })),
      "not yet valid": sign(claims({ nbf: now() + 90 })),
      "of another issuer": sign(claims({ iss: "https://evil.supabase.co/auth/v1" })),
      "without an issuer": sign(claims({ iss: undefined })),
      "for another audience": sign(claims({ aud: "anon" })),
      "without an audience": sign(claims({ aud: undefined })),
      "of the role anon": sign(claims({ role: "anon" })),
      "of the role service_role": sign(claims({ role: "service_role" })),
      "without a role": sign(claims({ role: undefined })),
      "whose sub is no UUID": sign(claims({ sub: "1" })),
      "without a sub": sign(claims({ sub: undefined })),
      "signed with another secret": sign(claims(), new TextEncoder().encode("x".repeat(32))),
      "signed with HS512": sign(claims(), new TextEncoder().encode("x".repeat(64)), { alg: "HS512" }),
      "signed by a stranger's EC key": sign(claims(), privateKey, { alg: "ES256", kid: es.kid }),
      "signed by a stranger's RSA key": sign(claims(), rsa, { alg: "RS256", kid: rs.kid }),
      "signed by a stranger without a kid": sign(claims(), privateKey, { alg: "ES256" }),
      "with a kid of another algorithm": mint({}, { kid: rs.kid }),
      "signed with PS256": sign(claims(), rsa, { alg: "PS256", kid: rs.kid }),
      "whose secret is the public EC key": sign(claims(), new TextEncoder().encode(pem(es)), { alg: "HS256", kid: es.kid }),
      "whose secret is the public RSA key": sign(claims(), new TextEncoder().encode(pem(rs)), { alg: "HS256", kid: rs.kid }),
      "of alg none": new UnsecuredJWT(claims()).encode(),
      "of alg None": `${Buffer.from('{"alg":"None"}').toString("base64url")}.${segments[1]}.`,
      "without a signature": `${segments[0]}.${segments[1]}.`,
      "with other claims": `${segments[0]}.${Buffer.from(JSON.stringify(claims())).toString("base64url")}.${segments[2]}`,
      "with padding": `${good}=`,
      "with a critical extension": sign(claims(), secret(), { alg: "HS256", crit: ["b64"], b64: true }),
      "in four segments": `${good}.x`,
      "in two segments": `${segments[0]}.${segments[1]}`,
      "of dots": "..",
    };
    for (const [why, token] of Object.entries(bad)) isUnauthorized(await whoIs(await token), why);
    const users = await sql("SELECT COUNT(*) FROM users WHERE email IS NULL");
    isUnauthorized(await whoIs(await bad["of the role anon"]), "again");
    assert.deepEqual(await sql("SELECT COUNT(*) FROM users WHERE email IS NULL"), users, "none of them opens an account");
  });

  test("open one account, also when ten come at once", async () => {
    const token = await mint({ email: randomEmail("crowd"), email_verified: true });
    const seen = await Promise.all(Array.from({ length: 10 }, () => whoIs(token)));
    assert.deepEqual(new Set(seen.map((s) => s.status)), new Set([201]));
    assert.equal(new Set(seen.map((s) => s.user)).size, 1);
    const [[identities]] = await sql(`SELECT COUNT(*) FROM supabase_identity WHERE user_id = ${seen[0].user}`);
    assert.equal(identities, "1");
  });

  test("join the account of a proved address, and of no other", async () => {
    const person = await signIn(), mine = await userOf(person.email), email = person.email;
    for (const proof of [{ email_verified: true }, { app_metadata: { email_verified: true } }])
      assert.equal((await whoIs(await mint({ email, ...proof }))).user, mine, JSON.stringify(proof));
    for (const claim of [{}, { email_verified: false }, { email_verified: "true" }, { user_metadata: { email_verified: true, email } }]) {
      const { user } = await whoIs(await mint({ email, ...claim }));
      assert.notEqual(user, mine, JSON.stringify(claim));
      assert.deepEqual(await sql(`SELECT email FROM users WHERE user_id = ${user}`), [["NULL"]], "nobody else's sign-in is taken");
      assert.deepEqual(await sql(`SELECT email FROM supabase_identity WHERE user_id = ${user}`), [[email]]);
    }
  });

  test("prove an address later: it is taken where it is free, and accounts are not merged", async () => {
    const sub = randomUUID(), email = randomEmail("later");
    const { user } = await whoIs(await mint({ sub, email }));
    assert.equal(await userOf(email), null);
    assert.equal((await whoIs(await mint({ sub, email, email_verified: true }))).user, user);
    assert.equal(await userOf(email), user);
    const taken = await signIn(), owner = await userOf(taken.email), other = randomUUID();
    const before = await whoIs(await mint({ sub: other, email: taken.email }));
    assert.notEqual(before.user, owner);
    assert.equal((await whoIs(await mint({ sub: other, email: taken.email, email_verified: true }))).user, before.user);
    assert.equal(await userOf(taken.email), owner);
  });

  test("a person who signs in by mail gets the account that their proved token opened", async () => {
    const email = randomEmail("both");
    const { user } = await whoIs(await mint({ email: email.toUpperCase(), email_verified: true }));
    const person = await signIn({ email });
    assert.equal((await whoIs(person.token)).user, user);
  });

  test("from before a deletion open nothing; a newer one opens a fresh account", async () => {
    const person = await signIn(), sub = randomUUID(), claim = { sub, email: person.email, email_verified: true };
    const old = await mint(claim), { user } = await whoIs(old), token = await ideToken(person.email);
    assert.equal(user, await userOf(person.email));
    assert.equal((await person.delete("/api/account", { confirm_email: person.email })).status, 200);
    isUnauthorized(await whoIs(old), "issued before");
    isUnauthorized(await whoIs(token), "IDE token");
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM supabase_identity WHERE email = '${person.email}'`), [["0"]]);
    assert.deepEqual(await sql(`SELECT COUNT(*) FROM feedback WHERE user_id = ${user}`), [["0"]]);
    const fresh = await eventually(async () => {
      const answer = await whoIs(await mint(claim));
      assert.equal(answer.status, 201);
      return answer;
    });
    assert.notEqual(fresh.user, user);
    isUnauthorized(await whoIs(old), "still");
  });
});

test("a suspended account is refused with every credential, and let in again", async () => {
  const person = await signIn(), jwt = await mint({ email: person.email, email_verified: true });
  const tokens = [person.token, await ideToken(person.email), jwt];
  await whoIs(jwt);
  assert.equal((await turnpike(["user", "suspend", person.email])).status, 0);
  for (const token of tokens) {
    const { status, body } = await whoIs(token);
    assert.deepEqual([status, body.error, body.code], [403, "This account is suspended", "forbidden"]);
  }
  assert.equal((await person.get("/api/account/me")).status, 403, "in every family");
  assert.equal((await turnpike(["user", "resume", person.email])).status, 0);
  for (const token of tokens) assert.equal((await whoIs(token)).status, 201);
  assert.notEqual((await turnpike(["user", "suspend", randomEmail("no")])).status, 0);
});

describe("the keys of the project", () => {
  // A project of our own, whose endpoint can be counted, emptied and shut.
  let stack, server, fetches = 0, keys = [], isAway = false;
  const port = Number(new URL(URL_BASE).port) + 34;
  const url = `http://127.0.0.1:${port}`;
  const makeKey = async (kid) => {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return { kid, sign: (payload = {}) => sign(claims({ iss: `${url}/auth/v1`, ...payload }), pair.privateKey, { alg: "ES256", kid }),
      jwk: { ...(await exportJWK(pair.publicKey)), kid, alg: "ES256", use: "sig" } };
  };
  const who = (token) => whoIs(token, { url, state: stack.state });

  before(async () => {
    server = http.createServer((asked, answer) => {
      fetches++;
      if (isAway) return answer.writeHead(500).end();
      answer.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ keys }));
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    stack = await ownStack({ port, settings: (conf) => conf.replace(/^url = .*\/sandbox\/supabase$/m, `url = ${url}`)
      .replace(/^jwks_url = .*$/m, `jwks_url = http://127.0.0.1:${server.address().port}/keys`) });
  });
  after(async () => {
    await stack?.down();
    server.close();
  });

  test("that were never had: the caller is told to come again", async () => {
    isAway = true;
    const a = await makeKey("a");
    const { status, body, headers } = await who(await a.sign());
    assert.deepEqual([status, body.code], [503, "unavailable"]);
    assert.match(headers["retry-after"], /^[1-9]\d*$/);
    keys = [a.jwk];
    isAway = false;
    await eventually(async () => assert.equal((await who(await a.sign())).status, 201));
  });

  test("are fetched once for all, and not for every unknown one", async () => {
    const [a, b] = [await makeKey("x1"), await makeKey("x2")];
    keys = [a.jwk];
    await eventually(async () => assert.equal((await who(await a.sign())).status, 201));
    const before = fetches, started = Date.now();
    for (let i = 0; i < 20; i++) assert.equal((await who(await a.sign())).status, 201);
    assert.equal(fetches, before, "kept");
    for (let i = 0; i < 20; i++) isUnauthorized(await who(await (await makeKey(`guess-${i}`)).sign()), "unknown");
    assert.ok(fetches - before <= 1 + (Date.now() - started) / 5000, `${fetches - before} fetches`);
    keys = [a.jwk, b.jwk];
    await eventually(async () => assert.equal((await who(await b.sign())).status, 201));
    assert.equal((await who(await a.sign())).status, 201, "and the former is still good");
  });

  test("that are known stay good while the endpoint is away", async () => {
    const a = await makeKey("y");
    keys = [a.jwk];
    await eventually(async () => assert.equal((await who(await a.sign())).status, 201));
    isAway = true;
    const unknown = await (await makeKey("z")).sign();
    // It may be a new key: nobody can tell. (Until the next attempt is due, it is refused.)
    await eventually(async () => {
      const answer = await who(unknown);
      assert.deepEqual([answer.status, answer.body.code], [503, "unavailable"]);
    });
    assert.equal((await who(await a.sign())).status, 201);
    isAway = false;
  });

  test("that are too short or not for signatures are no keys", async () => {
    const short = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const a = await makeKey("fine");
    keys = [{ ...(await exportJWK(short.publicKey)), kid: "short" }, { ...a.jwk, kid: "enc", use: "enc" }, a.jwk];
    await eventually(async () => assert.equal((await who(await a.sign())).status, 201));
    // jose makes no such token, so by hand.
    const { createSign } = await import("node:crypto");
    const text = [{ alg: "RS256", kid: "short" }, claims({ iss: `${url}/auth/v1` })].map((o) => Buffer.from(JSON.stringify(o)).toString("base64url")).join(".");
    const token = `${text}.${createSign("RSA-SHA256").update(text).sign(short.privateKey).toString("base64url")}`;
    isUnauthorized(await who(token), "1024 bits");
  });
});

test("the sandbox's keys can be rotated; tokens of those before stay good", async () => {
  const old = await mint(), user = (await whoIs(old)).user;
  const before = (await request("GET", "/sandbox/jwks.json", { check: false })).body.keys.map((k) => k.kid);
  assert.equal((await request("POST", "/sandbox/jwks/rotate", { check: false })).status, 200);
  const after_ = (await request("GET", "/sandbox/jwks.json", { check: false })).body.keys.map((k) => k.kid);
  assert.equal(after_.length, 4);
  assert.ok(before.slice(0, 2).every((kid) => after_.includes(kid)) && !before.includes(after_[0]));
  const token = await mint();
  await eventually(async () => assert.equal((await whoIs(token)).status, 201));
  assert.equal((await whoIs(old)).user, user);
});
