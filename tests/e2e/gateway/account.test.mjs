// The account at the gateway (gateway.md section 4): profile, credit, usage, calls and their receipts, the statement. What
// is shown is held against what was answered at the time, against the catalog's prices, and against each other.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import { before, describe, test } from "node:test";
import { URL_BASE, Visitor, credit, eventually, signIn, sql, turnpike } from "../support.mjs";
import { claims, ideToken, sign, userOf } from "./support.mjs";

const catalog = JSON.parse(fs.readFileSync(new URL("../../../tools/seed/catalog.json", import.meta.url), "utf8"));
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const chat = (directive, more) => ({ model: "sandbox-chat", messages: [{ role: "user", content: `go [[sandbox: ${directive}]]` }], ...more });
// Of sandbox-chat: 3 and 15 dollars for a million tokens.
const microOf = (input, output) => 3 * input + 15 * output;
const charged = (micro) => Math.ceil(micro / 10) / 100;
const credited = (micro) => Math.floor(micro / 10) / 100;

// Calls come from other addresses, of which each may make thirty a minute.
async function call(person, body, options) {
  const answer = await new Visitor({ token: person.token }).post("/v1/chat/completions", body, options);
  return answer;
}

// The receipt of a call, once it is settled.
function receiptOf(person, answer) {
  const id = typeof answer === "string" ? answer : answer.headers["x-turnpike-receipt"];
  return eventually(async () => {
    const { status, body } = await new Visitor({ token: person.token }).get(`/v1/account/usage/activity/${id}`);
    assert.equal(status, 200, id);
    return body;
  });
}

async function get(person, url) {
  const answer = await person.get(url);
  assert.equal(answer.status, 200, `${url}: ${answer.text}`);
  return answer.body;
}

// Nothing is under way any more.
const quiet = (person) => eventually(async () => {
  const credits = await get(person, "/v1/account/credits");
  assert.equal(credits.reserved, 0);
  return credits;
});

async function richPerson(micro = 5000000) {
  const person = await signIn();
  await credit(person.email, { topup: micro });
  return person;
}

test("me is the account, by every credential and by both names", async () => {
  const person = await signIn();
  await credit(person.email, { topup: 1234567, allowance: 800005 });
  const me = await get(person, "/v1/account/me");
  assert.match(me.createdAt, ISO);
  assert.match(me.credits.resetsAt, ISO);
  const { createdAt, credits: { resetsAt } } = me;
  assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60000);
  assert.ok(Math.abs(Date.parse(resetsAt) - Date.now() - 30 * 86400000) < 60000);
  assert.deepEqual(me, {
    id: person.user.id, email: person.email, displayName: null, avatarUrl: null, tier: "free", subscriptionStatus: "none",
    credits: { balance: 2034.57, reserved: 0, available: 2034.57, monthlyAllowance: 800, resetsAt }, createdAt,
  });
  assert.deepEqual(await get(person, "/v1/account"), me);
  assert.deepEqual(await get(new Visitor({ token: await ideToken(person.email) }), "/v1/account/me"), me);
  const jwt = await sign(claims({ email: person.email, email_verified: true }));
  assert.deepEqual(await get(new Visitor({ token: jwt }), "/v1/account/me"), me, "joined by the proved address");

  const nameless = await get(new Visitor({ token: await sign(claims({ sub: randomUUID() })) }), "/v1/account");
  assert.deepEqual([nameless.email, nameless.tier, nameless.credits],
    [null, "free", { balance: 0, reserved: 0, available: 0, monthlyAllowance: 0, resetsAt: null }]);
});

