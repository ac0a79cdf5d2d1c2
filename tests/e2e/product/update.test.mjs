// The IDE's update feed and the publishing of builds (product.md section 8). Every test publishes for a platform of its
// own, since the builds of one platform and quality are seen by all.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { Visitor, eventually, request, sql, turnpike } from "../support.mjs";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "turnpike-update-"));
const build = path.join(folder, "ide.zip");
const content = randomBytes(70000);
const digest = (name) => createHash(name).update(content).digest("hex");
const SEEN_MS = 2000; // within which every worker knows of a change

before(async () => {
  fs.writeFileSync(build, content);
  await sql("DELETE FROM ide_release; UPDATE snapshot_version SET version = version + 1 WHERE name = 'ide_release'");
});
after(() => fs.rmSync(folder, { recursive: true }));

const newCommit = () => randomBytes(20).toString("hex");

function options(more) {
  return Object.entries(more).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
}

async function release(verb, more) {
  const { status, stdout, stderr } = await turnpike(["release", verb, ...options(more)]);
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

const publish = (more) => release("add", {
  file: build, url: "https://dl.example.org/ide.zip", quality: "stable", version: "1.0.37", sha256: digest("sha256"), ...more,
});

function ask(platform, commit, { quality = "stable", visitor = new Visitor(), ...rest } = {}) {
  return visitor.get(`/api/update/${platform}/${quality}/${commit}`, rest);
}

// The version offered (204: undefined), once it is what is expected; each worker looks once a second.
async function offers(platform, version, client = "0000") {
  await eventually(async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask(platform, client)));
    assert.deepEqual(answers.map((a) => a.body?.version), Array(4).fill(version));
  }, SEEN_MS);
}

