// The operator's command as such: its help, and that it does nothing when it does not know a word.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { STATE, randomEmail, signIn, sql, turnpike } from "../support.mjs";

const withoutConfig = (...words) => execFileSync(path.join(STATE, "bin", "turnpike"), ["--config", "/none", ...words], { encoding: "utf8" });

test("help needs no turnpike.conf and is no fault", () => {
  const all = withoutConfig("help");
  assert.equal(withoutConfig("--help"), all);
  const names = [...all.matchAll(/^ {2}turnpike (\S+) +\S/gm)].map((m) => m[1]);
  assert.ok(names.length > 10);
  for (const name of names) {
    const help = withoutConfig("help", name);
    assert.match(help, new RegExp(`^usage: turnpike ${name}\\b`));
    assert.equal(withoutConfig(name, "--help"), help, name);
    assert.equal(withoutConfig(name, "-h"), help, name);
    assert.ok(help.split("\n").every((line) => line.length <= 110), name);
  }
});

test("a word without a meaning is refused, and nothing is done", async () => {
  const email = randomEmail("none"), catalog = path.join(STATE, "command-test.json");
  const changed = JSON.parse(fs.readFileSync("tools/seed/catalog.json", "utf8"));
  changed.plans[0].price_cents = 987654;
  fs.writeFileSync(catalog, JSON.stringify(changed));
  const { user } = await signIn();
  const cases = [
    [["migrate", "--dryrun"], /has no option --dryrun/],
    [["migrate", "dry-run"], /^usage: turnpike migrate/],
    [["catalog", "load", catalog, "--dry-rum"], /has no option --dry-rum/],
    [["catalog", "load", catalog, "--effective"], /--effective needs a value/],
    [["user", "add", email, "suspend"], /^usage: turnpike user/],
    [["ide-token", "create", "--user", user.email, "--nam", "x"], /has no option --nam/],
    [["migrat"], /There is no command migrat/],
  ];
  for (const [words, says] of cases) {
    const { status, stdout, stderr } = await turnpike(words);
    assert.deepEqual([status, stdout], [64, ""], words.join(" "));
    assert.match(stderr, says);
  }
  assert.deepEqual(await sql("SELECT 1 FROM catalog_plan WHERE price_cents = 987654"), []);
  assert.deepEqual(await sql(`SELECT 1 FROM users WHERE email = '${email}'`), []);
  assert.deepEqual(await sql(`SELECT 1 FROM ide_token JOIN users USING (user_id) WHERE email = '${user.email}'`), []);
});

test("whoever is named by a public id is found as by the address", async () => {
  const { user } = await signIn();
  const [byAddress, byId] = await Promise.all([user.email, user.id].map((who) => turnpike(["ledger", "balance", "--user", who])));
  assert.equal(byAddress.status, 0, byAddress.stderr);
  assert.deepEqual(byId, byAddress);
  assert.equal((await turnpike(["user", "suspend", user.id])).status, 0);
  assert.equal((await sql(`SELECT suspended_at_us > 0 FROM users WHERE public_id = '${user.id}'`))[0][0], "1");
  for (const command of [["ledger", "balance", "--user"], ["ide-token", "list", "--user"], ["user", "suspend"]]) {
    const nobody = await turnpike([...command, "usr_nobody"]);
    assert.deepEqual([nobody.status, nobody.stderr], [70, "There is no account usr_nobody.\n"]);
  }
});

test("doctor tells of mail that nobody delivers", async () => {
  const id = `out_${randomEmail("x").slice(2, 14)}`, now = Date.now() * 1000, day = 86400e6;
  await sql(`INSERT INTO outbox (public_id, kind, payload, next_at_us, created_at_us) VALUES ('${id}', 'mail', '{}', ${now + day}, ${now - 1000 * day})`);
  try {
    const { status, stdout } = await turnpike(["doctor"]);
    assert.equal(status, 70);
    assert.match(stdout, /FAULT {2}outbox: \d+ waiting, the oldest for 864000\d\d s\n +`turnpike outbox list` shows why; if nothing was tried: \.\/tools\/up/);
  } finally {
    await sql(`DELETE FROM outbox WHERE public_id = '${id}'`);
  }
});