test("a plan shows its tier, its state and what it includes before the first period", async () => {
  const person = await signIn(), id = await userOf(person.email);
  const shown = async (plan, renews) => {
    await sql(`UPDATE users SET plan = '${plan}', renews_at_us = ${renews} WHERE user_id = ${id}`);
    const { tier, subscriptionStatus, credits } = await get(person, "/v1/account/me");
    return [tier, subscriptionStatus, credits.monthlyAllowance, credits.resetsAt];
  };
  const soon = new Date(Date.now() + 86400000), us = soon.getTime() * 1000;
  assert.deepEqual(await shown("pro", us), ["pro", "active", 15000, soon.toISOString()]);
  assert.deepEqual(await shown("team", us), ["team", "active", 26000, soon.toISOString()]);
  const plan = catalog.plans.find((p) => p.id === "pro_plus");
  assert.equal((await shown("pro_plus", us))[1], "active", `${plan.id} is sold as no tier of its own`);
  assert.deepEqual(await shown("pro", 1), ["pro", "none", 15000, "1970-01-01T00:00:00.000Z"]);
  assert.deepEqual(await shown("free", "NULL"), ["free", "none", 0, null]);
  await credit(person.email, { allowance: 2000000 });
  assert.equal((await shown("pro", us))[2], 2000, "what this period has brought");
});

test("names are trimmed, bounded and without control characters; three methods do the same", async () => {
  const person = await signIn();
  const cases = [["PATCH", "  Ada  ", "Ada"], ["PUT", "\u00a0Åsa Ⅲ \"q\" \\ </b>\t", "Åsa Ⅲ \"q\" \\ </b>"], ["POST", "x".repeat(80), "x".repeat(80)],
    ["PATCH", "€".repeat(80), "€".repeat(80)]];
  for (const [method, displayName, expected] of cases) {
    const answer = await person.send(method, "/v1/account/profile", { body: { displayName, email: "x@example.org", tier: "team" } });
    assert.deepEqual([answer.status, answer.body.displayName, answer.body.email, answer.body.tier], [200, expected, person.email, "free"]);
    assert.deepEqual(await get(person, "/v1/account/me"), answer.body);
  }
  const message = { min: "must be at least 1", max: "must be at most 80", characters: "has characters that are not allowed", required: "is required" };
  for (const [displayName, rule] of [["", "min"], [" \t\u3000 ", "min"], ["x".repeat(81), "max"], ["€".repeat(81), "max"], ["a\u0000b", null],
    ["a\nb", "characters"], ["a\u0085b", "characters"], ["\u202eb", "characters"], [undefined, "required"]]) {
    const answer = await person.patch("/v1/account/profile", { displayName });
    assert.equal(answer.status, 400, JSON.stringify(displayName));
    assert.equal(answer.body.code, "validation_failed");
    if (rule) assert.deepEqual(answer.body.details, [{ path: "displayName", message: message[rule] }]);
  }
  for (const displayName of [7, null, ["x"], {}]) assert.equal((await person.patch("/v1/account/profile", { displayName })).status, 400);
  assert.equal((await get(person, "/v1/account/me")).displayName, "€".repeat(80), "what was refused has changed nothing");
});

test("credits: all that there is, what is held while a call works, and that it comes free", async () => {
  const person = await signIn();
  const none = { balance: 0, reserved: 0, available: 0, monthlyAllowance: 0, resetsAt: null, purchased: 0,
    overage: { enabled: false, used: 0, ceiling: 50000 }, limits: { perRequest: null, perDay: null } };
  assert.deepEqual(await get(person, "/v1/account/credits"), none);
  await credit(person.email, { topup: 999999, allowance: 500006 });
  const { resetsAt, ...rest } = await get(person, "/v1/account/credits");
  assert.deepEqual({ ...rest, resetsAt: null },
    { ...none, balance: 1500, available: 1500, purchased: 999.99, monthlyAllowance: 500 });

  const held = new Promise((resolve, reject) => {
    const ask = http.request(`${URL_BASE}/v1/chat/completions`, { method: "POST", headers: { Authorization: `Bearer ${person.token}`, "Content-Type": "application/json" } },
      (answer) => answer.once("data", async () => {
        try {
          resolve(await get(person, "/v1/account/credits"));
        } catch (error) {
          reject(error);
        }
        ask.destroy();
      }));
    ask.on("error", () => {});
    ask.end(JSON.stringify(chat("tokens=5000 rate=20", { stream: true, max_tokens: 10000 })));
  });
  const { balance, reserved, available } = await held;
  assert.equal(balance, 1500);
  assert.ok(reserved >= 150, `${reserved}: at least the 10000 tokens that may come`);
  assert.equal(Math.round(balance * 100) - Math.round(reserved * 100), Math.round(available * 100));
  const after = await quiet(person);
  assert.ok(after.balance < 1500 && after.balance === after.available);
});

