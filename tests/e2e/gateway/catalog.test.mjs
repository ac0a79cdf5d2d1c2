// The public catalog (gateway.md section 3) on the common stack; on one of its own what happens when it changes, and what
// `turnpike catalog` says.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { URL_BASE, Visitor, eventually, ownStack, request, sql, turnpike } from "../support.mjs";

const demo = new URL("../../../tools/seed/catalog.json", import.meta.url).pathname;
const seed = JSON.parse(fs.readFileSync(demo, "utf8"));
const visitor = new Visitor();
const ROUTES = ["/v1/catalog/manifest", "/v1/catalog/plans", "/v1/catalog/models", "/v1/catalog/addon-credit-packs", "/v1/account/tiers"];
const SEEN_MS = 3000;

const price = (name, cents) => ({ [`${name}Price`]: cents === undefined ? null : cents / 100, [`${name}PriceCents`]: cents ?? null });
const plans = seed.tiers.map((t) => {
  const plan = seed.plans.find((p) => p.id === t.plan);
  return { id: plan.id, tier: t.id, name: plan.name, description: t.description, ...price("monthly", plan.price_cents),
    ...price("yearly", t.yearly_price_cents), currency: "usd", creditsPerMonth: (plan.allowance_cents ?? 0) * 10, features: plan.features,
    limits: { perRequest: null, perDay: null }, active: true };
});
const packs = seed.packs.map((p) => ({ id: p.id, name: p.name, credits: p.credits, price: p.price_cents / 100, priceCents: p.price_cents, currency: "usd", active: true }));

test("plans, packs and tiers are what the demo file says", async () => {
  const get = async (url) => (await visitor.get(url)).body;
  assert.deepEqual(await get("/v1/catalog/plans"), { plans });
  assert.deepEqual(await get("/v1/catalog/addon-credit-packs"), { packs });
  assert.deepEqual(await get("/v1/account/tiers"), { tiers: plans.map(({ id, tier, description, limits, ...rest }) => ({ id: tier, ...rest })) });
  assert.deepEqual(plans.map((p) => p.tier), ["free", "pro", "team"]);
  assert.deepEqual(packs.map((p) => p.id), ["pack_10k", "pack_50k", "pack_200k"]);
  assert.ok(packs.every((p) => p.credits === 10 * p.priceCents), "1000 credits are a dollar");
});

test("its models are the list's, and say whether they are enabled", async () => {
  const listed = (await visitor.get("/v1/models")).body.data;
  const { models } = (await visitor.get("/v1/catalog/models")).body;
  assert.deepEqual(models, listed.map((m) => ({ ...m, enabled: true })));
});

test("the manifest is all of it", async () => {
  const { body } = await visitor.get("/v1/catalog/manifest");
  assert.deepEqual(Object.keys(body), ["version", "updatedAt", "models", "providers", "plans", "creditPacks"]);
  assert.ok(Number.isInteger(body.version) && body.version >= 1);
  assert.match(body.updatedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(body.models, (await visitor.get("/v1/catalog/models")).body.models);
  assert.deepEqual([body.plans, body.creditPacks], [plans, packs]);
  assert.deepEqual(body.providers, [
    { id: "sandbox", name: "Sandbox", status: "available" },
    { id: "anthropic", name: "anthropic", status: "available" },
    { id: "codegrex", name: "codegrex", status: "available" },
  ], "whom models are shown to come from, not through whom they are reached");
});

test("everything has an ETag that answers 304, for any origin, with its limit told", async () => {
  for (const url of ROUTES) {
    const first = await visitor.get(url, { headers: { Origin: "https://elsewhere.example" } });
    assert.match(first.headers.etag, /^(W\/)?"[0-9a-f]{32}"$/, url);
    assert.equal(first.headers["cache-control"], "public, no-cache");
    assert.equal(first.headers["access-control-allow-origin"], "*");
    assert.equal(first.headers["ratelimit-limit"], "200");
    for (const tag of [first.headers.etag, `"x", ${first.headers.etag}`, "*"]) {
      const again = await visitor.get(url, { headers: { "If-None-Match": tag } });
      if (url === ROUTES[0] && again.status === 200) continue; // another test has loaded a catalog in between
      assert.deepEqual([again.status, again.text, again.headers.etag], [304, "", first.headers.etag], `${url} ${tag}`);
    }
    assert.equal((await visitor.get(url, { headers: { "If-None-Match": '"x"' } })).status, 200);
    const post = await visitor.send("POST", url);
    assert.deepEqual([post.status, post.headers.allow], [405, "GET, HEAD, OPTIONS"]);
  }
});

test("200 in a minute from one address", async () => {
  const often = new Visitor(), agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let i = 0; i < 50; i++) await often.get("/v1/account/tiers", { agent });
  }));
  for (const url of ROUTES) assert.equal((await often.get(url, { agent })).status, 429, url);
  agent.destroy();
});

