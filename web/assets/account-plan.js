// The plan card and the dialog that starts a purchase. Payment itself happens at the payment
// provider.

import { api } from "./api.js";
import { $, busy, el, failure, money, notice, openDialog, time, words } from "./ui.js";

const PLAN_NAMES = {
  free: "Free",
  pro: "Pro",
  pro_plus: "Pro+",
  team: "Team",
  lifetime: "Lifetime",
};
const INTERVALS = { month: "per month", year: "per year", once: "once" };

export const planName = (id, catalog) =>
  catalog?.plans?.find((plan) => plan.id === id)?.name ?? PLAN_NAMES[id] ?? words(id);

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
  const offersButton = el(
    "button",
    {
      type: "button",
      class: "button primary",
      "aria-haspopup": "dialog",
      onclick: () => showOffers(user, catalog),
    },
    user.plan === "free" ? "Choose a plan" : "Change plan or top up",
  );
  const billingButton = el(
    "button",
    { type: "button", class: "button", onclick: openPortal },
    "Billing",
  );

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
    el("div", { class: "row" }, offersButton, user.plan !== "free" && billingButton),
  ];
}

function openPortal(event) {
  return goToProvider(event.currentTarget, "/api/billing/portal", {}, $("#plan-notice"));
}

/* ---- the dialog ---- */

function planOffer(user, plan, catalog) {
  const name = planName(plan.id, catalog);
  const current = plan.id === user.plan;
  const features = (plan.features ?? []).map((text) => el("li", {}, text));

  return el(
    "li",
    { class: "offer" },
    el(
      "div",
      { class: "stack-tight" },
      el("h3", {}, name),
      el("p", { class: "muted" }, price(plan)),
      features.length > 0 && el("ul", { class: "small" }, features),
    ),
    current
      ? el("span", { class: "badge badge-good" }, "Your plan")
      : buyButton("Choose", name, plan.id),
  );
}

function topupOffer(topup) {
  const credit = money(topup.credits_cents, { short: true });
  return el(
    "li",
    { class: "offer" },
    el(
      "div",
      {},
      el("h3", {}, `${credit} of credit`),
      el("p", { class: "muted" }, money(topup.price_cents, { short: true })),
    ),
    buyButton("Top up", credit, topup.id),
  );
}

function buyButton(verb, what, id) {
  const buy = (event) =>
    goToProvider(
      event.currentTarget,
      "/api/billing/checkout",
      { plan: id },
      $("#plan-dialog-notice"),
    );
  return el(
    "button",
    { type: "button", class: "button", onclick: buy },
    verb,
    el("span", { class: "visually-hidden" }, ` ${what}`),
  );
}

function showOffers(user, catalog) {
  const topups = catalog.topups ?? [];
  notice($("#plan-dialog-notice"), "");
  $("#offers").replaceChildren(
    el(
      "ul",
      { class: "offers", role: "list" },
      catalog.plans.map((plan) => planOffer(user, plan, catalog)),
    ),
    topups.length > 0 ? el("h2", {}, "Top-ups") : "",
    topups.length > 0 ? el("ul", { class: "offers", role: "list" }, topups.map(topupOffer)) : "",
  );
  return openDialog($("#plan-dialog"));
}

function goToProvider(button, path, body, box) {
  return busy(button, "Opening", async () => {
    notice(box, "");
    try {
      const { url } = await api("POST", path, { body });
      location.assign(url);
    } catch (cause) {
      failure(box, cause);
    }
  });
}

export function initOffers() {
  // Coming back with the browser's Back button shows the page as it was left: still open, still
  // busy.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}