test("a receipt tells what was used, at which prices, and how it was paid", async () => {
  const person = await richPerson();
  const answer = await call(person, chat("tokens=37 input=1234"), { headers: { "X-Request-Id": "my.trace:1" } });
  assert.equal(answer.status, 200);
  const receipt = await receiptOf(person, answer), micro = microOf(1234, 37);
  assert.match(receipt.id, /^act_\w{24}$/);
  for (const name of ["createdAt", "settledAt"]) assert.match(receipt[name], ISO);
  assert.ok(receipt.settledAt >= receipt.createdAt);
  assert.ok(receipt.latencyMs >= receipt.firstTokenMs && receipt.firstTokenMs >= 0);
  const [[version, effective]] = await sql("SELECT catalog_id, effective_at_us FROM catalog WHERE effective_at_us <= UNIX_TIMESTAMP(NOW(6)) * 1000000 ORDER BY effective_at_us DESC, catalog_id DESC LIMIT 1");
  const [[transfer]] = await sql(`SELECT transfer_id FROM ai_call WHERE public_id = '${receipt.id}'`);
  const { createdAt, settledAt, latencyMs, firstTokenMs, hold, prices, ...rest } = receipt;
  assert.deepEqual(rest, {
    id: answer.headers["x-turnpike-receipt"], requestId: "my.trace:1", endpoint: "chat", mode: "chat", model: "sandbox-chat",
    route: { provider: "sandbox", upstreamModel: "sandbox-chat", keyLabel: rest.route.keyLabel }, status: "ok", metering: "measured",
    reason: "what the provider reported, at these prices",
    tokens: { input: 1234, cachedInput: 0, cacheWrite: 0, cacheWriteHour: 0, output: 37, reasoning: 0 },
    costMicroUsd: micro, creditsUsed: charged(micro), retries: 0,
    settlement: { transferId: transfer, calls: 1, topupMicroUsd: micro, allowanceMicroUsd: 0, overageMicroUsd: 0, uncollectedMicroUsd: 0 },
  });
  assert.equal(rest.creditsUsed, answer.body.usage.creditsUsed);
  assert.equal(rest.costMicroUsd, Math.round(Number(answer.headers["x-turnpike-cost"]) * 1e6));
  assert.equal(prices.version, Number(version));
  assert.equal(prices.effectiveAt, new Date(Math.floor(effective / 1000)).toISOString());
  assert.deepEqual([prices.inputPerMtok, prices.outputPerMtok, prices.multiplier], [3, 15, 1]);
  assert.equal(hold.id, answer.headers["x-turnpike-hold"]);
  assert.ok(hold.estimateMicroUsd >= micro && hold.estimateCredits === charged(hold.estimateMicroUsd));
  assert.ok(["open", "settled"].includes(hold.state));
  await eventually(async () => assert.equal((await receiptOf(person, receipt.id)).hold.state, "settled"));

  // The ledger, from its side.
  const [line] = (await turnpike(["ledger", "explain", "--user", person.email])).stdout.split("\n");
  assert.match(line, new RegExp(`usage by calls ${hold.id}$`));
  const said = (await turnpike(["ledger", "explain", "--user", person.email, "--entry", line.split("\t")[0]])).stdout;
  assert.match(said, new RegExp(`^  ${receipt.id}\tsandbox-chat by sandbox, request my.trace:1\tok, measured\t1234 tokens in, 37 out\t0\\.${String(micro).padStart(4, "0")} cents$`, "m"));
});

