// What the gateway's tests share: tokens of every kind, and who was taken for whom.
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { SignJWT } from "jose";
import { STATE, URL_BASE, Visitor, request, sql, turnpike } from "../support.mjs";

// Section and key of the stack's turnpike.conf.
export function setting(section, key, state = STATE) {
  const text = fs.readFileSync(path.join(state, "turnpike.conf"), "utf8").split(`[${section}]`)[1];
  return text.match(new RegExp(`^${key} = (.*)$`, "m"))[1];
}

export const ISSUER = `${URL_BASE}/sandbox/supabase/auth/v1`;
export const secret = () => new TextEncoder().encode(setting("supabase", "jwt_secret"));
export const now = () => Math.floor(Date.now() / 1000);

// A token of the sandbox's Supabase; null leaves a claim out.
export async function mint(claims = {}, { alg, kid, url = URL_BASE } = {}) {
  const { status, body, text } = await request("POST", `${url}/sandbox/jwt`, { body: { claims, alg, kid }, check: false });
  if (status !== 200) throw new Error(text);
  return body.token;
}

// What a good token says.
export const claims = (other = {}) => ({ iss: ISSUER, aud: "authenticated", role: "authenticated", sub: randomUUID(), iat: now(), exp: now() + 3600, ...other });

// The same made by jose, with a key of ours.
export function sign(payload, key = secret(), header = { alg: "HS256", typ: "JWT" }) {
  return new SignJWT(payload).setProtectedHeader(header).sign(key);
}

export async function ideToken(email, state = STATE) {
  const { status, stdout, stderr } = await turnpike(["ide-token", "create", "--user", email, "--name", "laptop"], state);
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

// Whom the gateway takes the bearer of a token for: {status, user} of a call that anybody may make. Each comes from
// another address, since few calls are let through from one.
export async function whoIs(token, { url = URL_BASE, state = STATE, headers } = {}) {
  const visitor = new Visitor({ token });
  const answer = await visitor.post(`${url}/v1/feedback`, { message: "who am I?" }, { headers });
  if (answer.status !== 201) return answer;
  const [[user]] = await sql(`SELECT user_id FROM feedback WHERE public_id = '${answer.body.id}'`, state);
  return { status: 201, headers: answer.headers, user: user === "NULL" ? null : Number(user) };
}

export async function userOf(email, state = STATE) {
  const rows = await sql(`SELECT user_id FROM users WHERE email = '${email}'`, state);
  return rows.length ? Number(rows[0][0]) : null;
}

export function isUnauthorized(answer, why) {
  if (answer.status !== 401) throw new Error(`${why}: ${answer.status} ${answer.text}`);
  if (answer.headers["www-authenticate"] !== "Bearer") throw new Error(`${why}: no WWW-Authenticate`);
  const { error, code } = answer.body;
  if (error !== "Missing or invalid token" || code !== "unauthorized") throw new Error(`${why}: ${answer.text}`);
}
