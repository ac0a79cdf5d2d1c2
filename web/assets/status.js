// /status: reads the public state every 30 seconds and says how old it is.

import { api } from "./api.js";
import { $, applyBrand, busy, clock, duration, el, icon, time, words } from "./ui.js";

const EVERY_MS = 30_000;

const OVERALL = {
  ok: "Everything works",
  degraded: "Some parts work poorly",
  down: "There is an outage",
  unknown: "The state is not known",
};

const STATES = { ok: "Works", degraded: "Works poorly", down: "Down", unknown: "Not known" };

const COMPONENTS = {
  worker: ["API and database", "Sign-in, accounts, sync and updates"],
  anthropic_proxy: ["Hosted models", "Model calls through this service"],
  stripe: ["Payments", "Checkout, invoices and top-ups"],
  discord: ["Discord link", "Linking accounts and roles"],
};

const SEVERITIES = {
  minor: ["Minor", "badge"],
  major: ["Major", "badge badge-warn"],
  critical: ["Critical", "badge badge-bad"],
};

let lastReadMs = null;
let reading = false;
let timer = null;

const known = (state) => (Object.hasOwn(STATES, state) ? state : "unknown");
const componentName = (key) => COMPONENTS[key]?.[0] ?? words(key);

/* A live region speaks when its content changes, so it is written only on a change. */
function showOverall(kind, text, detail = "") {
  const box = $("#overall");
  if (box.dataset.shown === kind + text + detail) return;
  box.dataset.shown = kind + text + detail;
  box.className = `overall overall-${kind}`;
  box.replaceChildren(icon(kind), el("div", {}, el("h2", {}, text), detail && el("p", {}, detail)));
}

function componentRow([key, value]) {
  const state = known(value);
  const about = COMPONENTS[key]?.[1];
  return el("li", { "data-component": key },
    el("div", {}, el("p", { class: "strong" }, componentName(key)), about && el("p", { class: "hint" }, about)),
    el("p", { class: `state state-${state}` }, icon(state), STATES[state]));
}

function incidentCard(incident) {
  const [word, badge] = SEVERITIES[incident.severity] ?? [words(incident.severity), "badge"];
  const updates = [...(incident.updates ?? [])].sort((a, b) => b.ts - a.ts);

  return el("article", { class: "card incident", "data-incident": incident.id },
    el("div", { class: "row" },
      el("h3", {}, incident.title),
      el("span", { class: badge }, word),
      el("span", { class: "badge" }, words(incident.status))),
    el("p", { class: "hint" }, `${componentName(incident.component)}, since `, time(incident.started_at),
      incident.resolved_at && [", resolved ", time(incident.resolved_at)]),
    updates.length > 0 && el("ol", { class: "updates", role: "list" }, updates.map((update) =>
      el("li", {},
        el("p", { class: "hint" }, el("span", { class: "strong" }, words(update.status)), ", ", time(update.ts)),
        el("p", {}, update.body)))));
}

function showState(state) {
  const overall = known(state.status);
  const incidents = state.incidents ?? [];
  const open = incidents.filter((incident) => incident.status !== "resolved");
  const past = incidents.filter((incident) => incident.status === "resolved");

  showOverall(overall, OVERALL[overall], open.length > 0 ? "See below what is being done." : "");
  $("#parts").hidden = false;
  $("#components").replaceChildren(...Object.entries(state.components ?? {}).map(componentRow));
  $("#open-incidents").hidden = open.length === 0;
  $("#open-list").replaceChildren(...open.map(incidentCard));
  $("#past-incidents").hidden = false;
  $("#past-list").replaceChildren(...(past.length > 0
    ? past.map(incidentCard)
    : [el("p", { class: "muted" }, "No incident was resolved in the past seven days.")]));
}

/* What was read before stays on the page, but it is no longer called the present. */
function showUnreachable(error) {
  const before = lastReadMs === null ? "" : ` What you see below was read at ${clock(lastReadMs)}.`;
  showOverall("unknown", "The API cannot be reached", `${error.message}${before}`);
}

function showAge() {
  if (lastReadMs === null) return;
  const age = Math.max(0, Math.round((Date.now() - lastReadMs) / 1000));
  $("#read-at").textContent = `Last read at ${clock(lastReadMs)}, ${age < 2 ? "just now" : `${duration(age)} ago`}.`;
}

async function read() {
  if (reading) return;
  reading = true;
  clearTimeout(timer);
  try {
    const state = await api("GET", "/api/v2/status/public", { auth: false, cache: "no-cache" });
    lastReadMs = Date.now();
    showState(state);
  } catch (cause) {
    if (cause.name !== "ApiError") throw cause;
    showUnreachable(cause);
  } finally {
    reading = false;
    showAge();
    if (!document.hidden) timer = setTimeout(read, EVERY_MS);
  }
}

function start() {
  applyBrand();
  $("#refresh").addEventListener("click", () => busy($("#refresh"), "Reading", read));
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : read()));
  setInterval(showAge, 1000);
  read();
}

start();
