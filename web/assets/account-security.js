// The sign-in card: what guards the account, and where to change it.

import { api } from "./api.js";
import { el } from "./ui.js";

const row = (title, badge, text, href, action) =>
  el(
    "div",
    { class: "stack-tight" },
    el("div", { class: "row" }, el("h3", {}, title), badge),
    el("p", { class: "hint" }, text),
    el("div", {}, el("a", { class: "button", href }, action)),
  );

export async function loadSecurity() {
  const { enabled, recoveryCodesLeft, hasPassword } = await api("GET", "/api/account/2fa/status");

  return [
    row(
      "Second factor",
      el("span", { class: enabled ? "badge badge-good" : "badge" }, enabled ? "On" : "Off"),
      enabled
        ? `Signing in asks for a code of your app. Recovery codes left: ${recoveryCodesLeft}.`
        : "A code of an app on your phone guards the account too.",
      "/settings/account/2fa",
      enabled ? "Manage the second factor" : "Turn on a second factor",
    ),
    row(
      "Password",
      null,
      hasPassword ? "You can sign in with it." : "None: you sign in by mail, GitHub or Google.",
      "/settings/account/password",
      hasPassword ? "Change the password" : "Set a password",
    ),
  ];
}
