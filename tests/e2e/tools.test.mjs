// tools/up and tools/down: what they start, notice, refuse and leave behind; around stand-in programs.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { StandInStack, alive, occupy } from "./standin/stack.mjs";

const stack = new StandInStack(0);
after(() => stack.remove());

function succeeds({ status, stdout, stderr }) {
  assert.equal(status, 0, stdout + stderr);
}

// The reason, then the fix.
function fails({ status, stdout, stderr }, reason, fix = /\S/) {
  assert.equal(status, 1, stdout + stderr);
  const [said, proposed] = stderr.split("fix:");
  assert.match(said, reason);
  assert.match(proposed ?? "", fix);
}

const pids = () => ["supervise", "nginx", "mysql"].map((name) => stack.pid(name));

test("the first call brings everything up, the second finds nothing to do", async () => {
  const first = stack.up();
  succeeds(first);
  assert.ok(first.seconds < 60);
  assert.match(first.stdout, new RegExp(`curl ${stack.url}/api/v2/health`));
  const health = JSON.parse((await stack.get()).body);
  const before = pids();

  const second = stack.up();
  succeeds(second);
  assert.ok(second.seconds < 3, `${second.seconds} s`);
  assert.deepEqual(pids(), before);
  assert.equal(JSON.parse((await stack.get()).body).pid, health.pid, "no worker was restarted");
});

test("nobody else can read the secrets in the state folder", () => {
  assert.equal(fs.statSync(stack.state).mode & 0o077, 0);
  assert.equal(fs.statSync(path.join(stack.state, "turnpike.conf")).mode & 0o077, 0);
});

test("a rebuilt worker replaces the running ones, supervisor and nginx stay", async () => {
  const [supervisor, nginx] = pids();
  const { pid } = JSON.parse((await stack.get()).body);
  fs.appendFileSync(stack.program("turnpike-worker"), "// rebuilt\n");
  const again = stack.up();
  succeeds(again);
  assert.match(again.stdout, /restarted one by one/);
  assert.deepEqual(pids().slice(0, 2), [supervisor, nginx]);
  assert.notEqual(JSON.parse((await stack.get()).body).pid, pid);
  assert.ok(!alive(pid));
});

test("TURNPIKE_LIMITS=dry-run holds until the next call without it", () => {
  const mode = () => /\[limits\]\nmode = (\S+)/.exec(stack.read("turnpike.conf"))[1];
  assert.equal(mode(), "enforce");
  succeeds(stack.up({ TURNPIKE_LIMITS: "dry-run" }));
  assert.equal(mode(), "dry-run");
  succeeds(stack.up());
  assert.equal(mode(), "enforce");
  fails(stack.up({ TURNPIKE_LIMITS: "off" }), /TURNPIKE_LIMITS is 'off'/, /dry-run/);
});

test("whatever was killed is started again", async () => {
  for (const name of ["mysql", "nginx", "supervise"]) {
    const pid = stack.pid(name);
    process.kill(pid, "SIGKILL");
    while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
    succeeds(stack.up());
    assert.notEqual(stack.pid(name), pid);
    assert.equal((await stack.get()).status, 200);
  }
});

test("a failed migration is shown, and what was left undone is made up for", async () => {
  const { pid } = JSON.parse((await stack.get()).body);
  fs.writeFileSync(path.join(stack.state, "standin-fails"), "migrate");
  fs.appendFileSync(stack.program("turnpike-worker"), "// rebuilt again\n");
  fails(stack.up(), /told to fail[^]*Database schema.*: turnpike migrate .*failed/);
  assert.equal(JSON.parse((await stack.get()).body).pid, pid, "the old worker goes on");
  fs.rmSync(path.join(stack.state, "standin-fails"));
  succeeds(stack.up());
  assert.notEqual(JSON.parse((await stack.get()).body).pid, pid);
});

test("another port for a running stack is refused", () => {
  fails(stack.up({ TURNPIKE_PORT: String(stack.port + 4) }), /running on port/, /tools\/down/);
});

