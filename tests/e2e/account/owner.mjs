// Somebody with an account and a browser's session, made by hand: what these tests are about begins behind the sign-in.
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { STATE, Visitor, randomEmail, sql, turnpike } from "../support.mjs";

export const PASSWORD = "correct horse battery";
const HASH = "$2b$12$aehHGhb7bJVHSl6wp7tbuuuMsZpVH239HqpR61XOMqUTF.OzrKW4O"; // of PASSWORD
export const COOKIE = "authjs.session-token";

export const MICROSECONDS = { minute: 60e6, hour: 3600e6, day: 86400e6 };
export const nowMicro = () => Date.now() * 1000;

// Another browser of the same person; signedIn: when, in microseconds.
export async function browserOf({ userId, state = STATE, signedIn = nowMicro(), lastSeen = signedIn, expires = signedIn + 30 * MICROSECONDS.day }) {
  const token = randomBytes(32).toString("base64url"), id = `web_${randomBytes(12).toString("hex").slice(0, 24)}`;
  const hash = createHash("sha256").update(token).digest("hex");
  await sql(`INSERT INTO web_session (public_id, user_id, token_hash, auth_at_us, last_seen_at_us, expires_at_us, ip)
    VALUES ('${id}', ${userId}, X'${hash}', ${signedIn}, ${lastSeen}, ${expires}, '127.9.9.9')`, state);
  return { token, id, cookie: `${COOKIE}=${token}` };
}

// A visitor whose requests carry the cookie.
export async function owner({ email = randomEmail("owner"), password = true, state = STATE, ...session } = {}) {
  const { status, stderr } = await turnpike(["user", "add", email], state);
  if (status !== 0) throw new Error(stderr);
  const [[userId, publicId]] = await sql(`SELECT user_id, public_id FROM users WHERE email = '${email}'`, state);
  if (password) await sql(`INSERT INTO password (user_id, hash, changed_at_us) VALUES (${userId}, '${HASH}', ${nowMicro()})`, state);
  const browser = await browserOf({ userId, state, ...session });
  const visitor = new Visitor();
  const send = visitor.send.bind(visitor);
  visitor.send = (method, url, { headers = {}, ...rest } = {}) =>
    send(method, url, { headers: "Authorization" in headers ? headers : { Cookie: browser.cookie, ...headers }, ...rest });
  return Object.assign(visitor, { email, userId: Number(userId), publicId, browser });
}

// The value of a key of a section of turnpike.conf.
export function setting(section, key, state = STATE) {
  const text = fs.readFileSync(`${state}/turnpike.conf`, "utf8").split(`[${section}]`)[1].split(/^\[/m)[0];
  return text.match(new RegExp(`^${key} = (.*)$`, "m"))?.[1];
}

// What the record says of a user, oldest first: [event, detail].
export const eventsOf = (userId, state = STATE) =>
  sql(`SELECT event, detail FROM audit_event WHERE user_id = ${userId} ORDER BY audit_event_id`, state);
