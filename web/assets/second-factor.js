// /settings/account/2fa: turning the second factor on and off.

import { api, token } from "./api.js";
import { brand } from "./brand.js";
import { DIGITS, copyText, saveAs, tidyDigits } from "./one-time.js";
import { sessionOver, signOut, toSignIn } from "./own-session.js";
import { passwordField } from "./password-field.js";
import { $, applyBrand, busy, el, failure, fieldError, notice, time } from "./ui.js";

let status = { enabled: false, hasPassword: false, fresh: true };
let secret = "";
let codes = [];
const fields = {};

function show(step) {
  for (const section of document.querySelectorAll(".step"))
    section.hidden = section.id !== `step-${step}`;
  $(`#${step}-title`).focus();
}

/** Failures that every step meets; a change may ask for a fresh sign-in first. */
function refused(cause, box, again) {
  if (cause.name !== "ApiError") throw cause;
  if (sessionOver(cause)) return;
  if (cause.code === "reauth_required") {
    signInAgain(box);
  } else {
    failure(box, cause, again);
  }
}

function signInAgain(box) {
  const address = `/signin?next=${location.pathname.slice(1)}&notice=confirm`;
  const run = (event) => signOut(event.currentTarget, box, address);
  notice(box, "This change needs a sign-in of the last ten minutes.", {
    kind: "info",
    action: { label: "Sign in again", run },
  });
}

/* ---- what it is now ---- */

async function read() {
  notice($("#reading-notice"), "");
  try {
    status = await api("GET", "/api/account/2fa/status");
  } catch (cause) {
    refused(cause, $("#reading-notice"), read);
    return;
  }
  showState();
}

function showState() {
  $("#off-password").hidden = !status.hasPassword;
  $("#on-password").hidden = !status.hasPassword || status.fresh;
  if (!status.enabled) {
    show("off");
    return;
  }
  $("#on-text").replaceChildren(
    "Signing in asks for a code of your authenticator app. On since ",
    time(Date.parse(status.enabledAt) / 1000, { withClock: false }),
    `; ${status.recoveryCodesLeft} of your recovery codes are left.`,
  );
  show("on");
}

/* ---- on ---- */

function setUp(button, box) {
  if (!status.fresh && !status.hasPassword) {
    signInAgain(box);
    return undefined;
  }
  return busy(button, "Making a key", async () => {
    notice(box, "");
    notice($("#off-news"), "");
    try {
      const answer = await api("POST", "/api/account/2fa/setup");
      ({ secret } = answer);
      $("#qr").src = answer.qrDataUrl;
      $("#secret").textContent = secret.replace(/(.{4})(?=.)/g, "$1 ");
      $("#secret-news").textContent = "";
      $("#code").value = "";
      fields.on.clear();
      fieldError($("#code"), $("#code-error"), "");
      notice($("#setup-notice"), "");
      show("setup");
    } catch (cause) {
      refused(cause, box, () => setUp(button, box));
    }
  });
}

async function enable(event) {
  event?.preventDefault();
  const input = $("#code");
  const isWhole = input.value.length === DIGITS;

  notice($("#setup-notice"), "");
  fieldError($("#present-password"), $("#present-password-error"), "");
  fieldError(input, $("#code-error"), isWhole ? "" : "Enter all six digits of the code.");
  if (!isWhole) {
    input.focus();
    return;
  }
  await busy($("#setup-form [type=submit]"), "Turning it on", async () => {
    try {
      const password = $("#present-password").value || undefined;
      const body = { secret, code: input.value, password };
      showCodes((await api("POST", "/api/account/2fa/enable", { body })).recoveryCodes);
    } catch (cause) {
      if (cause.code === "bad_code") {
        fieldError(input, $("#code-error"), `${cause.message} Is the clock of your phone right?`);
        input.focus();
        input.select();
      } else if (cause.code === "bad_password" || cause.field === "password") {
        $("#on-password").hidden = false;
        fieldError($("#present-password"), $("#present-password-error"), cause.message);
        $("#present-password").focus();
      } else {
        refused(cause, $("#setup-notice"), enable);
      }
    }
  });
}

function forgetKey() {
  secret = "";
  $("#qr").removeAttribute("src");
  $("#secret").textContent = "";
}

/* ---- the recovery codes, shown once ---- */

const holdOn = (event) => event.preventDefault();

function showCodes(list) {
  forgetKey();
  codes = list;
  $("#codes").replaceChildren(...codes.map((code) => el("li", {}, code)));
  $("#kept").checked = false;
  addEventListener("beforeunload", holdOn);
  show("codes");
}

function saveCodes() {
  const text = `Recovery codes for ${brand.name} (${location.host}), each works once:\n\n${codes.join("\n")}\n`;
  saveAs(new Blob([text], { type: "text/plain" }), `${brand.fileStem}-recovery-codes.txt`);
  $("#codes-news").textContent = "The file has been downloaded. Move it to a safe place.";
}

function codesKept() {
  const isKept = $("#kept").checked;
  $("#kept-error").textContent = isKept ? "" : "Keep the codes first, then tick the box.";
  if (!isKept) {
    $("#kept").focus();
    return;
  }
  removeEventListener("beforeunload", holdOn);
  codes = [];
  $("#codes").replaceChildren();
  show("reading");
  read();
}

/* ---- off ---- */

async function disable(event) {
  event?.preventDefault();
  const input = $("#password");

  notice($("#on-notice"), "");
  fieldError(input, $("#password-error"), "");
  await busy($("#off-form [type=submit]"), "Turning it off", async () => {
    try {
      const body = input.value ? { password: input.value } : {};
      await api("POST", "/api/account/2fa/disable", { body });
      fields.off.clear();
      status = { ...status, enabled: false };
      showState();
      notice($("#off-news"), "The second factor is off.", { kind: "good" });
    } catch (cause) {
      if (cause.status === 400) {
        fieldError(input, $("#password-error"), cause.message);
        input.focus();
      } else {
        refused(cause, $("#on-notice"), disable);
      }
    }
  });
}

function start() {
  applyBrand();
  if (!token.get()) {
    toSignIn();
    return;
  }
  fields.off = passwordField($("#password"));
  fields.on = passwordField($("#present-password"));
  $("#turn-on").addEventListener("click", () => setUp($("#turn-on"), $("#off-notice")));
  $("#move").addEventListener("click", () => setUp($("#move"), $("#move-notice")));
  $("#setup-form").addEventListener("submit", enable);
  $("#code").addEventListener("input", (event) => tidyDigits(event.target));
  $("#cancel-setup").addEventListener("click", () => {
    forgetKey();
    showState();
  });
  $("#copy-secret").addEventListener("click", () =>
    copyText(secret, $("#secret"), $("#secret-news")),
  );
  $("#copy-codes").addEventListener("click", () =>
    copyText(codes.join("\n"), $("#codes"), $("#codes-news")),
  );
  $("#save-codes").addEventListener("click", saveCodes);
  $("#codes-done").addEventListener("click", codesKept);
  $("#off-form").addEventListener("submit", disable);
  read();
}

start();
