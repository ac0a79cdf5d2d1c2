// The devices card: every live session, and how to end one or all others.

import { api } from "./api.js";
import { $, busy, el, failure, icon, notice, openDialog, time, words } from "./ui.js";

const SYSTEMS = { win32: "Windows", darwin: "macOS", linux: "Linux", web: "Web browser" };

let hooks = { reload() {}, onSessionOver() {}, signOut() {} };

/** "darwin-arm64" → "macOS (arm64)" */
function deviceName(session) {
  if (session.device_name) return session.device_name;
  const [system, ...rest] = (session.device || "unknown device").split("-");
  if (!SYSTEMS[system]) return words(session.device || "unknown device");
  return rest.length > 0 ? `${SYSTEMS[system]} (${rest.join(" ")})` : SYSTEMS[system];
}

function deviceRow(session) {
  const name = deviceName(session);
  const button = session.current
    ? el(
        "button",
        { type: "button", class: "button", onclick: () => hooks.signOut() },
        "Sign out",
        el("span", { class: "visually-hidden" }, " this browser"),
      )
    : el(
        "button",
        {
          type: "button",
          class: "button",
          onclick: (event) => endSession(event.currentTarget, session, name),
        },
        "Sign out",
        el("span", { class: "visually-hidden" }, ` ${name}`),
      );

  return el(
    "li",
    { "data-session": session.id },
    icon(session.device === "web" ? "browser" : "device"),
    el(
      "div",
      { class: "about" },
      el(
        "div",
        { class: "row" },
        el("p", { class: "strong" }, name),
        session.current && el("span", { class: "badge badge-good" }, "This browser"),
      ),
      el(
        "p",
        { class: "hint" },
        session.ip,
        el("br"),
        "last seen ",
        time(session.last_seen),
      ),
    ),
    button,
  );
}

export async function loadDevices() {
  const { sessions } = await api("GET", "/api/account/sessions");
  const others = sessions.filter((session) => !session.current).length;

  return [
    el("ul", { class: "devices", role: "list" }, sessions.map(deviceRow)),
    others > 0
      ? el(
          "div",
          {},
          el(
            "button",
            { type: "button", class: "button", "aria-haspopup": "dialog", onclick: endOthers },
            "Sign out all other devices",
          ),
        )
      : el("p", { class: "hint" }, "No other device is signed in."),
  ];
}

async function change(button, label, request, news) {
  let changed = false;
  notice($("#devices-notice"), "");
  $("#devices-news").textContent = "";
  await busy(button, label, async () => {
    try {
      $("#devices-news").textContent = news(await request());
      changed = true;
    } catch (cause) {
      if (cause.status === 401) return hooks.onSessionOver();
      // Somebody else ended it first: what was wanted is so.
      changed = cause.status === 404;
      if (!changed) failure($("#devices-notice"), cause);
    }
  });
  if (!changed) return;
  await hooks.reload();
  // The button is gone with its row; focus must not fall back to the top of the page.
  $("#devices-title").focus();
}

function endSession(button, session, name) {
  return change(
    button,
    "Signing out",
    () => api("DELETE", `/api/account/sessions/${encodeURIComponent(session.id)}`),
    () => `${name} is signed out.`,
  );
}

async function endOthers(event) {
  const button = event.currentTarget;
  if ((await openDialog($("#others-dialog"))) !== "yes") return;
  await change(
    button,
    "Signing out",
    () => api("POST", "/api/auth/signout-others"),
    ({ revoked }) => `${revoked} ${revoked === 1 ? "device is" : "devices are"} signed out.`,
  );
}

export function initDevices(callbacks) {
  hooks = callbacks;
}
