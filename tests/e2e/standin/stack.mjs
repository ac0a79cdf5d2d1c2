// A stack made by the real tools/up, supervisor, nginx and MariaDB around stand-in programs. Ports from
// TURNPIKE_TEST_PORT (18600) on; TURNPIKE_BIN is the folder with the built supervisor.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
export const root = path.resolve(here, "../../..");
const built = process.env.TURNPIKE_BIN ?? path.join(root, "state/check/build");
const first_port = Number(process.env.TURNPIKE_TEST_PORT ?? 18600);

export class StandInStack {
  constructor(number) {
    this.port = first_port + 4 * number;
    this.url = `http://127.0.0.1:${this.port}`;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "stack-"));
    this.state = path.join(this.folder, "state");
    this.bin = path.join(this.folder, "bin");
    fs.mkdirSync(this.bin);
    for (const name of ["turnpike", "turnpike-worker"]) fs.copyFileSync(path.join(here, name), this.program(name));
    fs.copyFileSync(path.join(built, "turnpike-supervise"), this.program("turnpike-supervise"));
    for (const name of ["turnpike-jobs", "turnpike-sandbox-ai", "turnpike-smtp-sink"])
      fs.writeFileSync(this.program(name), "#!/bin/sh\nexec sleep 100000\n", { mode: 0o755 });
  }

  program(name) { return path.join(this.bin, name); }

  run(tool, env = {}) {
    const started = Date.now();
    const { status, stdout, stderr } = spawnSync(path.join(root, "tools", tool), {
      encoding: "utf8", timeout: 120_000,
      env: { ...process.env, TURNPIKE_PORT: String(this.port), TURNPIKE_STATE: this.state, TURNPIKE_BIN: this.bin,
        TURNPIKE_LIMITS: "enforce", ...env },
    });
    return { status, stdout, stderr, seconds: (Date.now() - started) / 1000 };
  }

  up(env) { return this.run("up", env); }

  down(env) { return this.run("down", env); }

  read(name) { return fs.readFileSync(path.join(this.state, name), "utf8"); }

  pid(name) { return Number(this.read(`run/${name}.pid`)); }

  async get(target = "/api/v2/health") {
    // A connection of its own: one kept by the pool would be cut when nginx is killed.
    const answer = await fetch(this.url + target, { headers: { connection: "close" } });
    return { status: answer.status, headers: answer.headers, body: await answer.text() };
  }

  remove() {
    this.down();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

export function occupy(port) {
  const program = `require("node:net").createServer().listen(${port}, "127.0.0.1", () => console.log("on"))`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve) => child.stdout.once("data", () => resolve(child)));
}

export function alive(pid) {
  try {
    // A zombie is dead: it only waits for whoever reaps orphans here.
    return !/^\d+ \(.*\) [ZX]/s.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