describe("receipts of calls that did not end well", () => {
  let person;
  before(async () => { person = await richPerson(); });

  test("nothing delivered: nothing charged", async () => {
    const receipt = await receiptOf(person, await call(person, chat("status=500")));
    assert.deepEqual([receipt.status, receipt.costMicroUsd, receipt.creditsUsed, receipt.settlement], ["refunded", 0, 0, null]);
    assert.ok(receipt.reason.length > 5, receipt.reason);
  });

  test("no usage reported: estimated, and it says so", async () => {
    const receipt = await receiptOf(person, await call(person, chat("tokens=40 usage=none")));
    assert.deepEqual([receipt.status, receipt.metering], ["ok", "estimated"]);
    assert.ok(receipt.costMicroUsd > 0 && receipt.settlement.topupMicroUsd === receipt.costMicroUsd);
  });

  test("cut in the middle: what came is charged", async () => {
    const receipt = await receiptOf(person, await call(person, chat("tokens=400 cut_at=3000", { stream: true })));
    assert.deepEqual([receipt.status, receipt.metering], ["cut", "estimated"]);
    assert.ok(receipt.costMicroUsd > 0 && receipt.costMicroUsd < microOf(100, 400));
  });
});

test("a receipt is its owner's only, and of calls that there were", async () => {
  const person = await richPerson(), other = await signIn();
  const answer = await call(person, chat("tokens=1"), { headers: { "X-Request-Id": "act_x" } });
  const { id } = await receiptOf(person, answer);
  for (const [visitor, name] of [[other, id], [person, id.slice(0, -1)], [person, id.toUpperCase()], [person, "act_x"], [person, answer.headers["x-turnpike-hold"]],
    [person, "1"], [person, "%27%20OR%201=1"], [person, "x".repeat(65)]]) {
    const refused = await visitor.get(`/v1/account/usage/activity/${name}`);
    assert.deepEqual([refused.status, refused.body.code], [404, "not_found"], name);
  }
  for (const name of ["a%2Fb", "a%5Cb"]) assert.equal((await person.get(`/v1/account/usage/activity/${name}`)).status, 400, name);
});

test("calls of one settlement share what it took of each fund", async () => {
  const person = await signIn();
  await credit(person.email, { topup: 1500, allowance: 3000000 });
  const ids = (await Promise.all(Array.from({ length: 12 }, () => call(person, chat("tokens=20 input=100", { max_tokens: 40 }))))).map((a) => {
    assert.equal(a.status, 200, a.text);
    return a.headers["x-turnpike-receipt"];
  });
  const receipts = await Promise.all(ids.map((id) => receiptOf(person, id)));
  const sum = (name) => receipts.reduce((total, r) => total + r.settlement[name], 0);
  for (const r of receipts) assert.equal(r.settlement.topupMicroUsd + r.settlement.allowanceMicroUsd, 600);
  assert.equal(sum("topupMicroUsd") + sum("allowanceMicroUsd"), 12 * 600);
  assert.equal(sum("topupMicroUsd"), 1500, "top-ups first, to the last micro-dollar");
  const { balance, purchased } = await quiet(person);
  assert.deepEqual([balance, purchased], [credited(3000000 + 1500 - 7200), 0]);
});

