// The last step of /signin: who is signed in, the way back to the IDE, the token to paste by hand.

import { ApiError, api, token } from "./api.js";
import { brand } from "./brand.js";
import { LINK_USED, link } from "./signin-link.js";
import { $, busy, failure, notice } from "./ui.js";

const MASK = "session:••••••••••••••••";
const HANDOFF_LIFE_MS = 60_000;

const FINISHES = "Open the IDE: it finishes the sign-in.";
const FOREIGN =
  "This link signs the IDE in. Go on only if you have just started to sign in yourself.";
const PASTE =
  "Copy this token and paste it in the IDE when it asks for one. Keep it secret: it signs in as you.";
const OF_ITS_OWN = `${PASTE} To end it, sign the device out on your account page.`;
const OF_THIS_BROWSER = `${PASTE} It ends when you sign out in this browser.`;

/** bound: made with a challenge of the IDE, so that nobody else can redeem it. */
let handoff = { code: null, bound: false, timer: null };
let manual = null;
let shown = false;

function show({ user = null, code = null, bound = false, already = false, opens = true }) {
  const forIde = link.from === "ide";

  notice($("#done-notice"), "");
  $("#done-title").textContent = title({ user, already });
  $("#done-who").textContent = user ? who(user) : opens ? FINISHES : FOREIGN;
  $("#manual").hidden = true;
  $("#reveal-manual").textContent = forIde ? "Show a token instead" : "Show a token for the IDE";
  $("#start-again").href = `/signin${location.search}`;
  $("#to-account").classList.toggle("primary", !forIde);
  setHandoff(code, bound);
  $("#done-title").focus();
  if (code && opens) location.assign($("#open-ide").href);
}

function title({ user, already }) {
  if (!user) return "Back to the IDE";
  return already ? "You are already signed in" : "You are signed in";
}

const who = (user) => `as ${user.display_name ? `${user.display_name}, ` : ""}${user.email ?? ""}`;

function setHandoff(code, bound = false) {
  clearTimeout(handoff.timer);
  handoff = { code, bound, timer: code && setTimeout(handoffOver, HANDOFF_LIFE_MS) };
  if (code) $("#open-ide").href = `${brand.ideAddress}?handoff=${encodeURIComponent(code)}`;
  else $("#open-ide").removeAttribute("href");
  showButtons();
}

// A button that can only fail is worse than none.
function showButtons() {
  const signedIn = token.get() !== null;
  const revealed = !$("#manual").hidden;
  const ideIsLeft = link.from === "ide" && !handoff.code && !revealed;

  $("#done-ide").hidden = !handoff.code;
  $("#ide-again").hidden = !(ideIsLeft && signedIn);
  $("#start-again").hidden = !(ideIsLeft && !signedIn);
  $("#reveal-manual").hidden = revealed || !(signedIn || (handoff.code && !handoff.bound));
  $("#to-account").hidden = !signedIn;
  $("#signout").hidden = !signedIn;
}

function handoffOver() {
  const text = "The way back to the IDE was open for one minute, which is over.";
  const hadFocus = document.activeElement === $("#open-ide");

  setHandoff(null);
  notice($("#done-notice"), text, { kind: "info" });
  if (hadFocus) $("#done-title").focus();
}

/*
 * A handoff that this page may redeem gives the IDE a session of its own, so that signing out here
 * does not sign the IDE out. Otherwise the session of this browser is all there is.
 */
async function manualToken() {
  if (handoff.code && !handoff.bound) {
    const body = { handoff: handoff.code, device_name: "IDE, by token" };
    try {
      const answer = await api("POST", "/api/auth/exchange", { auth: false, body });
      setHandoff(null);
      $("#done-title").textContent = title(answer);
      if (answer.user) $("#done-who").textContent = who(answer.user);
      return { value: answer.token, hint: OF_ITS_OWN };
    } catch (cause) {
      if (cause.code !== "invalid_code") throw cause;
      setHandoff(null);
      if (!token.get()) throw new ApiError({ ...cause, message: LINK_USED });
    }
  }
  return { value: token.get(), hint: OF_THIS_BROWSER };
}

function reveal() {
  return busy($("#reveal-manual"), "Getting a token", async () => {
    notice($("#done-notice"), "");
    try {
      manual = await manualToken();
    } catch (cause) {
      failure($("#done-notice"), cause, reveal);
      return;
    }
    $("#token-hint").textContent = manual.hint;
    $("#manual").hidden = false;
    setShown(false);
    showButtons();
    $("#show-token").focus();
  });
}

// Not a password field: those make browsers offer to store what is in them.
function setShown(on) {
  shown = on;
  $("#manual-token").value = on ? manual.value : MASK;
  $("#show-token").setAttribute("aria-pressed", String(on));
  $("#copy-result").textContent = "";
}

async function copy() {
  const result = $("#copy-result");
  try {
    await navigator.clipboard.writeText(manual.value);
    result.textContent = "Copied. Paste it in the IDE.";
  } catch {
    setShown(true);
    $("#manual-token").focus();
    $("#manual-token").select();
    result.textContent =
      "The browser did not allow copying. The token is selected: press Ctrl+C or Cmd+C.";
  }
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
    onSignOut();
  });
}

export const done = {
  show,

  /** Nothing of the last sign-in stays in a page that shows the first step again. */
  forget() {
    manual = null;
    setShown(false);
    setHandoff(null);
  },

  init({ onSignOut, onIdeAgain }) {
    $("#show-token").addEventListener("click", () => setShown(!shown));
    $("#copy-token").addEventListener("click", () => busy($("#copy-token"), null, copy));
    $("#reveal-manual").addEventListener("click", reveal);
    $("#ide-again").addEventListener("click", onIdeAgain);
    $("#signout").addEventListener("click", () => signOut(onSignOut));
  },
};
