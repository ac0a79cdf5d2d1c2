// Public facts: health, catalog, founding places, status (product.md section 1). Catalog, counter and status are seen by
// everybody, so no other file may change them.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { STATE, Visitor, eventually, signIn, sleep, sql, turnpike } from "../support.mjs";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "turnpike-public-"));
const demo = new URL("../../../tools/seed/catalog.json", import.meta.url);
const SEEN_MS = 2500; // nginx keeps a public answer for a second

const get = (url, options) => new Visitor().get(url, options);

async function done(args) {
  const result = await turnpike(args);
  assert.equal(result.status, 0, result.stderr);
  return result.stdout.trim();
}

after(() => fs.rmSync(folder, { recursive: true }));

test("health is exactly this", async () => {
  const before = Math.floor(Date.now() / 1000);
  const { status, body, headers } = await get("/api/v2/health");
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), ["ok", "version", "commit", "ts", "uptime_s"]);
  assert.equal(body.ok, true);
  assert.equal(body.version, "v2");
  assert.match(body.commit, /^[0-9a-z.-]+$/);
  assert.ok(Number.isInteger(body.ts) && body.ts >= before && body.ts <= before + 5);
  assert.ok(Number.isInteger(body.uptime_s) && body.uptime_s >= 0);
  assert.equal(headers["content-type"], "application/json; charset=utf-8");
});

test("health answers while the database does not", async () => {
  const pid = Number(fs.readFileSync(path.join(STATE, "run/mysql.pid"), "utf8"));
  const person = await signIn();
  let me;
  process.kill(pid, "SIGSTOP");
  try {
    await eventually(() => assert.match(fs.readFileSync(`/proc/${pid}/stat`, "utf8"), /^\d+ \(.*\) T /, "it has stopped"));
    let answered = false;
    me = person.get("/api/account/me").finally(() => { answered = true; });
    for (let i = 0; i < 20; i++) assert.equal((await get("/api/v2/health")).status, 200);
    assert.equal(answered, false, "the database was really away");
  } finally {
    process.kill(pid, "SIGCONT");
  }
  assert.equal((await me).status, 200);
});

// --- Catalog ------------------------------------------------------------------------------------

const catalogFile = JSON.parse(fs.readFileSync(demo, "utf8"));

function sold({ plans, topups }) {
  return {
    plans: plans.filter((p) => p.listed !== false).map(({ id, price_cents, interval, features, name, founding_price_cents }) =>
      ({ id, price_cents, interval, features, name, ...(founding_price_cents === undefined ? {} : { founding_price_cents }) })),
    topups,
  };
}

