// A storm of sign-ins with passwords (F-47): so many are hashed at a time, the rest is told to come again, and nobody
// else notices.
import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before, test } from "node:test";
import { csrf, isSignedIn, personWithPassword, signInWithPassword } from "../e2e/account/passwords.mjs";
import { clean, eventually, start } from "./support.mjs";

const HASHES = 2, QUEUE = 4, STORM = 200, SLOT_KIB = 19 * 1024, BESIDE_KIB = 16 * 1024;

let stack, someone, email;
before(async () => {
  stack = await start(32, { config: { "account.hashes": HASHES, "account.hash_queue": QUEUE } });
  someone = await stack.signIn();
  email = await personWithPassword((text) => stack.sql(text));
});
after(() => stack?.down());

async function metrics() {
  const { text } = await stack.visitor().get("/metrics");
  const value = (name) => Number(text.match(new RegExp(`^turnpike_passwords_${name}\\{pool="auth"\\} (\\S+)`, "m"))?.[1] ?? 0);
  return { hashing: value("hashing"), hashed: value("hashed_total"), refused: value("refused_total") };
}

// What the worker takes of its own, in KiB.
function memory() {
  const [{ pid }] = stack.workers("auth");
  return Number(fs.readFileSync(`/proc/${pid}/status`, "utf8").match(/^RssAnon:\s+(\d+)/m)[1]);
}

// 200 at once, each from an address of its own.
async function storm(form) {
  return Promise.all(Array.from({ length: STORM }, () => signInWithPassword(stack.visitor(), form, { email })));
}

test("200 sign-ins at once", async () => {
  const form = await csrf(stack.visitor()), pace = () => stack.pace("/api/account/me", { token: someone.token, rate: 50, connections: 20, seconds: 5 });
  const idle = await pace();
  const memoryBefore = memory(), before = await metrics();
  let mostMemory = 0, mostHashing = 0, over = false;
  const watch = (async () => {
    while (!over) {
      mostMemory = Math.max(mostMemory, memory());
      mostHashing = Math.max(mostHashing, (await metrics()).hashing);
    }
  })();
  const beside = pace();
  const answers = [...await storm(form), ...await storm(form)];
  const code = stack.signIn(); // by e-mail, of the same pool, while passwords are hashed
  answers.push(...await storm(form));
  assert.ok((await code).token);
  const me = await beside;
  over = true;
  await watch;

  const served = answers.filter((answer) => answer.status === 302), refused = answers.filter((answer) => answer.status !== 302);
  assert.ok(served.every(isSignedIn), "who is served is signed in");
  for (const { status, headers, text } of refused) {
    assert.equal(status, 503, text);
    assert.equal(headers["retry-after"], "1");
    assert.equal(JSON.parse(text).category, "server");
  }
  assert.ok(served.length >= 3 * (HASHES + QUEUE), `${served.length} served`);
  assert.ok(refused.length > 0, "nobody refused: this was no storm");
  const since = await metrics();
  assert.equal(since.hashed - before.hashed, served.length);
  assert.equal(since.refused - before.refused, refused.length);
  assert.equal(since.hashing, 0);

  assert.ok(mostHashing >= 1 && mostHashing <= HASHES, `${mostHashing} hashed at a time`);
  assert.ok(mostMemory - memoryBefore <= HASHES * SLOT_KIB + BESIDE_KIB, `${mostMemory - memoryBefore} KiB more`);
  assert.ok(clean(me), JSON.stringify(me));
  // A machine that is busy with other things is slow without a storm, too.
  const most = Math.max(500, 3 * idle.p99_ms);
  assert.ok(me.p99_ms < most, `${me.p99_ms} ms, idle ${idle.p99_ms} ms`);
  await eventually(() => assert.ok(memory() - memoryBefore < SLOT_KIB / 2, "the memory went back"), 60000);
});
