// The cards that only read: today's turns, spend on hosted models, orders.

import { api } from "./api.js";
import { dailyChart } from "./chart.js";
import { el, duration, money, number, time, words } from "./ui.js";

/* ---- turns today ---- */

function resetLine(usage) {
  const left = Math.max(0, usage.resets_at - Math.floor(Date.now() / 1000));
  return el(
    "p",
    { class: "muted" },
    `Starts at zero again in ${duration(left)} (`,
    time(usage.resets_at),
    ").",
  );
}

export async function loadUsage() {
  const usage = await api("GET", "/api/usage/check");
  const turns = `${number(usage.used)} ${usage.used === 1 ? "turn" : "turns"}`;

  if (usage.limit === null || usage.limit === undefined) {
    return [
      el("p", { class: "plan-name" }, turns),
      el("p", {}, "No daily limit on your plan."),
      usage.resets_at ? resetLine(usage) : null,
    ];
  }
  const full = usage.used >= usage.limit;
  const meter = el("progress", {
    class: full ? "meter full" : "meter",
    max: Math.max(1, usage.limit),
    value: Math.min(usage.used, usage.limit),
    "aria-label": "Part of today's turns that is used",
  });
  return [
    el("p", { class: "plan-name" }, `${number(usage.used)} of ${number(usage.limit)}`),
    meter,
    full
      ? el("p", { class: "notice notice-warn" }, "All turns of today are used.")
      : el("p", {}, `${number(usage.limit - usage.used)} turns are left today.`),
    usage.resets_at ? resetLine(usage) : null,
  ];
}

/* ---- spend ---- */

const PROVIDERS = {
  anthropic: "Anthropic",
  openai: "OpenAI",
  xai: "xAI",
  deepseek: "DeepSeek",
  google: "Google",
};

function table(caption, heads, rows) {
  return el(
    "table",
    { class: "table" },
    el("caption", { class: "visually-hidden" }, caption),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        heads.map((head, i) => el("th", { scope: "col", class: i > 0 ? "amount" : null }, head)),
      ),
    ),
    el(
      "tbody",
      {},
      rows.map(([first, ...rest]) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, first),
          rest.map((cell) => el("td", { class: "amount" }, cell)),
        ),
      ),
    ),
  );
}

function lastCall(call) {
  if (!call) return el("dd", {}, "None yet");
  return el(
    "dd",
    {},
    money(call.cost_cents),
    el("span", { class: "note" }, `${call.model}, `, time(call.ts)),
    el(
      "span",
      { class: "note" },
      `${number(call.input_tokens)} tokens in, ${number(call.output_tokens)} out`,
    ),
  );
}

export async function loadSpend() {
  const wallet = await api("GET", "/api/account/wallet");
  const figures = el(
    "dl",
    { class: "figures" },
    el("div", {}, el("dt", {}, "Last 30 days"), el("dd", {}, money(wallet.last_30d_cents))),
    el("div", {}, el("dt", {}, "Since the beginning"), el("dd", {}, money(wallet.lifetime_cents))),
    el("div", {}, el("dt", {}, "Last call"), lastCall(wallet.last_call)),
  );

  if (wallet.lifetime_cents === 0 && !wallet.last_call) {
    return [
      figures,
      el(
        "p",
        { class: "muted" },
        "Nothing spent so far. Calls to hosted models appear here; calls with your own key cost nothing here.",
      ),
    ];
  }
  return [
    figures,
    wallet.daily?.length > 0 ? dailyChart(wallet.daily) : null,
    el(
      "div",
      { class: "split" },
      wallet.by_provider.length > 0 &&
        el(
          "div",
          {},
          el("h3", {}, "By provider"),
          table(
            "Spend by provider",
            ["Provider", "Spend"],
            wallet.by_provider.map((row) => [
              PROVIDERS[row.provider] ?? words(row.provider),
              money(row.cents),
            ]),
          ),
        ),
      wallet.top_models.length > 0 &&
        el(
          "div",
          {},
          el("h3", {}, "Models"),
          table(
            "Models with the highest spend",
            ["Model", "Calls", "Spend"],
            wallet.top_models.map((row) => [row.model, number(row.calls), money(row.cents)]),
          ),
        ),
    ),
  ];
}

/* ---- orders ---- */

const KINDS = {
  subscription: "Subscription",
  topup: "Top-up",
  lifetime: "Lifetime plan",
  overage: "Overage",
};
const STATES = {
  paid: ["Paid", "badge badge-good"],
  pending: ["Pending", "badge badge-warn"],
  failed: ["Failed", "badge badge-bad"],
  refunded: ["Refunded", "badge"],
  partially_refunded: ["Partly refunded", "badge"],
};

function invoiceLink(order) {
  if (!/^https?:\/\//.test(order.invoice_url ?? "")) return null;
  return el(
    "a",
    { href: order.invoice_url, rel: "noreferrer" },
    "Invoice",
    el("span", { class: "visually-hidden" }, ` of order ${order.id}`),
  );
}

function orderRow(order) {
  const [word, badge] = STATES[order.status] ?? [words(order.status), "badge"];
  const link = invoiceLink(order);
  return el(
    "tr",
    {},
    el("td", { class: "later" }, time(order.ts, { withClock: false })),
    el("th", { scope: "row" }, KINDS[order.kind] ?? words(order.kind), link && " ", link),
    el("td", { class: "later end" }, el("span", { class: badge }, word)),
    el("td", { class: "amount" }, money(order.amount_cents)),
  );
}

export async function loadOrders() {
  const { orders } = await api("GET", "/api/account/orders?limit=50");
  if (orders.length === 0)
    return el(
      "p",
      { class: "muted" },
      "No orders yet. What you buy appears here with its invoice.",
    );
  return el(
    "table",
    { class: "table table-fold" },
    el("caption", { class: "visually-hidden" }, "Orders, newest first"),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        el("th", { scope: "col" }, "Date"),
        el("th", { scope: "col" }, "Order"),
        el("th", { scope: "col" }, "State"),
        el("th", { scope: "col", class: "amount" }, "Amount"),
      ),
    ),
    el("tbody", {}, orders.map(orderRow)),
  );
}