describe("activity", () => {
  const N = 7;
  let person, ids;
  before(async () => {
    person = await richPerson();
    ids = [];
    for (let i = 1; i <= N; i++) {
      const answer = await call(person, chat(`tokens=${i} input=${10 * i}`, { mode: i % 2 ? "agent" : "plan" }));
      await receiptOf(person, answer);
      ids.unshift(answer.headers["x-turnpike-receipt"]);
    }
  });

  test("the newest first, each as it was", async () => {
    const { items, ...rest } = await get(person, "/v1/account/usage/activity");
    assert.deepEqual(rest, { page: 1, limit: 50, total: N, nextCursor: null });
    assert.deepEqual(items.map((i) => i.id), ids);
    items.forEach((item, k) => {
      const i = N - k;
      assert.match(item.createdAt, ISO);
      assert.match(item.requestId, /^req_/);
      assert.deepEqual([item.endpoint, item.model, item.mode, item.inputTokens, item.outputTokens, item.creditsUsed, item.status],
        ["chat", "sandbox-chat", i % 2 ? "agent" : "plan", 10 * i, i, charged(microOf(10 * i, i)), "ok"]);
      assert.ok(item.latencyMs >= 0);
    });
  });

  test("pages by number and by cursor have the same", async () => {
    for (const limit of [1, 2, 3, 7, 200]) {
      const byPage = [], byCursor = [];
      let cursor = "";
      for (let page = 1; page <= Math.ceil(N / limit); page++) {
        const a = await get(person, `/v1/account/usage/activity?page=${page}&limit=${limit}`);
        const b = await get(person, `/v1/account/usage/activity?limit=${limit}${cursor && `&cursor=${cursor}`}`);
        assert.deepEqual([a.page, a.limit, a.total, b.total], [page, limit, N, N]);
        assert.equal(b.page, cursor ? null : 1);
        assert.equal(a.nextCursor, b.nextCursor);
        byPage.push(...a.items.map((i) => i.id));
        byCursor.push(...b.items.map((i) => i.id));
        cursor = b.nextCursor;
      }
      assert.equal(cursor, null, "the last page says so");
      assert.deepEqual([byPage, byCursor], [ids, ids], `limit ${limit}`);
    }
    const past = await get(person, "/v1/account/usage/activity?page=99");
    assert.deepEqual([past.items, past.total, past.nextCursor], [[], N, null]);
  });

  test("a call that comes meanwhile does not move what a cursor finds", async () => {
    const first = await get(person, "/v1/account/usage/activity?limit=2");
    const { id } = await receiptOf(person, await call(person, chat("tokens=1")));
    const second = await get(person, `/v1/account/usage/activity?limit=2&cursor=${first.nextCursor}`);
    assert.deepEqual(second.items.map((i) => i.id), ids.slice(2, 4));
    assert.equal((await get(person, "/v1/account/usage/activity?limit=1")).items[0].id, id);
  });

  test("what is no page", async () => {
    const other = await signIn();
    for (const query of ["page=0", "page=-1", "page=x", "page=1.5", "page=1000001", "limit=0", "limit=201", "limit=", "limit=1e2", "cursor=", "cursor=act_x", "cursor=1",
      `cursor=${"x".repeat(65)}`]) {
      const answer = await person.get(`/v1/account/usage/activity?${query}`);
      assert.deepEqual([answer.status, answer.body.code], [400, "validation_failed"], query);
    }
    assert.equal((await other.get(`/v1/account/usage/activity?cursor=${ids[0]}`)).status, 400, "somebody else's call");
    assert.deepEqual(await get(other, "/v1/account/usage/activity"), { items: [], page: 1, limit: 50, total: 0, nextCursor: null });
  });
});

