// People with a password, put into the database as they are after a sign-up, and signing in with one as a browser does.
import assert from "node:assert/strict";
import { randomEmail } from "../support.mjs";

// Argon2id of the word before it, with the parameters of today.
export const PASSWORD = "tweed moat gutter plank";
const HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$BiZd+5DR3kZlFP+IStjYyTx2FKJO6Wj0rd+Yqjcpqps";

// Resolves to their address. `sql` is that of the stack.
export async function personWithPassword(sql, { email = randomEmail("pw"), hash = HASH } = {}) {
  await sql(`INSERT INTO users (public_id, email, email_verified_at_us, created_at_us)
      VALUES (CONCAT('usr_', LEFT(MD5('${email}'), 24)), '${email}', 1, 1);
    INSERT INTO password (user_id, hash, changed_at_us) VALUES (LAST_INSERT_ID(), '${hash}', 1)`);
  return email;
}

// What a browser has to send along with a sign-in: {cookie, csrfToken}.
export async function csrf(visitor, url = "") {
  const answer = await visitor.get(`${url}/api/auth/csrf`);
  assert.equal(answer.status, 200, answer.text);
  return { cookie: answer.headers["set-cookie"].map((line) => line.split(";")[0]).join("; "), csrfToken: answer.body.csrfToken };
}

export function signInWithPassword(visitor, { cookie, csrfToken }, { email, password = PASSWORD }, url = "") {
  return visitor.post(`${url}/api/auth/callback/credentials`, { csrfToken, email, password }, { headers: { Cookie: cookie } });
}

// Whether it worked: the cookie tells, the status does not.
export function isSignedIn(answer) {
  return (answer.headers["set-cookie"] ?? []).some((line) => /authjs\.session-token=[A-Za-z0-9_-]{43};/.test(line));
}
