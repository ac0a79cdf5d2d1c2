// The devices card: everything that opens the account, of every way in, and how to end it.

import { api } from "./api.js";
import { browserName, platformName } from "./device-name.js";
import { sessionOver } from "./own-session.js";
import { $, busy, el, failure, icon, notice, openDialog, time } from "./ui.js";

let hooks = { reload() {}, signOut() {} };

const KINDS = {
  session: "Signed in",
  browser: "Signed in with a password",
  ide: "IDE, let in from a browser",
};

/** What it calls itself, or its platform: "darwin-arm64" → "macOS (arm64)" */
function nameOf(credential) {
  if (credential.kind === "browser") return browserName(credential.name ?? "");
  if (credential.name) return credential.name;
  if (credential.kind === "ide") return "IDE";
  return platformName(credential.device || "unknown device");
}

function deviceRow(credential) {
  const name = nameOf(credential);
  const button = credential.current
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
          onclick: (event) => end(event.currentTarget, credential, name),
        },
        "Sign out",
        el("span", { class: "visually-hidden" }, ` ${name}`),
      );

  return el(
    "li",
    { "data-credential": credential.id },
    icon(credential.kind === "browser" || credential.device === "web" ? "browser" : "device"),
    el(
      "div",
      { class: "about" },
      el(
        "div",
        { class: "row" },
        el("p", { class: "strong" }, name),
        credential.current && el("span", { class: "badge badge-good" }, "This browser"),
      ),
      el(
        "p",
        { class: "hint" },
        KINDS[credential.kind],
        credential.ip && ` from ${credential.ip}`,
        el("br"),
        "last seen ",
        time(credential.last_seen_at),
      ),
    ),
    button,
  );
}

export async function loadDevices() {
  const { credentials } = await api("GET", "/api/account/credentials");
  const others = credentials.filter(({ current }) => !current).length;

  return [
    el("ul", { class: "devices", role: "list" }, credentials.map(deviceRow)),
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
      if (sessionOver(cause)) return;
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

const endOne = ({ id }) => api("DELETE", `/api/account/credentials/${encodeURIComponent(id)}`);

function end(button, credential, name) {
  return change(
    button,
    "Signing out",
    () => endOne(credential),
    () => `${name} is signed out.`,
  );
}

async function endOthers(event) {
  const button = event.currentTarget;
  if ((await openDialog($("#others-dialog"))) !== "yes") return;
  await change(
    button,
    "Signing out",
    endAllOthers,
    (ended) => `${ended} ${ended === 1 ? "device is" : "devices are"} signed out.`,
  );
}

// What the API ends at once does not hold the tokens of IDEs; those go one by one.
async function endAllOthers() {
  const { revoked } = await api("POST", "/api/auth/signout-others");
  const { credentials } = await api("GET", "/api/account/credentials");
  const left = credentials.filter(({ current }) => !current);
  for (const credential of left) await endOne(credential).catch(unlessGone);
  return revoked + left.length;
}

// Somebody else ended it first: what was wanted is so.
function unlessGone(cause) {
  if (cause.status !== 404) throw cause;
}

export function initDevices(callbacks) {
  hooks = callbacks;
}