function write(name, content) {
  const file = path.join(folder, name);
  fs.writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

const catalog = async () => (await get("/api/billing/v2/catalog")).body;
// Differs from every file loaded before, as a changed price would.
const changed = (price_cents) => {
  const copy = structuredClone(catalogFile);
  copy.plans.find((p) => p.id === "pro").price_cents = price_cents;
  return copy;
};

test("the catalog is what the demo file says, without what is not listed", async () => {
  const body = await catalog();
  assert.deepEqual(body, sold(catalogFile));
  assert.deepEqual(body.plans.map((p) => [p.id, p.price_cents, p.interval]), [
    ["pro", 2000, "month"], ["pro_plus", 4000, "month"], ["team", 3500, "month"], ["lifetime", 39900, "once"],
  ]);
  assert.deepEqual(body.topups, [{ id: "topup_10", price_cents: 1000, credits_cents: 1000 }]);
});

test("the ETag answers 304 as long as nothing has changed", async () => {
  const first = await get("/api/billing/v2/catalog");
  assert.match(first.headers.etag, /^(W\/)?"[0-9a-f]{32}"$/);
  const ask = (tag) => get("/api/billing/v2/catalog", { headers: { "If-None-Match": tag } });
  for (const tag of [first.headers.etag, `"x", ${first.headers.etag}`, "*"]) {
    const again = await ask(tag);
    assert.equal(again.status, 304, tag);
    assert.equal(again.text, "");
    assert.equal(again.headers.etag, first.headers.etag);
    assert.equal(again.headers["cache-control"], "public, max-age=30");
  }
  for (const tag of ['"x"', first.headers.etag.replace(/.(?="$)/, "")]) assert.equal((await ask(tag)).status, 200, tag);
});

test("a loaded catalog is in force within about a second, with another ETag", async () => {
  const { headers } = await get("/api/billing/v2/catalog");
  const price = 2100 + (Date.now() % 1000), next = changed(price);
  next.plans.push({ id: "yearly", name: "Yearly", price_cents: 1, interval: "year", rank: 1, features: [] });
  next.topups.push({ id: "topup_50", price_cents: 5000, credits_cents: 5500 });
  const file = write("next.json", next);

  const dry = await done(["catalog", "load", file, "--dry-run"]);
  assert.match(dry, new RegExp(`plan pro: price_cents \\d+ -> ${price}\n`));
  assert.match(dry, /topup topup_50: new, \{"id":"topup_50","price_cents":5000,/);
  await sleep(1500); // longer than anything is kept
  assert.deepEqual(await catalog(), sold(catalogFile), "a dry run loads nothing");

  assert.match(await done(["catalog", "load", file]), /Loaded as version \d+; it is in effect\.$/);
  await eventually(async () => assert.deepEqual(await catalog(), sold(next)), SEEN_MS);
  assert.notEqual((await get("/api/billing/v2/catalog")).headers.etag, headers.etag);
  assert.match(await done(["catalog", "load", file]), /already, as version \d+; it is in effect/);
  assert.match(await done(["catalog", "show"]), new RegExp(`pro +${price} cents / month`));

  assert.match(await done(["catalog", "load", demo.pathname, "--dry-run"]), /plan yearly: no longer there/);
  await done(["catalog", "load", demo.pathname]);
  await eventually(async () => assert.deepEqual(await catalog(), sold(catalogFile)), SEEN_MS);
});

test("a catalog with a time in the future waits for it", async () => {
  const soon = Math.floor(Date.now() / 1000) + 3;
  const file = write("soon.json", { effective_at: soon, ...changed(3000 + (Date.now() % 1000)) });
  for (const said of [/^.*Loaded as .* takes effect at/m, /already, .* takes effect at/]) assert.match(await done(["catalog", "load", file]), said);
  while (Date.now() < (soon - 0.2) * 1000) {
    const body = await catalog();
    if (Date.now() < soon * 1000) assert.deepEqual(body, sold(catalogFile), "not yet");
    await sleep(100);
  }
  const { plans } = JSON.parse(fs.readFileSync(file, "utf8"));
  await eventually(async () => assert.equal((await catalog()).plans[0].price_cents, plans[1].price_cents), SEEN_MS);
  await done(["catalog", "load", demo.pathname]);
  await eventually(async () => assert.deepEqual(await catalog(), sold(catalogFile)), SEEN_MS);
});

test("a catalog that would never take effect is refused, and says why", async () => {
  const versions = await sql("SELECT COUNT(*) FROM catalog");
  const file = write("late.json", { effective_at: 1700000000, ...changed(1) });
  for (const option of [[], ["--dry-run"]]) {
    const { status, stderr } = await turnpike(["catalog", "load", file, ...option]);
    assert.notEqual(status, 0);
    assert.match(stderr, /2023-11-14T22:13:20Z.*before that of version \d+.*never take effect/);
  }
  assert.deepEqual(await sql("SELECT COUNT(*) FROM catalog"), versions);
});

test("a wrong file is refused as a whole, with all its faults", async () => {
  const counts = () => sql("SELECT COUNT(*) FROM catalog");
  const before = await counts();
  const broken = structuredClone(catalogFile);
  broken.plans[0].price_cents = -1;
  broken.plans[1].interval = "week";
  broken.plans[2].features = [1];
  delete broken.plans[3].name;
  broken.topups[0].credits_cents = "1000";
  const twice = structuredClone(catalogFile);
  twice.plans.push(twice.plans[1]);
  twice.topups.push({ ...twice.topups[0], id: "Pro!" });
  twice.topups.push({ ...twice.topups[0], id: "team" });
  twice.plans.shift();
  const cases = [
    [broken, [/plans\[0\]\.price_cents: must be at least 0/, /plans\[1\]\.interval: must be one of month, year, once/,
      /plans\[2\]\.features: must be a list of text/, /plans\[3\]\.name: is missing/, /topups\[0\]\.credits_cents: must be a whole number/]],
    [twice, [/plans\[4\]\.id: 'pro' is there twice/, /topups\[1\]\.id: 'Pro!' may only have small letters/,
      /topups\[2\]\.id: 'team' is the id of a plan, too/, /plans: must have a plan with the id 'free'/]],
    ["{", [/not valid JSON/]], ["", [/JSON/]], [[], [/object/]], [{}, [/plans: is missing/, /topups: is missing/]],
    ['{"plans":[],"plans":[],"topups":[]}', [/JSON/]], [{ plans: [], topups: [] }, [/plans/]],
  ];
  for (const [content, reasons] of cases) {
    const { status, stderr } = await turnpike(["catalog", "load", write("wrong.json", content)]);
    assert.notEqual(status, 0, JSON.stringify(content));
    for (const reason of reasons) assert.match(stderr, reason);
    assert.match(stderr, /Nothing was loaded/);
  }
  assert.notEqual((await turnpike(["catalog", "load", path.join(folder, "none.json")])).status, 0);
  assert.deepEqual(await counts(), before);
});

// --- Founding places ----------------------------------------------------------------------------

test("founding places left are the total without those taken and held", async () => {
  const read = async () => (await get("/api/counter/founding")).body;
  const set = (consumed, held) => sql(`UPDATE founding_counter SET consumed = ${consumed}, held = ${held} WHERE counter_id = 1`);
  try {
    for (const [consumed, held, remaining] of [[0, 0, 1000], [127, 0, 873], [100, 27, 873], [0, 1000, 0], [999, 1, 0], [999, 0, 1]]) {
      await set(consumed, held);
      await eventually(async () => assert.deepEqual(await read(), { remaining, total: 1000 }), SEEN_MS);
    }
    await assert.rejects(set(1000, 1), /CONSTRAINT|constraint/, "the database itself refuses to oversell");
  } finally {
    await set(0, 0);
  }
});

// --- Status -------------------------------------------------------------------------------------

const status = async () => (await get("/api/v2/status/public")).body;
const eventuallyStatus = (check) => eventually(async () => check(await status()), SEEN_MS);
const COMPONENTS = ["worker", "anthropic_proxy", "stripe", "discord"];
const FINE = Object.fromEntries(COMPONENTS.map((c) => [c, "ok"]));

// The last twenty calls of a component, the newest first; fresh ones of turnpike-jobs may come on top.
async function calls(component, failed, { ago_s = 0, total = 20 } = {}) {
  const rows = Array.from({ length: total }, (_, i) => `('${component}', ${i >= failed ? 1 : 0}, ${(Date.now() - ago_s * 1000) * 1000 - i})`);
  await sql(`DELETE FROM component_probe WHERE component = '${component}'; INSERT INTO component_probe (component, is_ok, at_us) VALUES ${rows}`);
}

// What other files' tests let models do wrong is told here: an operator says that it does not count.
const ignoreModels = () => done(["incident", "pin", "anthropic_proxy", "ok"]);
before(ignoreModels);
after(() => done(["incident", "unpin", "anthropic_proxy"]));

test("all is well: exactly the documented members", async () => {
  await eventuallyStatus((body) => assert.deepEqual(body, { status: "ok", components: FINE, incidents: [] }));
});

test("a component is degraded from a tenth of failed calls on, and down from a half", async () => {
  try {
    for (const [failed, state] of [[1, "ok"], [3, "degraded"], [9, "degraded"], [11, "down"], [20, "down"]]) {
      await calls("stripe", failed);
      await eventuallyStatus((body) => assert.deepEqual([body.components, body.status], [{ ...FINE, stripe: state }, state]));
    }
    await calls("stripe", 20, { ago_s: 301 });
    await eventuallyStatus((body) => assert.equal(body.components.stripe, "ok", "five minutes are over"));
  } finally {
    await calls("stripe", 0);
  }
});

test("the status is that of the worst component; the operator may pin one", async () => {
  try {
    await done(["incident", "pin", "discord", "degraded"]);
    await done(["incident", "pin", "anthropic_proxy", "down"]);
    await eventuallyStatus((body) => assert.deepEqual(body, {
      status: "down", components: { ...FINE, discord: "degraded", anthropic_proxy: "down" }, incidents: [],
    }));
    await ignoreModels();
    await eventuallyStatus((body) => assert.equal(body.status, "degraded"));

    await calls("discord", 20);
    await done(["incident", "pin", "discord", "ok"]);
    await eventuallyStatus((body) => assert.equal(body.status, "ok", "a pin covers what is measured"));
  } finally {
    for (const component of COMPONENTS) await done(["incident", "unpin", component]);
    await ignoreModels();
    await calls("discord", 0);
  }
  for (const args of [["pin", "mars", "ok"], ["pin", "stripe", "broken"], ["unpin", "mars"]]) {
    assert.notEqual((await turnpike(["incident", ...args])).status, 0, args.join(" "));
  }
});

const open = (title, severity, component = "stripe") =>
  done(["incident", "open", "--title", title, "--component", component, "--severity", severity, "--body", `${title} began.`]);

test("an incident goes from opened to resolved, and each step is told", async () => {
  const before = Math.floor(Date.now() / 1000);
  const id = await open("Checkout is slow \"now\"", "minor");
  assert.match(id, /^inc_[0-9A-Za-z]{24}$/);
  try {
    await eventuallyStatus((body) => {
      const [{ started_at, updated_at, updates, ...rest }] = body.incidents;
      assert.deepEqual(rest, {
        id, title: "Checkout is slow \"now\"", component: "stripe", severity: "minor", status: "investigating", resolved_at: null,
      });
      assert.ok(Number.isInteger(started_at) && started_at >= before && updated_at === started_at);
      assert.deepEqual(updates, [{ ts: started_at, status: "investigating", body: "Checkout is slow \"now\" began." }]);
      assert.equal(body.status, "ok", "a minor one does not change the status");
    });
    await done(["incident", "update", id, "--status", "identified", "--body", "It is the bank."]);
    await done(["incident", "update", id, "--status", "monitoring", "--body", "We watch."]);
    await eventuallyStatus((body) => assert.equal(body.incidents[0].status, "monitoring"));
  } finally {
    await done(["incident", "resolve", id, "--body", "Over."]);
  }
  await eventuallyStatus((body) => {
    const [incident] = body.incidents;
    assert.equal(incident.status, "resolved");
    assert.ok(incident.resolved_at >= incident.started_at && incident.updated_at === incident.resolved_at);
    assert.deepEqual(incident.updates.map((u) => [u.status, u.body]), [
      ["investigating", "Checkout is slow \"now\" began."], ["identified", "It is the bank."], ["monitoring", "We watch."], ["resolved", "Over."],
    ]);
  });
  const usage = [["open", "--title", "x"], ["open", "--title", "x", "--component", "mars", "--severity", "minor", "--body", "x"],
    ["open", "--title", "x", "--component", "stripe", "--severity", "huge", "--body", "x"], ["update", id, "--status", "resolved", "--body", "x"],
    ["update", id, "--status", "monitoring"], ["resolve", "inc_000000000000000000000000", "--body", "x"]];
  for (const args of usage) assert.notEqual((await turnpike(["incident", ...args])).status, 0, args.join(" "));
});

test("an open major or critical incident forces at least degraded", async () => {
  for (const severity of ["major", "critical"]) {
    const id = await open(`A ${severity} one`, severity);
    try {
      await eventuallyStatus((body) => assert.deepEqual([body.status, body.components], ["degraded", FINE]));
    } finally {
      await done(["incident", "resolve", id, "--body", "Over."]);
    }
    await eventuallyStatus((body) => assert.equal(body.status, "ok"));
  }
});

test("listed are the open ones and those resolved within seven days, newest first, at most twenty", async () => {
  await sql("DELETE FROM incident_update; DELETE FROM incident");
  const [recent, old, ancient] = [await open("recent", "minor"), await open("old", "minor"), await open("ancient but open", "minor")];
  const day_us = 86400e6, ago = (days) => Date.now() * 1000 - days * day_us;
  for (const [id, days] of [[recent, 6.99], [old, 7.01]]) {
    await done(["incident", "resolve", id, "--body", "Over."]);
    await sql(`UPDATE incident SET started_at_us = ${ago(days + 1)}, resolved_at_us = ${ago(days)} WHERE public_id = '${id}'`);
  }
  await sql(`UPDATE incident SET started_at_us = ${ago(400)} WHERE public_id = '${ancient}'`);
  await eventuallyStatus((body) => assert.deepEqual(body.incidents.map((i) => i.title), ["recent", "ancient but open"]));
  assert.match(await done(["incident", "list"]), new RegExp(`${old}.*old`), "the operator sees all");

  const rows = Array.from({ length: 25 }, (_, i) => `('inc_many${String(i).padStart(20, "0")}', 'many ${i}', 'worker', 'minor', 'resolved',
    ${ago(3) + i}, ${ago(2)}, ${ago(2)})`);
  await sql(`INSERT INTO incident (public_id, title, component, severity, status, started_at_us, updated_at_us, resolved_at_us) VALUES ${rows}`);
  await eventuallyStatus((body) => assert.deepEqual(body.incidents.map((i) => i.title), Array.from({ length: 20 }, (_, i) => `many ${24 - i}`)));
  await sql("DELETE FROM incident_update; DELETE FROM incident");
  await eventuallyStatus((body) => assert.deepEqual(body.incidents, []));
});
