// Every kind of credential in every state, put where a request of its kind carries it. Tokens are written into the
// database as the product writes them, so that there can be hundreds at once, and also those that no request makes.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { request, sql } from "../support.mjs";
import { claims, secret, setting, sign } from "../gateway/support.mjs";
import { SESSION, person } from "./browser.mjs";

const token = () => randomBytes(32).toString("base64url");
const hash = (text) => `UNHEX('${createHash("sha256").update(text).digest("hex")}')`;
const id = (prefix) => prefix + randomBytes(12).toString("hex");
const YEAR_US = 365 * 86400e6;

// kind: the table, the columns that all have, and the SQL of one more.
const KINDS = {
  session: (text, user, now) => `INSERT INTO session (public_id, user_id, token_hash, ip, created_at_us, last_seen_at_us, expires_at_us)
    VALUES ('${id("sess_")}', ${user}, ${hash(text.slice("session:".length))}, '127.0.0.1', ${now}, ${now}, ${now + YEAR_US})`,
  web: (text, user, now) => `INSERT INTO web_session (public_id, user_id, token_hash, auth_at_us, ip, last_seen_at_us, expires_at_us)
    VALUES ('${id("web_")}', ${user}, ${hash(text)}, ${now}, '127.0.0.1', ${now}, ${now + YEAR_US})`,
  ide: (text, user, now) => `INSERT INTO ide_token (public_id, user_id, token_hash, name, created_at_us, last_used_at_us, expires_at_us)
    VALUES ('${id("dev_")}', ${user}, ${hash(text)}, 'laptop', ${now}, ${now}, ${now + YEAR_US})`,
};
const TABLES = { session: "session", web: "web_session", ide: "ide_token" };
const PREFIXES = { session: "session:", web: "", ide: "cgx_" };

export const STATES = ["live", "revoked", "expired", "suspended", "deleted", "pending"];

// What a state means in the database, for a token that was live before.
function enter(kind, text, user, state) {
  const hashed = hash(kind === "session" ? text.slice("session:".length) : text);
  return {
    live: "DO 0",
    revoked: `DELETE FROM ${TABLES[kind]} WHERE token_hash = ${hashed}`,
    expired: `UPDATE ${TABLES[kind]} SET expires_at_us = ${Date.now() * 1000 - 1e6} WHERE token_hash = ${hashed}`,
    suspended: `UPDATE users SET suspended_at_us = 1 WHERE user_id = ${user}`,
    deleted: `UPDATE users SET deleted_at_us = 1 WHERE user_id = ${user}`,
    pending: `UPDATE users SET mfa_since_us = ${Date.now() * 1000 + 1e6} WHERE user_id = ${user}`,
  }[state];
}

export async function credential(kind, state, { stack, user } = {}) {
  if (kind === "jwt") return jwt(state, stack);
  const text = PREFIXES[kind] + token(), who = user ?? await person({ password: false, state: stack?.state });
  await sql(`${KINDS[kind](text, who.id, Date.now() * 1000)}; ${enter(kind, text, who.id, state)}`, stack?.state);
  return { kind, state, text, user: who };
}

async function jwt(state, stack) {
  const now = Math.floor(Date.now() / 1000), sub = randomUUID(), iss = `${stack.url}/sandbox/supabase/auth/v1`;
  const key = new TextEncoder().encode(setting("supabase", "jwt_secret", stack.state));
  const make = (more) => sign(claims({ iss, sub, iat: now - 3600, ...more }), key);
  const seen = await request("GET", `${stack.url}/v1/account/me`, { headers: { Authorization: `Bearer ${await make({})}` }, check: false });
  if (seen.status !== 200) throw new Error(seen.text);
  const where = `subject_hash = ${hash(sub)}`;
  const [[user]] = await sql(`SELECT user_id FROM supabase_identity WHERE ${where}`, stack.state);
  const [[publicId]] = await sql(`SELECT public_id FROM users WHERE user_id = ${user}`, stack.state);
  const enters = {
    live: "DO 0",
    expired: "DO 0",
    suspended: `UPDATE users SET suspended_at_us = 1 WHERE user_id = ${user}`,
    deleted: `UPDATE supabase_identity SET user_id = NULL, closed_at_us = ${now * 1e6} WHERE ${where}`,
    pending: `UPDATE users SET mfa_since_us = 1 WHERE user_id = ${user}`,
  };
  if (!(state in enters)) return null; // it is valid until it expires: nobody can revoke it
  await sql(enters[state], stack.state);
  return { kind: "jwt", state, text: await make(state === "expired" ? { exp: now - 120 } : {}), user: { id: Number(user), publicId } };
}

// Where a request carries it.
const bearer = (text) => ({ Authorization: `Bearer ${text}` });
const cookie = (text) => ({ Cookie: `${SESSION}=${text}` });
const CARRIERS = {
  session: { bearer, "bare bearer": (text) => bearer(text.slice("session:".length)), "x-api-key": (text) => ({ "x-api-key": text }), cookie: (text) => cookie(text.slice("session:".length)) },
  web: { cookie, bearer, "bearer session:": (text) => bearer(`session:${text}`), "cookie of https": (text) => ({ Cookie: `__Secure-${SESSION}=${text}` }) },
  ide: { bearer, "x-api-key": (text) => ({ "x-api-key": text }), cookie },
  jwt: { bearer, "x-api-key": (text) => ({ "x-api-key": text }), cookie },
};

export const carriersOf = (kind) => Object.keys(CARRIERS[kind]);
export const carried = (credential, carrier) => ({ ...credential, carrier, headers: CARRIERS[credential.kind][carrier](credential.text) });

// What is none, in the shapes of all.
export async function garbage(cronSecret) {
  const forged = await sign(claims(), new TextEncoder().encode("0".repeat(64)));
  const headers = { "an unknown session": bearer(`session:${token()}`), "an unknown IDE token": bearer(`cgx_${token()}`), "a forged JWT": bearer(forged), "an unsigned JWT": bearer(`${forged.split(".").slice(0, 2).join(".")}.`),
    "no token": bearer(""), "a long token": bearer("x".repeat(4000)), "other bytes": bearer("\u00e9'\"<script>"), "the secret of cron": bearer(cronSecret), "Basic": { Authorization: `Basic ${btoa("a:b")}` },
    "another scheme": { Authorization: `Token ${token()}` }, "an unknown cookie": cookie(token()), "a malformed cookie": cookie("x"), "an unknown key": { "x-api-key": `cgx_${token()}` } };
  return Object.entries(headers).map(([carrier, header]) => ({ kind: "garbage", state: "none", carrier, headers: header }));
}

export { secret };
