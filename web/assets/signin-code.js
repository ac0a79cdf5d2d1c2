// The first way in: an e-mail address, and the code that is mailed to it.

import { api } from "./api.js";
import { checkEmail } from "./email-field.js";
import { DIGITS, tidyDigits } from "./one-time.js";
import { link } from "./signin-link.js";
import { person, show, thisDevice } from "./signin-steps.js";
import { $, busy, failure, fieldError, notice } from "./ui.js";

const RESEND_AFTER_S = 30;

let resendTimer = null;
let finish = () => {};

/* ---- the address ---- */

export function showEmailStep({ focus = true } = {}) {
  show("email");
  notice($("#email-notice"), "");
  $("#email").value = person.email;
  if (focus) $("#email").focus();
}

function requestCode() {
  return api("POST", "/api/auth/request-code", {
    auth: false,
    body: { email: person.email, from: link.from, challenge: link.challenge, ...thisDevice() },
  });
}

async function submitEmail(event) {
  event?.preventDefault();
  const input = $("#email");

  notice($("#email-notice"), "");
  const email = checkEmail(input, $("#email-error"));
  if (!email) return;
  await busy($("#email-form [type=submit]"), "Sending the code", async () => {
    person.email = email;
    try {
      showCodeStep(await requestCode());
    } catch (cause) {
      if (cause.code === "invalid_email") {
        fieldError(input, $("#email-error"), cause.message);
        input.focus();
      } else {
        failure($("#email-notice"), cause, submitEmail);
      }
    }
  });
}

/* ---- the code ---- */

function showCodeStep(answer) {
  show("code");
  $("#code-email").textContent = person.email;
  $("#code-life").textContent = `${Math.round((answer.expires_in ?? 900) / 60)} minutes`;
  $("#code").value = "";
  resetMessages();
  startResendCountdown();
  $("#code").focus();
}

/* The link in the mail: everything is filled in, but only the click spends the code. */
export function showMailLinkStep() {
  show("code");
  $("#code-title").textContent = "Finish signing in";
  $("#code-email").textContent = person.email;
  $("#code").value = link.code;
  $("#code-submit").focus();
}

function resetMessages() {
  fieldError($("#code"), $("#code-error"), "");
  notice($("#code-notice"), "");
  notice($("#code-news"), "");
}

async function submitCode(event) {
  event?.preventDefault();
  const input = $("#code");
  tidyDigits(input);
  resetMessages();
  if (input.value.length !== DIGITS) {
    fieldError(input, $("#code-error"), "Enter all six digits of the code.");
    input.focus();
    return;
  }
  await busy($("#code-submit"), "Signing in", async () => {
    try {
      const body = {
        email: person.email,
        code: input.value,
        from: link.from,
        challenge: link.challenge,
        ...thisDevice(),
      };
      finish(await api("POST", "/api/auth/verify", { auth: false, body }));
      clearInterval(resendTimer);
    } catch (cause) {
      if (cause.code === "invalid_code") {
        fieldError(input, $("#code-error"), cause.message);
        input.focus();
        input.select();
      } else {
        failure($("#code-notice"), cause, submitCode);
      }
    }
  });
}

async function resend() {
  await busy($("#resend"), "Sending", async () => {
    resetMessages();
    try {
      await requestCode();
      $("#code").value = "";
      notice($("#code-news"), "A new code is on its way. Earlier codes no longer work.", {
        kind: "good",
      });
    } catch (cause) {
      failure($("#code-notice"), cause);
      return;
    }
    $("#code").focus();
  });
  if ($("#code-notice").textContent === "") startResendCountdown();
}

function startResendCountdown() {
  const button = $("#resend");
  const until = Date.now() + RESEND_AFTER_S * 1000;
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left > 0) {
      button.textContent = `Send a new code (${left} s)`;
      return;
    }
    clearInterval(resendTimer);
    button.textContent = "Send a new code";
    button.removeAttribute("aria-disabled");
  };

  clearInterval(resendTimer);
  button.setAttribute("aria-disabled", "true");
  tick();
  resendTimer = setInterval(tick, 500);
}

export function initCode({ onSignedIn }) {
  finish = onSignedIn;
  $("#email-form").addEventListener("submit", submitEmail);
  $("#code-form").addEventListener("submit", submitCode);
  $("#code").addEventListener("input", (event) => tidyDigits(event.target));
  $("#resend").addEventListener("click", resend);
  $("#change-email").addEventListener("click", () => showEmailStep());
}
