// How the status page draws a component and an incident. A state is told by word and by shape,
// never by colour alone; a state or component that is newer than this page is shown by its own
// name.

import { el, icon, time, words } from "./ui.js";

const STATES = { ok: "Operational", degraded: "Degraded", down: "Down", unknown: "Not known" };

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

export const known = (state) => (Object.hasOwn(STATES, state) ? state : "unknown");

const componentName = (key) => COMPONENTS[key]?.[0] ?? words(key);

export function componentRow([key, value]) {
  const state = known(value);
  const about = COMPONENTS[key]?.[1];
  return el(
    "li",
    { "data-component": key },
    el(
      "div",
      {},
      el("p", { class: "strong" }, componentName(key)),
      about && el("p", { class: "hint" }, about),
    ),
    el("p", { class: `state state-${state}` }, icon(state), STATES[state]),
  );
}

export function incidentCard(incident) {
  const [word, badge] = SEVERITIES[incident.severity] ?? [words(incident.severity), "badge"];
  const updates = [...(incident.updates ?? [])].reverse(); // the newest first

  return el(
    "article",
    { class: "card incident", "data-incident": incident.id },
    el(
      "div",
      { class: "row" },
      el("h3", {}, incident.title),
      el("span", { class: badge }, word),
      el("span", { class: "badge" }, words(incident.status)),
    ),
    el(
      "p",
      { class: "hint" },
      `${componentName(incident.component)}, since `,
      time(incident.started_at),
      incident.resolved_at && [", resolved ", time(incident.resolved_at)],
    ),
    updates.length > 0 &&
      el(
        "ol",
        { class: "updates", role: "list" },
        updates.map((update) =>
          el(
            "li",
            {},
            el(
              "p",
              { class: "hint" },
              el("span", { class: "strong" }, words(update.status)),
              ", ",
              time(update.ts),
            ),
            el("p", {}, update.body),
          ),
        ),
      ),
  );
}
