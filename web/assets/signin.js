// /signin: the steps from an e-mail address, a mail link or an OAuth return to a session token.

import { api, token } from "./api.js";
import { $, applyBrand, busy, failure, fieldError, notice, setTitle } from "./ui.js";
import { LINK_USED, link, oauth } from "./signin-link.js";
import { done } from "./signin-done.js";

const RESEND_AFTER_S = 30;
const CODE_LENGTH = 6;

const STEPS = {
  email: "Sign in",
  code: "Check your mail",
  finish: "Finish signing in",
  working: "Signing you in",
  done: "You are signed in",
};

// Keys come from the address, hence Maps: an object would know "constructor" too.
const ERRORS = new Map([
  ["access_denied", "You did not allow the other service to sign you in. Nothing was changed."],
]);

const NOTICES = new Map([
  ["signed-out", "You are signed out."],
  ["session-ended", "Your session has ended. Please sign in again."],
  ["account-deleted", "Your account has been deleted and every device is signed out."],
]);

let email = link.email;
let user = null;
let resendTimer = null;

function show(step) {
  for (const name of Object.keys(STEPS)) $(`#step-${name}`).hidden = name !== step;
  setTitle(STEPS[step]);
}

/* ---- step 1: the address ---- */

function showEmailStep({ focus = true } = {}) {
  clearInterval(resendTimer);
  show("email");
  $("#email").value = email;
  if (focus) $("#email").focus();
}

function requestCode() {
  return api("POST", "/api/auth/request-code", {
    auth: false,
    body: { email, from: link.from, challenge: link.challenge, ...thisDevice() },
  });
}

async function submitEmail(event) {
  event?.preventDefault();
  const input = $("#email");
  const error = $("#email-error");
  const value = input.value.trim();

  notice($("#email-notice"), "");
  fieldError(input, error, "");
  if (!value || !input.validity.valid) {
    fieldError(input, error, "Enter your e-mail address, such as name@example.com.");
    input.focus();
    return;
  }
  await busy($("#email-form [type=submit]"), "Sending the code", async () => {
    email = value;
    try {
      showCodeStep(await requestCode());
    } catch (cause) {
      if (cause.code === "invalid_email") {
        fieldError(input, error, cause.message);
        input.focus();
      } else {
        failure($("#email-notice"), cause, submitEmail);
      }
    }
  });
}

/* ---- step 2: the code ---- */

function showCodeStep(answer) {
  show("code");
  $("#code-email").textContent = email;
  $("#code-life").textContent = `${Math.round((answer.expires_in ?? 900) / 60)} minutes`;
  $("#code").value = "";
  resetCodeMessages();
  startResendCountdown();
  $("#code").focus();
}

/* The link in the mail: everything is filled in, but only the click spends the code. */
function showMailLinkStep() {
  show("code");
  $("#code-title").textContent = "Finish signing in";
  $("#code-email").textContent = email;
  $("#code").value = link.code;
  $("#code-submit").focus();
}

function resetCodeMessages() {
  fieldError($("#code"), $("#code-error"), "");
  notice($("#code-notice"), "");
  notice($("#code-news"), "");
}

// Codes are pasted in many dresses: "123 456", "123-456", a whole line of the mail.
function tidyCode() {
  const input = $("#code");
  const digits = input.value.replace(/\D/g, "").slice(0, CODE_LENGTH);
  if (input.value !== digits) input.value = digits;
}

