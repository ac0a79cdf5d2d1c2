// Volumes that run full: the database's, the logs', the shared counters' (F-84). Small tmpfs mounts stand in for
// them, so this needs root and the right to mount.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { alive, clean, eventually, randomEmail, start } from "./support.mjs";

function mount(folder, bytes) {
  fs.mkdirSync(folder, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=700`, "turnpike-test", folder], { stdio: "pipe" });
}

const unmount = (folder) => execFileSync("umount", ["-l", folder]);

function reasonNotToRun() {
  const folder = fs.mkdtempSync("/tmp/turnpike-mount-");
  try {
    mount(folder, 65536);
    unmount(folder);
    return false;
  } catch (error) {
    return `no volume can be mounted here: ${String(error.stderr ?? error.message).trim()}`;
  } finally {
    fs.rmdirSync(folder);
  }
}

// Takes all that is left of a volume; returns what gives it back.
function fill(folder) {
  const name = path.join(folder, "filler"), fd = fs.openSync(name, "w");
  for (let size = 1 << 20; size >= 1;) {
    try {
      fs.writeSync(fd, Buffer.alloc(size));
    } catch (error) {
      if (error.code !== "ENOSPC") throw error;
      size >>= 1;
    }
  }
  fs.closeSync(fd);
  return () => fs.rmSync(name);
}

const skip = reasonNotToRun();
let stack, someone;
const mounts = [];
before(async () => {
  if (skip) return;
  stack = await start(16);
  someone = await stack.signIn();
});
after(async () => {
  for (const folder of mounts.reverse()) unmount(folder);
  await stack?.down();
});

function unavailable(answer) {
  assert.equal(answer.status, 503, answer.text);
  assert.equal(answer.body.error, "unavailable", answer.text);
  assert.match(answer.headers["retry-after"] ?? "", /^[1-9]\d?$/);
}

test("the database's volume is full: 503, nothing half done, and it recovers alone", { skip, timeout: 60_000 }, async (t) => {
  await stack.change({ "smtp.url": "smtp://127.0.0.1:1" }); // mails stay where they take room
  const pid = stack.pid("mysql");
  process.kill(pid, "SIGTERM");
  await eventually(() => assert.ok(!alive(pid)));
  const volume = stack.file("volume"), data = stack.file("mysql");
  const bytes = Number(execFileSync("du", ["-s", "-B1", data], { encoding: "utf8" }).split("\t")[0]);
  mount(volume, bytes + (16 << 20));
  mounts.push(volume);
  execFileSync("cp", ["-a", data, volume]);
  fs.rmSync(data, { recursive: true });
  fs.symlinkSync(path.join(volume, "mysql"), data);
  await stack.up();
  const database = stack.pid("mysql"), workers = stack.workers().map((p) => p.pid);
  assert.equal((await someone.get("/api/account/me")).status, 200);

  const release = fill(volume);
  let email, answer, n = 0;
  do {
    email = randomEmail();
    answer = await stack.visitor().post("/api/auth/request-code", { email });
  } while (answer.status === 200 && ++n < 5000);
  t.diagnostic(`${n} mails fitted`);
  unavailable(answer);
  const codes = await stack.sql("SELECT email FROM sign_in_code ORDER BY email");
  const mails = await stack.sql("SELECT DISTINCT JSON_VALUE(payload, '$.to') FROM outbox WHERE payload <> '' ORDER BY 1");
  assert.deepEqual(codes.filter(([e]) => e !== someone.email), mails.filter(([e]) => e !== someone.email));
  assert.equal(codes.filter(([e]) => e === email).length, 0);
  assert.equal((await someone.get("/api/account/me")).status, 200, "reading goes on");
  assert.equal((await stack.visitor().get("/api/v2/health")).status, 200);

  release();
  await eventually(async () => assert.equal((await stack.visitor().post("/api/auth/request-code", { email })).status, 200));
  assert.equal(stack.pid("mysql"), database);
  assert.deepEqual(stack.workers().map((p) => p.pid), workers);
});

test("the volume of the logs is full: every request is answered", { skip, timeout: 60_000 }, async () => {
  const reopen = async () => {
    process.kill(stack.pid("nginx"), "SIGUSR1");
    await stack.restart();
    await eventually(() => assert.ok(fs.existsSync(stack.file("log/access.log"))));
  };
  mount(stack.file("log"), 256 << 10);
  mounts.push(stack.file("log"));
  await reopen();
  const release = fill(stack.file("log"));
  const workers = stack.workers().map((p) => p.pid);
  const [me, signIn] = await Promise.all([
    stack.pace("/api/account/me", { token: someone.token, rate: 500, seconds: 3 }),
    stack.pace("/api/auth/request-code", {
      method: "POST", rate: 50, seconds: 3, headers: { "Content-Type": "application/json" }, body: '{"email":"log-{n}@example.org"}',
    }),
  ]);
  assert.ok(clean(me), JSON.stringify(me));
  assert.ok(clean(signIn), JSON.stringify(signIn));
  assert.deepEqual(stack.workers().map((p) => p.pid), workers);
  release();
  const size = fs.statSync(stack.file("log/access.log")).size;
  await eventually(async () => {
    await someone.get("/api/account/me");
    assert.ok(fs.statSync(stack.file("log/access.log")).size > size, "the log goes on");
  });
  unmount(mounts.pop());
  await reopen();
});

test("the volume of the shared counters is full: new workers refuse and say why, the old ones stay", { skip, timeout: 60_000 }, async () => {
  const shm = stack.file("shm"), events = () => fs.readFileSync(stack.file("log/events.log"), "utf8");
  mount(shm, 64 << 20);
  mounts.push(shm);
  const release = fill(shm), workers = stack.workers().map((p) => p.pid), before = events().length;
  process.kill(stack.pid("supervise"), "SIGUSR1");
  await eventually(() => assert.match(events().slice(before), /"restart_given_up"/));
  assert.match(events().slice(before), /turnpike-worker: cannot open .*shm\/windows \(No space left on device\): /);
  assert.deepEqual(stack.workers().map((p) => p.pid), workers);
  assert.equal((await someone.get("/api/account/me")).status, 200);

  process.kill(stack.workers("core")[0].pid, "SIGKILL"); // now there is none left, and none starts
  const asked = someone.get("/api/account/me");
  await eventually(() => assert.match(events().slice(before), /"crash_loop"/));
  assert.equal((await stack.visitor().get("/api/v2/health")).status, 200, "the other pools go on");
  release();
  assert.equal((await asked).status, 200, "who waited is answered");
  await stack.restart("SIGUSR1");
  assert.equal((await someone.get("/api/account/me")).status, 200);
});
