// Every row of the route tables, in every way that a stranger can call it: as it should be, without a token, with other
// methods, with bodies that are none. Nothing may answer with a failure of ours. Leaves a token for the load.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { STATE, Visitor, request, signIn, turnpike } from "../e2e/support.mjs";

const { stdout } = await turnpike(["routes"]);
const rows = stdout.trim().split("\n").map((line) => {
  const [family, method, template] = line.split("\t");
  return { family, method, template };
});

// What a row needs to succeed.
const values = { provider: "github", platform: "linux-x64", quality: "stable", commit: "c0ffee" };
const bodies = {
  "POST /api/usage/record": [{ id: "a", ts: 1714000000, model: "m", provider: "p", cost_usd: 0.0000015 }],
  "POST /api/usage/increment": { n: 2, turn_id: "t" },
  "PATCH /api/account/me": { display_name: "Ada" },
};
const url = (row, session = "x") => row.template.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? session);
const ours = [500, 502, 503, 504];
const fine = (answer, what) => assert.ok(!ours.includes(answer.status), `${what}: ${answer.status} ${answer.text}`);

test("builds to offer", async () => {
  const file = path.join(STATE, "tmp", "build");
  fs.writeFileSync(file, "build");
  const sha256 = createHash("sha256").update("build").digest("hex");
  for (const quality of ["stable", "insider"]) {
    const { status, stderr } = await turnpike(["release", "add", "--file", file, "--url", "https://dl.example.org/x", "--platform",
      "linux-x64", "--quality", quality, "--commit", "deadbeef00", "--version", "1.2.3", "--rollout", "100", "--sha256", sha256]);
    assert.equal(status, 0, stderr);
  }
});

test("every row as it should be", async () => {
  const device = await signIn();
  for (const row of rows.filter(({ template }) => !/signout|account$/.test(template))) {
    const name = `${row.method} ${row.template}`;
    fine(await device.send(row.method, url(row), { body: bodies[name], idempotencyKey: "k" }), name);
    fine(await device.send(row.method, url(row), { body: bodies[name], idempotencyKey: "k" }), `${name} again`);
  }
  for (const [method, template, body] of [["POST", "/api/auth/signout-others"], ["DELETE", "/api/account", {}],
    ["DELETE", "/api/account", { confirm_email: device.email }]]) {
    fine(await device.send(method, template, { body }), `${method} ${template}`);
  }
  const other = await signIn();
  assert.equal((await other.post("/api/auth/signout")).status, 200);
});

test("every row by strangers", async () => {
  const person = await signIn();
  const stranger = new Visitor();
  const junk = ["{", "[]", "null", '{"email":1,"n":[],"a":{}}', "x".repeat(70000), Buffer.from([0xff, 0xfe, 0x00])];
  for (const row of rows) {
    const name = `${row.method} ${row.template}`;
    for (const method of ["HEAD", "OPTIONS", "PUT", row.method]) {
      fine(await stranger.send(method, url(row), { check: false }), `${method} ${row.template}`);
    }
    fine(await stranger.send(row.method, url(row, "%F0%9F%98%80"), { check: false }), name);
    fine(await stranger.send(row.method, `${url(row)}?limit=x&q=%zz&state=${"y".repeat(2000)}`, { check: false }), name);
    if (row.method === "GET") continue;
    for (const body of junk) {
      for (const type of ["application/json", "application/x-www-form-urlencoded"]) {
        fine(await person.send(row.method, url(row), { body, headers: { "Content-Type": type }, check: false }), name);
      }
    }
  }
});

test("the operator's page, the mails of the sandbox, and no page", async () => {
  for (const [target, status] of [["/metrics", 200], ["/sandbox/mail", 200], ["/sandbox/mail.json", 200], ["/api/nothing", 404]]) {
    assert.equal((await request("GET", target, { check: false })).status, status, target);
  }
});

test("somebody for the load", async () => {
  fs.writeFileSync(path.join(STATE, "token"), (await signIn()).token);
});
