// The last step of /signin: who is signed in, the way back to the IDE, the token to paste by hand.

import { api, token } from "./api.js";
import { $, busy, failure } from "./ui.js";

const WEB_SCHEMES = new Set([
  "http:",
  "https:",
  "javascript:",
  "data:",
  "blob:",
  "file:",
  "about:",
]);
const MASK = "session:••••••••••••••••";
const HANDOFF_LIFE_MS = 60_000;

let shown = false;

/** Only the address of an application on this computer may be opened from here. */
function ideAddress(redirect) {
  try {
    return WEB_SCHEMES.has(new URL(redirect).protocol) ? null : redirect;
  } catch {
    return null;
  }
}

function show({ user, redirect, from, already = false }) {
  const address = ideAddress(redirect);

  $("#done-title").textContent = already ? "You are already signed in" : "You are signed in";
  $("#done-who").textContent =
    `as ${user?.display_name ? `${user.display_name}, ` : ""}${user?.email ?? ""}`;
  $("#done-ide").hidden = !address;
  $("#manual").hidden = from !== "ide";
  $("#manual-title").textContent = address ? "Did the IDE not open?" : "Sign in to the IDE by hand";
  $("#reveal-manual").hidden = from === "ide";
  $("#to-account").classList.toggle("primary", from !== "ide");
  setShown(false);
  $("#done-title").focus();
  if (address) {
    $("#open-ide").href = address;
    location.assign(address);
    setTimeout(handoffOver, HANDOFF_LIFE_MS);
  }
}

// A button that can only fail is worse than none.
function handoffOver() {
  if (document.activeElement === $("#open-ide")) $("#manual-title").focus();
  $("#done-ide").hidden = true;
}

// Not a password field: those make browsers offer to store what is in them.
function setShown(on) {
  shown = on;
  $("#manual-token").value = on ? token.get() : MASK;
  $("#show-token").setAttribute("aria-pressed", String(on));
  $("#copy-result").textContent = "";
}

async function copy() {
  const result = $("#copy-result");
  try {
    await navigator.clipboard.writeText(token.get());
    result.textContent = "Copied. Paste it in the IDE.";
  } catch {
    setShown(true);
    $("#manual-token").focus();
    $("#manual-token").select();
    result.textContent =
      "The browser did not allow copying. The token is selected: press Ctrl+C or Cmd+C.";
  }
}

function reveal() {
  $("#manual").hidden = false;
  $("#reveal-manual").hidden = true;
  $("#manual-title").textContent = "Sign in to the IDE by hand";
  $("#show-token").focus();
}

function signOut(onSignOut) {
  return busy($("#signout"), "Signing out", async () => {
    try {
      await api("POST", "/api/auth/signout");
    } catch (cause) {
      if (cause.status !== 401) {
        failure($("#done-notice"), cause, () => signOut(onSignOut));
        return;
      }
    }
    token.clear();
    setShown(false);
    onSignOut();
  });
}

export const done = {
  show,

  init({ onSignOut }) {
    $("#show-token").addEventListener("click", () => setShown(!shown));
    $("#copy-token").addEventListener("click", () => busy($("#copy-token"), null, copy));
    $("#reveal-manual").addEventListener("click", reveal);
    $("#signout").addEventListener("click", () => signOut(onSignOut));
  },
};