test("down ends all of it, keeps the data, and may be called again", async () => {
  const before = pids();
  const { pid } = JSON.parse((await stack.get()).body);
  succeeds(stack.down());
  assert.ok([...before, pid].every((p) => !alive(p)));
  await assert.rejects(stack.get());
  assert.deepEqual(fs.readdirSync(path.join(stack.state, "run")).filter((f) => /sock|pid/.test(f)), []);
  assert.ok(fs.existsSync(path.join(stack.state, "mysql")));
  const again = stack.down();
  succeeds(again);
  assert.match(again.stdout, /was not running/);
});

test("down leaves a stranger alone whose number stands in an old pidfile", async () => {
  const stranger = spawn("sleep", ["1000"]);
  fs.writeFileSync(path.join(stack.state, "run/nginx.pid"), `${stranger.pid}\n`);
  succeeds(stack.down());
  assert.ok(alive(stranger.pid));
  stranger.kill();
});

test("a taken port is named, with who has it", async () => {
  for (const port of [stack.port, stack.port + 1, stack.port + 3]) {
    const other = await occupy(port);
    fails(stack.up(), new RegExp(`port ${port} is taken by .*${other.pid}`), /TURNPIKE_PORT=/);
    other.kill();
    await new Promise((resolve) => other.on("exit", resolve));
  }
});

test("a stopped stack may move to another port", async () => {
  const port = stack.port + 4;
  succeeds(stack.up({ TURNPIKE_PORT: String(port) }));
  assert.match(stack.read("turnpike.conf"), new RegExp(`public_url = http://127.0.0.1:${port}\\n`));
  assert.match(stack.read("turnpike.conf"), new RegExp(`url = smtp://127.0.0.1:${port + 1}\\n`));
  assert.equal((await fetch(`http://127.0.0.1:${port}/api/v2/health`)).status, 200);
  succeeds(stack.down());
});

test("state folders that cannot work are refused before anything is touched", () => {
  const foreign = path.join(stack.folder, "foreign");
  fs.mkdirSync(foreign);
  fs.writeFileSync(path.join(foreign, "thesis.txt"), "");
  const older = path.join(stack.folder, "older");
  fs.mkdirSync(older);
  fs.writeFileSync(path.join(older, "version"), "0\n");
  const cases = [
    { TURNPIKE_STATE: foreign, reason: /exists and is not ours/, fix: /TURNPIKE_STATE/ },
    { TURNPIKE_STATE: older, reason: /made by another version \(layout 0/, fix: /mv / },
    { TURNPIKE_STATE: path.join(stack.folder, "a b"), reason: /spaces/, fix: /plainer path/ },
    { TURNPIKE_STATE: path.join(stack.folder, "l".repeat(90)), reason: /bytes; sockets below it allow 80/, fix: /TURNPIKE_STATE=/ },
    { TURNPIKE_STATE: "/proc/turnpike", reason: /cannot be written/, fix: /TURNPIKE_STATE/ },
    { TURNPIKE_PORT: "80a", reason: /TURNPIKE_PORT is '80a'/, fix: /number/ },
    { TURNPIKE_PORT: "65535", reason: /TURNPIKE_PORT is '65535'/, fix: /65532/ },
  ];
  for (const { reason, fix, ...env } of cases) fails(stack.up(env), reason, fix);
  assert.deepEqual(fs.readdirSync(foreign), ["thesis.txt"]);
});

test("a disk that is nearly full is told before anything is written", () => {
  const bin = path.join(stack.folder, "stubs"), state = path.join(stack.folder, "full");
  fs.mkdirSync(bin);
  fs.writeFileSync(path.join(bin, "df"), "#!/bin/sh\necho Avail; echo 5120\n", { mode: 0o755 });
  fails(stack.up({ PATH: `${bin}:${process.env.PATH}`, TURNPIKE_STATE: state }), /has only 5 MiB free; 1024 are needed/, /TURNPIKE_STATE/);
  assert.deepEqual(fs.readdirSync(state), []);
});