test("usage of a month: by model, by day, in all", async () => {
  const person = await richPerson(), id = await userOf(person.email);
  for (const [model, tokens] of [["sandbox-chat", 5], ["sandbox-chat", 7], ["sandbox-claude", 1]]) {
    await receiptOf(person, await call(person, chat(`tokens=${tokens} input=11`, { model })));
  }
  const now = new Date(), month = (n) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + n));
  const shown = await get(person, "/v1/account/usage");
  assert.deepEqual(shown.period, { start: month(0).toISOString(), end: month(1).toISOString() });
  const byChat = microOf(22, 12), all = byChat + microOf(11, 1);
  assert.deepEqual(shown.totals, { requests: 3, inputTokens: 33, outputTokens: 13, creditsUsed: charged(all) });
  assert.deepEqual(shown.byModel, [
    { model: "sandbox-chat", requests: 2, inputTokens: 22, outputTokens: 12, creditsUsed: charged(byChat) },
    { model: "sandbox-claude", requests: 1, inputTokens: 11, outputTokens: 1, creditsUsed: charged(microOf(11, 1)) },
  ]);
  assert.deepEqual(shown.byDay, [{ date: now.toISOString().slice(0, 10), creditsUsed: charged(all), requests: 3 }]);
  assert.deepEqual(await get(person, "/v1/account/usage?period=current"), shown);
  assert.deepEqual(await get(person, `/v1/account/usage?period=${now.toISOString().slice(0, 7)}`), shown);

  const none = { totals: { requests: 0, inputTokens: 0, outputTokens: 0, creditsUsed: 0 }, byModel: [], byDay: [] };
  const previous = { period: { start: month(-1).toISOString(), end: month(0).toISOString() } };
  assert.deepEqual(await get(person, "/v1/account/usage?period=previous"), { ...previous, ...none });
  // The edges of a month: its first and last day are in it, and no other.
  const day = (date) => Math.floor(date.getTime() / 86400000);
  await sql(`INSERT INTO ai_usage_day VALUES ${[day(month(-1)) - 1, day(month(-1)), day(month(0)) - 1].map((d) => `(${id}, ${d}, 'old', 1, 2, 3, 4000)`)}`);
  const edges = await get(person, "/v1/account/usage?period=previous");
  assert.deepEqual([edges.totals.requests, edges.byDay.length, edges.byModel[0].creditsUsed], [2, 2, 8]);
  assert.deepEqual(edges.byDay.map((d) => d.date), [month(-1), new Date(month(0) - 1)].map((d) => d.toISOString().slice(0, 10)));
  assert.deepEqual(await get(person, "/v1/account/usage"), shown);
  for (const period of ["", "last", "2026", "2026-13", "2026-00", "1969-12", "2026-1", "2026-01-01", "x".repeat(99)]) {
    const answer = await person.get(`/v1/account/usage?period=${period}`);
    assert.deepEqual([answer.status, answer.body.code, answer.body.details[0].path], [400, "validation_failed", "period"], period);
  }
  await sql(`DELETE FROM ai_usage_day WHERE user_id = ${id} AND model = 'old'`);
});

