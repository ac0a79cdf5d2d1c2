// /signin: from whichever way in to a session, past the second factor, and on to where it was for.

import { api, token } from "./api.js";
import { initCode, showEmailStep, showMailLinkStep } from "./signin-code.js";
import { done } from "./signin-done.js";
import { askSecondFactor, initSecondFactor } from "./signin-factor.js";
import { LINK_USED, link, oauth } from "./signin-link.js";
import { initPassword, showPasswordStep } from "./signin-password.js";
import { isShown, isWay, person, show, thisDevice } from "./signin-steps.js";
import { $, applyBrand, busy, failure, notice } from "./ui.js";

// Keys come from the address, hence Maps: an object would know "constructor" too.
const ERRORS = new Map([
  ["access_denied", "You did not allow the other service to sign you in. Nothing was changed."],
]);

const NOTICES = new Map([
  ["signed-out", "You are signed out."],
  ["session-ended", "Your session has ended. Please sign in again."],
  ["account-deleted", "Your account has been deleted and every device is signed out."],
  ["password-changed", "Your password is changed. Please sign in with the new one."],
  ["confirm", "Please sign in again: this change needs a sign-in of the last ten minutes."],
  ["device", "Sign in to connect a device. This page takes you back to it."],
]);

let user = null;
let next = link.next;
let challenge = link.challenge;

/* ---- a session ---- */

async function signedIn(answer) {
  token.set(answer.token);
  next ??= oauth.attempt()?.next ?? null;
  oauth.forget();
  challenge = answer.challenge ?? challenge;
  if (answer.mfa_required) askSecondFactor();
  else goOn(answer);
}

function goOn(answer) {
  if (next && link.from === "web") {
    location.replace(next);
    return;
  }
  ({ user } = answer);
  show("done");
  done.show({ user, code: handoffOf(answer.redirect), bound: Boolean(challenge) });
}

const handoffOf = (redirect) => redirect && new URL(redirect).searchParams.get("handoff");

// For the IDE this browser's session makes a hand-off now that it is good for something.
async function afterSecondFactor() {
  try {
    const [me, handoff] = await Promise.all([
      api("GET", "/api/account/me"),
      link.from === "ide" ? newHandoff() : {},
    ]);
    goOn({ user: me, ...handoff });
  } catch (cause) {
    if (cause.status === 401) sessionGone();
    else failure($("#factor-notice"), cause, afterSecondFactor);
  }
}

const newHandoff = () => api("POST", "/api/auth/handoff", { body: { challenge } });

function startAgain(text, kind) {
  user = null;
  done.forget();
  showEmailStep();
  notice($("#email-notice"), text, { kind });
}

const sessionGone = () => startAgain(NOTICES.get("session-ended"), "info");

function signedOut() {
  person.email = "";
  startAgain(NOTICES.get("signed-out"), "good");
}

// Whoever cannot give the code may be somebody else: what was begun ends.
async function giveUp() {
  await busy($("#factor-give-up"), null, () =>
    api("POST", "/api/auth/signout").catch(() => {
      // The session is good for nothing and ends by itself.
    }),
  );
  token.clear();
  signedOut();
}

/* ---- the way back from GitHub or Google ---- */

async function exchange() {
  show("working");
  notice($("#working-notice"), "");
  $("#working-title").focus();
  try {
    const verifier = oauth.attempt()?.verifier;
    const body = { handoff: link.handoff, verifier, ...thisDevice() };
    await signedIn(await api("POST", "/api/auth/exchange", { auth: false, body }));
  } catch (cause) {
    $("#working-text").textContent = "";
    $("#working-again").hidden = false;
    if (cause.code === "invalid_code") notice($("#working-notice"), LINK_USED);
    else failure($("#working-notice"), cause, exchange);
  }
}

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
  } catch (cause) {
    if (cause.code === "mfa_required") {
      askSecondFactor();
      return;
    }
    showFirstStep();
    if (cause.status !== 401) failure($(`#${link.step}-notice`), cause, showCurrentSession);
    return;
  }
  if (next && link.from === "web") {
    location.replace(next);
    return;
  }
  show("done");
  done.show({ user, already: true });
}

function showFirstStep() {
  if (link.step === "email") showEmailStep();
  else showPasswordStep(link.step);
  notice($(`#${link.step}-notice`), NOTICES.get(link.notice), { kind: "info" });
}

function showWay(step) {
  if (step === "email") {
    showEmailStep();
  } else if (step === "code" || step === "sent") {
    show(step);
    $(`#${step}-title`).focus();
  } else {
    showPasswordStep(step);
  }
}

// Past a sign-in the page has to look again who is there.
function returnTo(step) {
  if (isWay(step) && !token.get()) showWay(step);
  else location.reload();
}

// What is signed in here hands a fresh sign-in on to the IDE; after a while that takes a new one.
async function signInForIde() {
  try {
    goOn({ user, ...(await newHandoff()) });
  } catch (cause) {
    if (cause.status === 401) {
      sessionGone();
    } else if (cause.code === "reauth_required") {
      person.email = user.email;
      showEmailStep();
    } else {
      failure($("#done-notice"), cause, signInForIde);
    }
  }
}

/* ---- start ---- */

function wire() {
  initCode({ onSignedIn: signedIn });
  initPassword({ onSignedIn: signedIn });
  initSecondFactor({ onProved: afterSecondFactor, onSessionOver: sessionGone, onGiveUp: giveUp });
  done.init({
    onSignOut: signedOut,
    onIdeAgain: () => busy($("#ide-again"), "Signing the IDE in", signInForIde),
  });
  oauth.prepareLinks(document.querySelectorAll("[data-provider]"), link);
  $("#finish").addEventListener("click", () => busy($("#finish"), "Signing in", exchange));
  for (const button of document.querySelectorAll("[data-to]"))
    button.addEventListener("click", () => showWay(button.dataset.to));
  addEventListener("popstate", ({ state }) => {
    if (state && !isShown(state.step)) returnTo(state.step);
  });
  token.onChangeElsewhere((value) => {
    if (value && !isShown("done") && link.from === "web") showCurrentSession();
    if (!value && (isShown("done") || isShown("factor"))) signedOut();
  });
}

function start() {
  applyBrand();
  for (const node of document.querySelectorAll("[data-only-ide]"))
    node.hidden = link.from !== "ide";
  wire();

  if (link.handoff) {
    if (link.from === "ide" && !link.mfaFirst) passOnHandoff();
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
    showFirstStep();
  }
}

start();
