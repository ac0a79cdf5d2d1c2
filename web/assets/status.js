// /status: reads the public state every 30 seconds and says how old it is.

import { api } from "./api.js";
import { componentRow, incidentCard, known } from "./status-parts.js";
import { $, applyBrand, busy, clock, duration, el, icon } from "./ui.js";

const EVERY_MS = 30_000;

const OVERALL = {
  ok: "All parts are operational",
  degraded: "Some parts are degraded",
  down: "There is an outage",
  unknown: "The state is not known",
};

let lastReadMs = null;
let reading = false;
let timer = null;

/* A live region speaks when its content changes, so it is written only on a change. */
function showOverall(kind, text, detail = "") {
  const box = $("#overall");
  if (box.dataset.shown === kind + text + detail) return;
  box.dataset.shown = kind + text + detail;
  box.className = `overall overall-${kind}`;
  box.replaceChildren(icon(kind), el("div", {}, el("h2", {}, text), detail && el("p", {}, detail)));
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
  $("#past-list").replaceChildren(
    ...(past.length > 0
      ? past.map(incidentCard)
      : [el("p", { class: "muted" }, "No incident was resolved in the past seven days.")]),
  );
}

/* What was read before stays on the page, but it is no longer called the present. */
function showUnreachable(error) {
  const before = lastReadMs === null ? "" : ` What you see below was read at ${clock(lastReadMs)}.`;
  showOverall("unknown", "The API cannot be reached", `${error.message}${before}`);
}

function showAge() {
  if (lastReadMs === null) return;
  const age = Math.max(0, Math.round((Date.now() - lastReadMs) / 1000));
  $("#read-at").textContent =
    `Last read at ${clock(lastReadMs)}, ${age < 2 ? "just now" : `${duration(age)} ago`}.`;
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
    $("#main").removeAttribute("data-reading");
    showAge();
    if (!document.hidden) timer = setTimeout(read, EVERY_MS);
  }
}

function start() {
  applyBrand();
  $("#refresh").addEventListener("click", () => busy($("#refresh"), "Reading", read));
  document.addEventListener("visibilitychange", () =>
    document.hidden ? clearTimeout(timer) : read(),
  );
  setInterval(showAge, 1000);
  read();
}

start();
