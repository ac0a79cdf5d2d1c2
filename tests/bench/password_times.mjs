// Does the time of an answer about passwords tell whether an address has an account (assurance.md F-42)? By hand, against a
// stack that refuses nobody:
//   TURNPIKE_PORT=18140 TURNPIKE_STATE=/tmp/times TURNPIKE_LIMITS=dry-run tools/up
//   TURNPIKE_URL=http://127.0.0.1:18140 TURNPIKE_STATE=/tmp/times node tests/bench/password_times.mjs [SAMPLES [NAME...]]
import { request, randomEmail, sql } from "../e2e/support.mjs";
import { PASSWORD, person } from "../e2e/account/mailing.mjs";
import { compare, finish } from "./timing.mjs";

const samples = Number(process.argv[2] ?? 2000), wanted = process.argv.slice(3);

// Accounts with passwords, all the same one; the other half exists nowhere.
const { user } = await person();
const known = Array.from({ length: 50 }, () => randomEmail("known")), unknown = known.map(() => randomEmail("known"));
const now = Date.now() * 1000, list = known.map((email) => `'${email}'`).join();
await sql(`INSERT INTO users (public_id, email, email_verified_at_us, created_at_us) VALUES ${known.map((email, i) => `('usr_${String(i).padStart(4, "0")}${email.slice(6, 18)}', '${email}', ${now}, ${now})`)}`);
await sql(`INSERT INTO password (user_id, hash, changed_at_us) SELECT u.user_id, p.hash, ${now} FROM users u, password p WHERE u.email IN (${list}) AND p.user_id = ${user}`);

const csrf = await request("GET", "/api/auth/csrf");
const cookies = { headers: { Cookie: csrf.headers["set-cookie"].map((line) => line.split(";")[0]).join("; ") } };
const calls = {
  "forgot-password": (email) => ["/api/account/forgot-password", { email }],
  "verify-email-start": (email) => ["/api/account/verify-email/start", { email }],
  "sign-in": (email) => ["/api/auth/password", { email, password: `${PASSWORD}.` }],
  "sign-in-browser": (email) => ["/api/auth/callback/credentials", { csrfToken: csrf.body.csrfToken, email, password: `${PASSWORD}.` }, cookies],
  "sign-up": (email) => ["/api/auth/signup", { email, password: PASSWORD }],
};
let ok = true;
for (const [name, call] of Object.entries(calls)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  // Afterwards, the unknown addresses of a sign-up are known ones: it takes new ones each time.
  const nobody = name === "sign-up" ? Array.from({ length: samples + 100 }, () => randomEmail("known")) : unknown;
  ok = (await compare(name, call, { known, unknown: nobody, samples, statuses: [200, 201, 302, 401] })) && ok;
}
finish();
process.exitCode = ok ? 0 : 1;