async function submitCode(event) {
  event?.preventDefault();
  const input = $("#code");
  tidyCode();
  resetCodeMessages();
  if (input.value.length !== CODE_LENGTH) {
    fieldError(input, $("#code-error"), "Enter all six digits of the code.");
    input.focus();
    return;
  }
  await busy($("#code-submit"), "Signing in", async () => {
    try {
      const body = {
        email,
        code: input.value,
        from: link.from,
        challenge: link.challenge,
        ...thisDevice(),
      };
      finish(await api("POST", "/api/auth/verify", { auth: false, body }));
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
    resetCodeMessages();
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

/* ---- the way back from GitHub or Google ---- */

async function exchange() {
  show("working");
  notice($("#working-notice"), "");
  $("#working-title").focus();
  try {
    const verifier = oauth.attempt()?.verifier;
    const body = { handoff: link.handoff, verifier, ...thisDevice() };
    finish(await api("POST", "/api/auth/exchange", { auth: false, body }));
  } catch (cause) {
    $("#working-text").textContent = "";
    $("#working-again").hidden = false;
    if (cause.code === "invalid_code") notice($("#working-notice"), LINK_USED);
    else failure($("#working-notice"), cause, exchange);
  }
}

function finish(answer) {
  clearInterval(resendTimer);
  token.set(answer.token);
  oauth.forget();
  if (link.next && link.from === "web") {
    location.replace(link.next);
    return;
  }
  ({ user } = answer);
  show("done");
  done.show({ user, code: handoffOf(answer.redirect), bound: Boolean(link.challenge) });
}

const handoffOf = (redirect) => redirect && new URL(redirect).searchParams.get("handoff");

// The IDE redeems it, not this browser; who it is for is not known here.
function passOnHandoff() {
  const attempt = oauth.attempt();
  oauth.forget();
  show("done");
  done.show({ code: link.handoff, bound: attempt?.bound, opens: attempt !== null });
}

/* ---- already signed in ---- */

// A token that the server no longer takes is the same as none, and not worth a message here.
async function showCurrentSession() {
  try {
    user = await api("GET", "/api/account/me");
    show("done");
    done.show({ user, already: true });
  } catch (cause) {
    showEmailStep();
    if (cause.status !== 401) failure($("#email-notice"), cause, showCurrentSession);
  }
}

// A browser's session cannot be handed to the IDE; a code makes one for it.
function signInForIde() {
  email = user.email;
  showEmailStep();
}

function signedOut() {
  email = "";
  user = null;
  done.forget();
  showEmailStep();
  notice($("#email-notice"), NOTICES.get("signed-out"), { kind: "good" });
}

function thisDevice() {
  const platform = navigator.userAgentData?.platform ?? navigator.platform ?? "";
  const browser = ["Firefox", "Edg", "OPR", "Chrome", "Safari"].find((name) =>
    navigator.userAgent.includes(`${name}/`),
  );
  const name = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser ?? "Browser";
  return { device: "web", device_name: platform ? `${name} on ${platform}` : name };
}

function start() {
  applyBrand();
  for (const node of document.querySelectorAll("[data-only-ide]"))
    node.hidden = link.from !== "ide";
  $("#email-form").addEventListener("submit", submitEmail);
  $("#code-form").addEventListener("submit", submitCode);
  $("#code").addEventListener("input", tidyCode);
  $("#resend").addEventListener("click", resend);
  $("#change-email").addEventListener("click", () => showEmailStep());
  $("#finish").addEventListener("click", () => busy($("#finish"), "Signing in", exchange));
  done.init({ onSignOut: signedOut, onIdeAgain: signInForIde });
  oauth.prepareLinks(document.querySelectorAll("[data-provider]"), link);
  token.onChangeElsewhere((value) => {
    if (value && $("#step-done").hidden && link.from === "web") showCurrentSession();
    if (!value && !$("#step-done").hidden) signedOut();
  });

  if (link.handoff) {
    if (link.from === "ide") passOnHandoff();
    else if (oauth.attempt()) exchange();
    else show("finish");
  } else if (link.email && link.code) {
    showMailLinkStep();
  } else if (link.error) {
    showEmailStep({ focus: false });
    notice(
      $("#email-notice"),
      ERRORS.get(link.error) ?? "Signing in did not work. Please start again.",
    );
  } else if (token.get()) {
    showCurrentSession();
  } else {
    showEmailStep();
    notice($("#email-notice"), NOTICES.get(link.notice), { kind: "info" });
  }
}

start();
