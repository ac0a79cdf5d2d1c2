// Does the time of an answer tell whether an address has an account (assurance.md F-42)? Asks for codes and tries codes
// for known and unknown addresses in turn and compares the times. By hand, against a stack that refuses nobody:
//   TURNPIKE_PORT=18140 TURNPIKE_STATE=/tmp/enum TURNPIKE_LIMITS=dry-run tools/up
//   TURNPIKE_URL=http://127.0.0.1:18140 TURNPIKE_STATE=/tmp/enum node tests/bench/enumeration.mjs [SAMPLES]
import { randomEmail, sql } from "../e2e/support.mjs";
import { compare, finish } from "./timing.mjs";

const samples = Number(process.argv[2] ?? 2000);

// Addresses of accounts; the other half exists nowhere. Each address is used as often as any other.
const known = Array.from({ length: 50 }, () => randomEmail("known")), unknown = known.map(() => randomEmail("known"));
const now = Date.now() * 1000;
await sql(`INSERT INTO users (public_id, email, email_verified_at_us, created_at_us) VALUES ${known.map((email, i) => `('usr_${String(i).padStart(4, "0")}${email.slice(6, 18)}', '${email}', ${now}, ${now})`)}`);

const calls = {
  "request-code": (email) => ["/api/auth/request-code", { email }],
  "verify, code wrong": (email) => ["/api/auth/verify", { email, code: "000000" }],
};
let ok = true;
for (const [name, call] of Object.entries(calls)) ok = (await compare(name, call, { known, unknown, samples, statuses: [200, 400] })) && ok;
finish();
process.exitCode = ok ? 0 : 1;
