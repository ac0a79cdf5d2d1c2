// The plan card: the plan with its price in the catalog, its end or renewal, and the two balances.

import { el, money, time, words } from "./ui.js";

const INTERVALS = { month: "per month", year: "per year", once: "once" };

const planName = (id, catalog) =>
  catalog.plans.find((plan) => plan.id === id)?.name ?? words(id);

const price = (plan) =>
  `${money(plan.price_cents, { short: true })} ${INTERVALS[plan.interval] ?? ""}`.trim();

function priceLine(user, catalog) {
  if (user.plan === "free") return "No subscription. You can use your own model key.";
  const plan = catalog.plans.find((entry) => entry.id === user.plan);
  if (!plan) return null;
  if (user.plan === "team" && user.seats) return `${price(plan)} and seat, ${user.seats} seats`;
  return price(plan);
}

function renewalLine(user) {
  if (!user.renews_at) return null;
  return el(
    "p",
    { class: "muted" },
    user.cancel_at_period_end ? "Ends on " : "Renews on ",
    time(user.renews_at, { withClock: false }),
  );
}

const figure = (name, value, note) =>
  el(
    "div",
    {},
    el("dt", {}, name),
    el("dd", {}, value, note && el("span", { class: "note" }, note)),
  );

export function showPlan(user, catalog) {
  const line = priceLine(user, catalog);

  return [
    el(
      "div",
      { class: "stack-tight" },
      el(
        "div",
        { class: "row" },
        el("p", { class: "plan-name" }, planName(user.plan, catalog)),
        user.founding && el("span", { class: "badge badge-warn" }, "Founding member"),
      ),
      line && el("p", {}, line),
      renewalLine(user),
    ),
    el(
      "dl",
      { class: "figures" },
      figure("Plan credit", money(user.balance_cents), "left in this period"),
      figure("Top-ups", money(user.topup_balance_cents), "used first, valid 12 months"),
    ),
  ];
}
