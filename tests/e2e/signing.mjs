// Signing in step by step, for the tests that look at the steps. Each step comes from an address of its own, so that
// the limits per address do not meet; where a limit is the topic, tests pass a visitor.
import fs from "node:fs";
import path from "node:path";
import { STATE, Visitor, codeOf, mailTo, newestMail } from "./support.mjs";

export const askCode = (email, more = {}, options = {}) => new Visitor().post("/api/auth/request-code", { email, ...more }, options);
export const verify = (email, code, more = {}, options = {}) => new Visitor().post("/api/auth/verify", { email, code, ...more }, options);
export const exchange = (handoff, more = {}) => new Visitor().post("/api/auth/exchange", { handoff, ...more });
export const me = (token) => new Visitor({ token }).get("/api/account/me");

// Asks for a code and reads it from the mail.
export async function freshCode(email, more = {}) {
  const newerThan = await newestMail(email);
  const asked = await askCode(email, more);
  if (asked.status !== 200) throw new Error(`request-code: ${asked.status} ${asked.text}`);
  return codeOf(await mailTo(email, { newerThan }));
}

// A code that is not this one.
export const wrong = (code) => String((Number(code) + 1) % 1000000).padStart(6, "0");

// Every mail that the stack ever sent, as the catcher stored it: for saying that something was not mailed.
export function storedMails(state = STATE) {
  const dir = path.join(state, "mail");
  return fs.readdirSync(dir).filter((name) => name.endsWith(".eml")).map((name) => fs.readFileSync(path.join(dir, name), "utf8"));
}