test("a published build is offered in exactly the shape that updaters read", async () => {
  const commit = newCommit(), at = Math.floor(Date.now() / 1000);
  const said = await publish({ platform: "darwin-arm64", commit, name: "v1.0-beta.37", version: "1.0.37", notes: "Better." });
  assert.ok(said.includes(digest("sha256")));
  await offers("darwin-arm64", commit);
  const { status, body, headers } = await ask("darwin-arm64", newCommit());
  assert.equal(status, 200);
  const { timestamp, pub_date, ...rest } = body;
  assert.deepEqual(rest, {
    url: "https://dl.example.org/ide.zip", name: "v1.0-beta.37", version: commit, productVersion: "1.0.37",
    hash: `sha256:${digest("sha256")}`, sha256hash: digest("sha256"), notes: "Better.",
  });
  assert.ok(timestamp >= at && timestamp <= at + 5, "Unix seconds");
  assert.match(pub_date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  assert.equal(Math.floor(Date.parse(pub_date) / 1000), timestamp);
  assert.equal(headers["cache-control"], "no-cache");
  assert.equal(headers["access-control-allow-origin"], "*");
  const [row] = await sql(`SELECT size_bytes, HEX(sha256), HEX(sha512) FROM ide_release WHERE commit_id = '${commit}'`);
  assert.deepEqual(row, ["70000", digest("sha256").toUpperCase(), digest("sha512").toUpperCase()]);
});

test("who has the newest build gets 204, by any prefix of its commit in any case", async () => {
  const commit = newCommit().replace(/^..../, "abcd");
  await publish({ platform: "linux-x64", commit: commit.toUpperCase() });
  await offers("linux-x64", commit);
  for (const have of [commit, commit.toUpperCase(), commit.toLowerCase(), commit.slice(0, 4), commit.slice(0, 12).toUpperCase()]) {
    const answer = await ask("linux-x64", have);
    assert.equal(answer.status, 204, have);
    assert.equal(answer.text, "");
    assert.equal(answer.headers["content-type"], undefined);
    assert.equal(answer.headers["cache-control"], "no-cache");
  }
  for (const other of [commit + "00", commit.replace(/.$/, (c) => (c === "0" ? "1" : "0")), "abce", "f".repeat(64)]) {
    assert.equal((await ask("linux-x64", other)).status, 200, other);
  }
});

test("nothing published: 204; the other quality has builds of its own", async () => {
  assert.equal((await ask("linux-armhf", "0000")).status, 204);
  const stable = newCommit(), insider = newCommit();
  await publish({ platform: "linux-armhf", commit: stable });
  await publish({ platform: "linux-armhf", commit: insider, quality: "insider" });
  await offers("linux-armhf", stable);
  assert.equal((await ask("linux-armhf", stable, { quality: "insider" })).body.version, insider);
});

test("the newest build wins; an unknown or an older client gets it", async () => {
  const older = newCommit(), newer = newCommit();
  await publish({ platform: "linux-arm64", commit: older, version: "2.0.0" });
  await publish({ platform: "linux-arm64", commit: newer, version: "1.9.0" });
  await offers("linux-arm64", newer);
  await offers("linux-arm64", newer, older);
  assert.equal((await ask("linux-arm64", newer)).status, 204);
});

test("platforms have aliases; a build of one's own name is preferred", async () => {
  const base = newCommit(), user = newCommit(), mac = newCommit();
  await publish({ platform: "win32-x64", commit: base });
  await publish({ platform: "win32-x64-user", commit: user });
  await publish({ platform: "darwin-x64", commit: mac });
  await offers("darwin-x64", mac);
  const cases = [["win32-x64", base], ["win32-x64-archive", base], ["win32-x64-user", user], ["darwin", mac], ["darwin-universal", mac],
    ["win32-arm64-user", undefined], ["win32-arm64-archive", undefined]];
  for (const [platform, version] of cases) await offers(platform, version);
});

test("a rollout reaches about its share of networks, always the same ones, and grows", async () => {
  const commit = newCommit(), networks = [];
  for (let a = 100; a < 120; a++) for (let b = 0; b < 200; b += 10) networks.push(`127.${a}.${b}`);
  const reached = async (host) => {
    const found = new Set();
    for (let i = 0; i < networks.length; i += 20) {
      await Promise.all(networks.slice(i, i + 20).map(async (network) => {
        const { status } = await ask("win32-arm64", "0000", { visitor: new Visitor({ address: `${network}.${host}` }) });
        if (status === 200) found.add(network);
      }));
    }
    return found;
  };
  // What is reached once every worker knows of the change: two looks agree, and differ from before.
  const rollout = async (percent, before) => {
    await release("rollout", { platform: "win32-arm64", quality: "stable", commit, percent });
    return eventually(async () => {
      const first = await reached(1);
      assert.notDeepEqual(first, before);
      assert.deepEqual(await reached(1), first);
      return first;
    }, 4 * SEEN_MS);
  };
  const near = ({ size }, share) => {
    const deviation = Math.sqrt(networks.length * share * (1 - share));
    assert.ok(Math.abs(size - networks.length * share) < 5 * deviation, `${size} of ${networks.length} at ${share}`);
  };
  await publish({ platform: "win32-arm64", commit, rollout: 100 });
  await offers("win32-arm64", commit);
  const all = await reached(1);
  assert.equal(all.size, networks.length);

  const thirty = await rollout(30, all);
  near(thirty, 0.3);
  assert.deepEqual(await reached(77), thirty, "one /24 sees one answer");
  const sixty = await rollout(60, thirty);
  near(sixty, 0.6);
  assert.deepEqual([...thirty].filter((network) => !sixty.has(network)), [], "who was reached stays reached");
  assert.equal((await rollout(0, sixty)).size, 0);
  assert.equal((await rollout(100, new Set())).size, networks.length);
});

test("a paused build is not offered, and nobody is sent back to an older one", async () => {
  const platform = "darwin-universal", older = newCommit(), newer = newCommit();
  await publish({ platform, commit: older });
  await publish({ platform, commit: newer });
  await offers(platform, newer);
  await release("pause", { platform, quality: "stable", commit: newer.toUpperCase() });
  await offers(platform, older);
  assert.equal((await ask(platform, newer)).status, 204);
  await release("resume", { platform, quality: "stable", commit: newer });
  await offers(platform, newer);
});

test("a build with a minimum system is kept from older ones, which get the last that runs there", async () => {
  const old = newCommit(), next = newCommit();
  await publish({ platform: "darwin", commit: old });
  await publish({ platform: "darwin", commit: next, "min-os": "21.4" });
  await offers("darwin", next);
  const agents = [
    ["IDE/1.0 (Macintosh) Darwin/20.6.0", old], ["IDE/1.0 Darwin/21.3.9", old], ["IDE/1.0 Darwin/21.4", next], ["IDE/1.0 Darwin/21.4.0", next],
    ["IDE/1.0 Darwin/100.0", next], ["Mozilla/5.0 (Windows NT 10.0; Win64)", old], ["Windows NT 22", next], ["curl/8", next], [undefined, next],
  ];
  for (const [agent, version] of agents) {
    const { body } = await ask("darwin", "0000", { headers: agent ? { "User-Agent": agent } : {} });
    assert.equal(body.version, version, agent);
  }
});

test("what the address may not be", async () => {
  const cases = [
    ["/api/update/beos-x64/stable/0000", 404, "invalid_platform"], ["/api/update/WIN32-X64/stable/0000", 404, "invalid_platform"],
    [`/api/update/${"p".repeat(40)}/stable/0000`, 404, "invalid_platform"], ["/api/update/linux-x64/nightly/0000", 404, "not_found"],
    ["/api/update/linux-x64/Stable/0000", 404, "not_found"], ["/api/update/linux-x64/stable/000", 400, "bad_request"],
    [`/api/update/linux-x64/stable/${"0".repeat(65)}`, 400, "bad_request"], ["/api/update/linux-x64/stable/00zz", 400, "bad_request"],
    ["/api/update/linux-x64/stable/00%200", 400, "bad_request"], ["/api/update/linux-x64/stable", 404, "not_found"],
    ["/api/update/linux-x64/stable/0000/x", 404, "not_found"], ["/api/update/", 404, "not_found"],
  ];
  for (const [url, status, error] of cases) {
    const answer = await new Visitor().get(url);
    assert.equal(answer.status, status, url);
    assert.equal(answer.body.error, error, url);
    assert.equal(answer.headers["cache-control"], "no-store", url);
  }
});

test("queries and tokens are ignored", async () => {
  const plain = await ask("linux-x64", "0000");
  for (const query of ["?bg=true", "?u=none&bg=true", "?platform=x&commit=y", "?%zz", "?", "?a=" + "b".repeat(1000)]) {
    const answer = await new Visitor({ token: "session:nonsense" }).get(`/api/update/linux-x64/stable/0000${query}`);
    assert.equal(answer.status, plain.status, query);
    assert.deepEqual(answer.body, plain.body);
  }
});

test("publishing refuses what does not hold, and then publishes nothing", async () => {
  const commit = newCommit(), empty = path.join(folder, "empty");
  fs.writeFileSync(empty, "");
  const good = { file: build, url: "https://dl.example.org/x", platform: "linux-x64", quality: "stable", commit, version: "1.0.0", sha256: digest("sha256") };
  const cases = [
    [{ sha256: undefined }, /--sha256 or --sha512/], [{ sha256: undefined, sha512: digest("sha512").slice(1) }, new RegExp(digest("sha512"))],
    [{ size: 69999 }, /70000/], [{ size: "many" }, /70000/], [{ sha256: "0".repeat(64) }, new RegExp(digest("sha256"))],
    [{ sha512: digest("sha256") }, new RegExp(digest("sha512"))], [{ file: "/nonexistent" }, /nonexistent/], [{ file: folder }, /file/i],
    [{ file: empty }, /empty/], [{ platform: "beos" }, /platform/], [{ quality: "nightly" }, /quality/], [{ commit: "xyz0" }, /commit/],
    [{ commit: "abc" }, /commit/], [{ url: "http://dl.example.org/x" }, /https/], [{ url: "ftp://x" }, /https/], [{ rollout: 101 }, /100/],
    [{ rollout: "all" }, /100/], [{ version: undefined }, /usage/], [{ commit: undefined }, /usage/],
  ];
  const before = await sql("SELECT COUNT(*), (SELECT version FROM snapshot_version WHERE name = 'ide_release') FROM ide_release");
  for (const [change, reason] of cases) {
    const { status, stdout, stderr } = await turnpike(["release", "add", ...options({ ...good, ...change })]);
    assert.notEqual(status, 0, JSON.stringify(change) + stdout);
    assert.match(stderr, reason, JSON.stringify(change));
  }
  for (const verb of ["pause", "resume", "rollout"]) {
    const { status } = await turnpike(["release", verb, ...options({ platform: "linux-x64", quality: "stable", commit, percent: 10 })]);
    assert.notEqual(status, 0, `${verb} of a build that is not there`);
  }
  assert.deepEqual(await sql("SELECT COUNT(*), (SELECT version FROM snapshot_version WHERE name = 'ide_release') FROM ide_release"), before);
});

test("right sizes and sums in any case are taken; a commit is published once for a platform", async () => {
  const commit = newCommit(), insider = { platform: "linux-x64", quality: "insider", commit };
  await publish({ ...insider, size: content.length, sha256: digest("sha256").toUpperCase(), sha512: digest("sha512") });
  const twice = await turnpike(["release", "add", ...options({ file: build, url: "https://dl.example.org/x", version: "1", sha512: digest("sha512"), ...insider, commit: commit.toUpperCase() })]);
  assert.match(twice.stderr, /is published/);
  const { stdout } = await turnpike(["release", "list"]);
  assert.match(stdout, new RegExp(`linux-x64\\tinsider\\t${commit}\\t1.0.37\\t100%\\tlive`));
});

test("HEAD answers as GET without a body", async () => {
  for (const commit of ["0000", (await ask("linux-x64", "0000")).body.version]) {
    const url = `/api/update/linux-x64/stable/${commit}`;
    const get = await new Visitor().get(url), head = await request("HEAD", url, { from: new Visitor().address });
    assert.equal(head.status, get.status);
    assert.equal(head.text, "");
    assert.equal(head.headers["content-length"], get.headers["content-length"]);
  }
});