describe("when it changes", () => {
  let stack, folder;
  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "turnpike-catalog-"));
    stack = await ownStack({ port: Number(new URL(URL_BASE).port) + 14, limits: "dry-run" });
  });
  after(async () => {
    await stack?.down();
    fs.rmSync(folder, { recursive: true });
  });

  const get = async (url) => {
    const { status, body, text, headers } = await request("GET", `${stack.url}${url}`, { check: false });
    return { status, body, text, headers };
  };
  const catalog = (...args) => turnpike(["catalog", ...args], stack.state);
  const done = async (...args) => {
    const { status, stdout, stderr } = await catalog(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const changed = (change, name = "catalog.json") => {
    const copy = structuredClone(seed), file = path.join(folder, name);
    change(copy, (id) => copy.models.find((m) => m.id === id));
    fs.writeFileSync(file, JSON.stringify(copy));
    return file;
  };
  const restore = async () => {
    await done("load", demo);
    const wanted = seed.models.map((m) => m.id);
    await eventually(async () => assert.deepEqual((await get("/v1/models")).body.data.map((m) => m.id), wanted), SEEN_MS);
  };

  test("what was stored is what was read: the file in force differs in nothing", async () => {
    assert.match(await done("load", demo, "--dry-run"), /^ {2}no changes\nDry run/);
    const versions = await sql("SELECT COUNT(*) FROM catalog", stack.state);
    assert.match(await done("load", demo), /no changes\nThis very file is loaded already, as version \d+; it is in effect\./);
    assert.deepEqual(await sql("SELECT COUNT(*) FROM catalog", stack.state), versions, "and makes no version");
    assert.match(await done("show"), /model +sandbox-chat +3 in, 15 out USD per million tokens\n +route +sandbox +sandbox-chat\n/);
  });

  test("a new price is told beforehand, and in force within a second or so, everywhere", async () => {
    const file = changed((all, model) => {
      model("sandbox-chat").input_usd_per_mtok = 4;
      model("sandbox-chat").multiplier = 1.5;
      model("sandbox-tab").enabled = false;
      model("codegrex-tab").aliases = ["tab"];
      all.models = all.models.filter((m) => m.id !== "sandbox-claude");
      all.models.push({ ...seed.models[0], id: "fresh", aliases: [] });
      all.packs[0].price_cents = 900;
      all.providers[0].keys[0].weight = 5;
    });
    const before = await get("/v1/catalog/manifest");
    const said = await done("load", file, "--dry-run");
    for (const line of [/model sandbox-chat: input_usd_per_mtok 3 -> 4\n/, /model sandbox-chat: multiplier 1 -> 1\.5\n/,
      /model sandbox-tab: enabled true -> false\n/, /model codegrex-tab: aliases \[\] -> \["tab"\]\n/, /model sandbox-claude: no longer there\n/,
      /model fresh: new, \{"id":"fresh",/, /pack pack_10k: price_cents 1000 -> 900\n/, /provider sandbox: keys \[.*"weight":1.*\] -> \[.*"weight":5/])
      assert.match(said, line);
    assert.equal(said.trimEnd().split("\n").length, 9, said);
    assert.equal((await get("/v1/catalog/manifest")).text, before.text, "a dry run changes nothing");

    await done("load", file);
    await eventually(async () => assert.equal((await get("/v1/models/fresh")).status, 200), SEEN_MS);
    const after = await get("/v1/catalog/manifest");
    assert.ok(after.body.version > before.body.version);
    assert.notEqual(after.headers.etag, before.headers.etag);
    const { pricing } = (await get("/v1/models/sandbox-chat")).body;
    assert.deepEqual([pricing.input_per_mtok, pricing.output_per_mtok], [6, 22.5], "prices are shown with their multiplier");
    for (const gone of ["sandbox-claude", "sandbox-tab"]) assert.equal((await get(`/v1/models/${gone}`)).status, 404, gone);
    assert.equal(after.body.models.find((m) => m.id === "sandbox-tab").enabled, false, "the catalog still names it");
    assert.ok(!(await get("/v1/models")).text.includes("sandbox-tab"));
    assert.equal((await get("/v1/models/tab")).body.id, "codegrex-tab");
    await restore();
  });

  test("a time of effect, from the file or the command, is waited for", async () => {
    const soon = Math.floor(Date.now() / 1000) + 3;
    const file = changed((all) => (all.models = all.models.slice(0, 1)));
    const when = new Date(soon * 1000).toISOString().replace(".000", "");
    assert.match(await done("load", file, "--effective", when), new RegExp(`takes effect at ${when}, not before`));
    assert.match(await done("load", file, "--effective", String(soon)), /already/, "the same time in another spelling");
    for (;;) {
      const { body } = await get("/v1/models");
      if (Date.now() >= soon * 1000) break;
      assert.equal(body.data.length, seed.models.length, "not yet");
    }
    await eventually(async () => assert.equal((await get("/v1/models")).body.data.length, 1), SEEN_MS);
    for (const wrong of ["tomorrow", "2026-13-01T00:00:00Z", "-1", ""]) {
      const { status, stderr } = await catalog("load", file, "--effective", wrong);
      assert.deepEqual([status, /--effective takes a time/.test(stderr)], [64, true], wrong);
    }
    await restore();
  });

  test("a key that goes makes its models unavailable, one that comes back serves again, without a new version", async () => {
    const file = path.join(stack.state, "keys/sandbox-a"), away = `${file}.away`;
    const status = async () => Object.fromEntries((await get("/v1/catalog/manifest")).body.providers.map((p) => [p.id, p.status]));
    const version = (await get("/v1/catalog/manifest")).body.version;
    fs.renameSync(file, away);
    await eventually(async () => assert.deepEqual(await status(), { sandbox: "available", anthropic: "unavailable", codegrex: "unavailable" }), SEEN_MS);
    fs.renameSync(away, file);
    await eventually(async () => assert.deepEqual(await status(), { sandbox: "available", anthropic: "available", codegrex: "available" }), SEEN_MS);
    assert.equal((await get("/v1/catalog/manifest")).body.version, version);
    const events = fs.readFileSync(path.join(stack.state, "log/events.log"), "utf8");
    assert.match(events, /"event":"key_disabled","provider":"sandbox-anthropic","key":"a"/);
  });

  test("a key's secret is in its file and nowhere else", async () => {
    const secrets = ["sandbox-a", "sandbox-b"].map((name) => fs.readFileSync(path.join(stack.state, "keys", name), "utf8").trim());
    for (const name of ["sandbox-a", "sandbox-b"]) assert.equal(fs.statSync(path.join(stack.state, "keys", name)).mode & 0o777, 0o600);
    const tables = (await sql("SHOW TABLES LIKE 'catalog%'", stack.state)).flat();
    assert.ok(tables.includes("catalog_key") && tables.length >= 9);
    let text = await done("show");
    for (const table of tables) text += JSON.stringify(await sql(`SELECT * FROM ${table}`, stack.state));
    for (const url of ROUTES) text += (await get(url)).text;
    text += fs.readFileSync(path.join(stack.state, "log/events.log"), "utf8");
    assert.ok(text.includes("keys/sandbox-a"), "its place is named");
    for (const secret of secrets) assert.ok(secret.length > 20 && !text.includes(secret));
  });

  test("all faults of a file are told, with their place and in plain words; nothing is loaded", async () => {
    const file = changed((all, model) => {
      all.packs[0].price_cents = 0;
      all.providers[1].dialect = "grpc";
      model("sandbox-chat").routes[0].provider = "nowhere";
      model("sandbox-chat").colour = "red";
      model("sandbox-claude").tier = "huge";
      delete model("sandbox-tab").output_usd_per_mtok;
      all.packs[2].credits = 1.5;
      all.tiers[1].plan = 7;
    }, "wrong.json");
    const versions = await sql("SELECT COUNT(*) FROM catalog", stack.state);
    for (const option of [[], ["--dry-run"]]) {
      const { status, stdout, stderr } = await catalog("load", file, ...option);
      assert.deepEqual([status, stdout], [70, ""]);
      assert.deepEqual(stderr.trimEnd().split("\n").map((line) => line.replace(`${file}: `, "")), [
        'tiers[1].plan: must be text, "..."',
        "packs[0].price_cents: must be at least 1",
        "packs[2].credits: must be a whole number",
        "providers[1].dialect: must be one of openai, anthropic, fim_openai, fim_mistral, fim_llamacpp",
        "models[1].tier: must be one of efficient, balanced, flagship",
        "models[3].output_usd_per_mtok: is missing",
        "models[0].colour: is not known",
        "7 faults. Nothing was loaded.",
      ]);
    }
    assert.match((await catalog("load", changed((all, model) => {
      all.providers[0].base_url = "ftp://files.example";
      model("sandbox-chat").routes[0].provider = "nowhere";
    }, "wrong2.json"))).stderr, /providers\[0\]\.base_url: must begin with .*\n.*models\[0\]\.routes\[0\]\.provider: there is no provider 'nowhere'\n2 faults/);
    assert.deepEqual(await sql("SELECT COUNT(*) FROM catalog", stack.state), versions);
  });
});