describe("transactions", () => {
  // A statement that makes sense: each balance is the one before it and its credits, the newest is that of the account.
  async function statement(person) {
    const all = [];
    for (let url = "/v1/account/transactions?limit=200"; url;) {
      const { transactions, nextCursor } = await get(person, url);
      all.push(...transactions);
      url = nextCursor && `/v1/account/transactions?limit=200&cursor=${nextCursor}`;
    }
    const cents = (credits) => Math.round(credits * 100);
    for (let i = 0; i < all.length; i++) {
      assert.equal(cents(all[i].balanceAfter), cents(all[i + 1]?.balanceAfter ?? 0) + cents(all[i].credits), JSON.stringify(all.slice(i, i + 2)));
      assert.match(all[i].createdAt, ISO);
      assert.match(all[i].id, /^txn_[A-Za-z0-9]+$/);
    }
    assert.equal(new Set(all.map((t) => t.id)).size, all.length);
    assert.equal(all[0]?.balanceAfter ?? 0, (await get(person, "/v1/account/credits")).balance);
    return all;
  }
  const brief = (all) => all.map((t) => `${t.type} ${t.credits}: ${t.description}`);

  test("changes, and one for the calls of each day", async () => {
    const person = await signIn(), id = await userOf(person.email);
    assert.deepEqual(await statement(person), []);
    const ledger = async (...args) => {
      const { status, stderr } = await turnpike(["ledger", args[0], "--user", person.email, "--micro", args[1], "--reason", "secret of ours"]);
      assert.equal(status, 0, stderr);
    };
    await ledger("grant", "100000");
    await ledger("adjust", "-20000");
    await ledger("allowance", "50000");
    await ledger("allowance", "60005");
    await ledger("refund", "1");
    const usage = async (tokens) => {
      await receiptOf(person, await call(person, chat(`tokens=${tokens} input=1`, { max_tokens: 100 })));
      await quiet(person);
    };
    await usage(10);
    await usage(20);
    // Micro-dollars: 140006 before the calls, 456 less and then 33 less; of each balance what is whole is shown.
    const today = new Date().toISOString().slice(0, 10);
    const expected = [`usage_rollup -0.45: Model usage on ${today}`, "refund 0: Refund of model usage", "adjustment -50: Expired credits",
      "grant 60: Allowance of a new period", "grant 50: Allowance of a new period", "adjustment -20: Adjustment", "grant 100: Granted credits"];
    const before = await statement(person);
    assert.deepEqual(brief(before), expected);
    assert.ok(before.every((t) => t.amountCents === null && t.currency === null && !JSON.stringify(t).includes("secret")));

    // A day passes: what it used is a row of its own from then on, the same as it was shown.
    await sql(`UPDATE users SET used_at_us = used_at_us - 86400000000 WHERE user_id = ${id}`);
    await usage(2);
    const after = await statement(person);
    const yesterday = new Date(Date.now() - 86400000).toISOString().slice(0, 10);
    assert.deepEqual(brief(after), [`usage_rollup -0.04: Model usage on ${today}`, expected[0].replace(today, yesterday), ...expected.slice(1)]);
    assert.deepEqual(after.slice(2), before.slice(1));
    assert.equal(after[1].id, before[0].id);
    assert.equal(after[1].createdAt.slice(0, 10), yesterday);
    const { status, stderr } = await turnpike(["ledger", "verify"]);
    assert.equal(status, 0, stderr);
  });

  test("in pages of any size, also while a day ends between two of them", async () => {
    const person = await signIn(), id = await userOf(person.email);
    for (let i = 1; i <= 5; i++) await credit(person.email, { topup: i * 100000 });
    await receiptOf(person, await call(person, chat("tokens=10")));
    const all = await statement(person);
    assert.equal(all.length, 6);
    for (const limit of [1, 2, 3, 6, 7]) {
      const paged = [];
      for (let cursor = ""; cursor !== null;) {
        const { transactions, nextCursor } = await get(person, `/v1/account/transactions?limit=${limit}${cursor && `&cursor=${cursor}`}`);
        assert.ok(transactions.length <= limit && (nextCursor === null || transactions.length === limit));
        paged.push(...transactions);
        cursor = nextCursor;
      }
      assert.deepEqual(paged, all, `limit ${limit}`);
    }
    const first = await get(person, "/v1/account/transactions?limit=1");
    await sql(`UPDATE users SET used_at_us = used_at_us - 86400000000 WHERE user_id = ${id}`);
    await credit(person.email, { topup: 7 });
    const second = await get(person, `/v1/account/transactions?limit=50&cursor=${first.nextCursor}`);
    assert.deepEqual(second, { transactions: all.slice(1), nextCursor: null });
  });

  test("what is no page", async () => {
    const person = await signIn();
    for (const query of ["limit=0", "limit=201", "limit=x", "cursor=0", "cursor=-1", "cursor=txn_x", "cursor=9223372036854775808"]) {
      const answer = await person.get(`/v1/account/transactions?${query}`);
      assert.deepEqual([answer.status, answer.body.code], [400, "validation_failed"], query);
    }
    assert.deepEqual(await get(person, "/v1/account/transactions?cursor=9223372036854775807"), { transactions: [], nextCursor: null });
  });
});

test("a person's answers tell nothing of another's", async () => {
  const person = await richPerson(), other = await signIn();
  await receiptOf(person, await call(person, chat("tokens=3")));
  const empty = { items: [], page: 1, limit: 50, total: 0, nextCursor: null };
  assert.deepEqual(await get(other, "/v1/account/usage/activity"), empty);
  assert.equal((await get(other, "/v1/account/usage")).totals.requests, 0);
  assert.deepEqual(await get(other, "/v1/account/transactions"), { transactions: [], nextCursor: null });
  assert.equal((await get(other, "/v1/account/credits")).balance, 0);
});
