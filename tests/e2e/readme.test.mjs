// The README's examples: every `sh` block is run, in order, in one shell, against a fresh stack of its own (or the one
// that TURNPIKE_URL names); a `json` block right behind one shows what it prints. Files and commands it names exist.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ownStack, turnpike } from "./support.mjs";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = fs.readFileSync(path.join(root, "README.md"), "utf8");
const port = Number(process.env.TURNPIKE_TEST_PORT ?? 18600) + 20;
let url = process.env.TURNPIKE_URL, stack;

before(async () => {
  if (url) return;
  stack = await ownStack({ port });
  ({ url } = stack);
});
after(() => stack?.down());

// [{script, shows}]; shows: the parsed json block that follows, if any.
function examples() {
  const blocks = [...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((m) => ({ language: m[1], text: m[2], from: m.index, to: m.index + m[0].length }));
  return blocks.flatMap((block, i) => {
    if (block.language !== "sh") return [];
    const next = blocks[i + 1];
    const follows = next?.language === "json" && readme.slice(block.to, next.from).trim() === "";
    return [{ script: block.text, shows: follows ? JSON.parse(next.text) : undefined }];
  });
}

// Same members and types all the way down; ids, times and tokens differ from run to run.
function shape(value) {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape);
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shape(v)]));
}

test("the examples run in order, sign in and read the account", async () => {
  const all = examples(), mark = "=== next example ===";
  assert.ok(all.length >= 4 && readme.match(/^curl /gm).length >= 4, "there are examples");
  // curl as a newcomer would paste it says nothing of an HTTP error; here it does.
  const script = ["set -euo pipefail", 'curl() { command curl --fail-with-body "$@"; }',
    ...all.flatMap(({ script: text }) => [text.replaceAll("http://127.0.0.1:8080", url).replaceAll("state/", `${stack?.state ?? process.env.TURNPIKE_STATE}/`), `echo; echo '${mark}'`])].join("\n");
  const { stdout } = await run("bash", ["-c", script], { timeout: 60000 }).catch((error) => {
    assert.fail(`${error.message}\n${error.stdout}\n${error.stderr}`);
  });
  const printed = stdout.split(mark);
  assert.equal(printed.length, all.length + 1);
  for (const [i, { shows }] of all.entries()) {
    for (const line of printed[i].split("\n").filter((l) => l.startsWith("{"))) {
      const answer = JSON.parse(line);
      if (shows) assert.deepEqual(shape(answer), shape(shows), all[i].script);
    }
  }
  const answers = stdout.split("\n").filter((l) => l.startsWith("{")).map((l) => JSON.parse(l));
  assert.ok(answers.some((a) => a.ok === true && a.version === "v2"), "health");
  assert.ok(answers.some((a) => a.plans?.length > 0), "catalog");
  assert.ok(answers.some((a) => a.email === "you@example.org" && a.plan === "free"), "the account was read");
});

test("files and commands that the text names exist", async () => {
  const prose = readme.replace(/^```.*?^```$/gms, "");
  const quoted = [...prose.matchAll(/`([^`\n]+)`/g)].map((m) => m[1]);
  const tops = fs.readdirSync(root).filter((name) => fs.statSync(path.join(root, name)).isDirectory() && !name.startsWith("."));
  const files = quoted.map((text) => text.replace(/^\.\//, "").split(" ")[0])
    .filter((text) => tops.includes(text.split("/")[0]) && text.includes("/") && !/[<>{}*…]|\bstate\/|\/x\./.test(text)); // x: of the reader's choice
  assert.ok(files.length > 3, "it names files");
  assert.deepEqual(files.filter((file) => !fs.existsSync(path.join(root, file))), [], "named, but not there");

  const { stderr } = await turnpike([], stack?.state);
  const known = [...stderr.matchAll(/^ {2}turnpike ([a-z]+)/gm)].map((m) => m[1]);
  const named = quoted.map((text) => /^(?:bin\/)?turnpike ([a-z]+)/.exec(text)?.[1]).filter(Boolean);
  assert.ok(known.length > 5 && named.length > 3);
  assert.deepEqual(named.filter((command) => !known.includes(command)), [], "named, but no command");
});
