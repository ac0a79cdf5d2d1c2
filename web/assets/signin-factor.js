// The second factor: a code of the authenticator app, or one of the recovery codes. The session is
// there already but good for nothing else until the server has taken a code.

import { api } from "./api.js";
import { DIGITS, tidyDigits } from "./one-time.js";
import { show } from "./signin-steps.js";
import { $, busy, failure, fieldError, notice } from "./ui.js";

const RECOVERY_LETTERS = 10;

const WORDS = {
  app: {
    label: "Code of your authenticator app",
    hint: "Six digits. Each code works once, for about half a minute.",
    other: "Use a recovery code",
    missing: "Enter all six digits of the code.",
  },
  recovery: {
    label: "Recovery code",
    hint: "One of the ten codes you kept when you turned the second factor on. It is used up then.",
    other: "Use the authenticator app",
    missing: "A recovery code has ten letters and digits, such as ABCD-EFGH-JK.",
  },
};

let hooks = { onProved() {}, onSessionOver() {}, onGiveUp() {} };
let kind = "app";

export function askSecondFactor() {
  show("factor");
  setKind("app");
  $("#factor").focus();
}

function setKind(wanted) {
  const input = $("#factor");

  kind = wanted;
  input.value = "";
  input.classList.toggle("long", kind === "recovery");
  input.inputMode = kind === "app" ? "numeric" : "text";
  input.autocomplete = kind === "app" ? "one-time-code" : "off";
  $("#factor-label").textContent = WORDS[kind].label;
  $("#factor-hint").textContent = WORDS[kind].hint;
  $("#factor-other").textContent = WORDS[kind].other;
  fieldError(input, $("#factor-error"), "");
  notice($("#factor-notice"), "");
}

const letters = (value) => value.replace(/[^A-Za-z0-9]/g, "").toUpperCase();

function readCode() {
  const { value } = $("#factor");
  if (kind === "app") return value.length === DIGITS ? { code: value } : null;
  const code = letters(value);
  return code.length === RECOVERY_LETTERS ? { code, recovery: true } : null;
}

async function submit(event) {
  event?.preventDefault();
  const input = $("#factor");
  const body = readCode();

  notice($("#factor-notice"), "");
  fieldError(input, $("#factor-error"), body ? "" : WORDS[kind].missing);
  if (!body) {
    input.focus();
    return;
  }
  await busy($("#factor-form [type=submit]"), "Checking", async () => {
    try {
      await api("POST", "/api/account/2fa/verify", { body });
      input.value = "";
    } catch (cause) {
      refused(cause);
      return;
    }
    await hooks.onProved();
  });
}

function refused(cause) {
  if (cause.status === 401) return hooks.onSessionOver();
  if (cause.status !== 400) return failure($("#factor-notice"), cause, submit);
  fieldError($("#factor"), $("#factor-error"), cause.message);
  $("#factor").focus();
  return $("#factor").select();
}

export function initSecondFactor(callbacks) {
  hooks = callbacks;
  $("#factor-form").addEventListener("submit", submit);
  $("#factor").addEventListener("input", () => kind === "app" && tidyDigits($("#factor")));
  $("#factor-other").addEventListener("click", () => {
    setKind(kind === "app" ? "recovery" : "app");
    $("#factor").focus();
  });
  $("#factor-give-up").addEventListener("click", () => hooks.onGiveUp());
}
