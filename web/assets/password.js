// /settings/account/password: a new password for somebody who is signed in.

import { api, token } from "./api.js";
import { sessionOver, toSignIn } from "./own-session.js";
import { passwordFault, passwordField } from "./password-field.js";
import { $, applyBrand, busy, failure, fieldError, notice, setTitle } from "./ui.js";

let email = "";

async function submit(event) {
  event?.preventDefault();
  const current = $("#password");
  const wanted = $("#new-password");
  const fault = passwordFault(wanted.value, email);

  notice($("#form-notice"), "");
  fieldError(current, $("#password-error"), current.value ? "" : "Enter your current password.");
  fieldError(wanted, $("#new-password-error"), fault);
  if (!current.value || fault) {
    (current.value ? wanted : current).focus();
    return;
  }
  await busy($("#password-form [type=submit]"), "Changing the password", async () => {
    try {
      const body = { currentPassword: current.value, newPassword: wanted.value };
      await api("POST", "/api/account/change-password", { body });
      token.clear();
      location.replace("/signin?step=password&notice=password-changed");
    } catch (cause) {
      refused(cause);
    }
  });
}

function refused(cause) {
  if (cause.name !== "ApiError") throw cause;
  if (sessionOver(cause)) return;
  if (cause.code === "bad_password") {
    fieldError($("#password"), $("#password-error"), cause.message);
    $("#password").focus();
    $("#password").select();
  } else if (cause.field === "newPassword") {
    fieldError($("#new-password"), $("#new-password-error"), cause.message);
    $("#new-password").focus();
  } else {
    failure($("#form-notice"), cause, submit);
  }
}

function mailLink() {
  return busy($("#mail-link"), "Sending the link", async () => {
    notice($("#form-notice"), "");
    try {
      const { configured } = await api("POST", "/api/account/forgot-password", {
        auth: false,
        body: { email },
      });
      $("#mail-news").textContent = configured
        ? `A mail to ${email} is on its way. Its link works for one hour, once.`
        : "This server sends no mail. Ask whoever runs it for help.";
    } catch (cause) {
      failure($("#form-notice"), cause, mailLink);
    }
  });
}

async function read() {
  notice($("#reading-notice"), "");
  try {
    const [me, { hasPassword }] = await Promise.all([
      api("GET", "/api/account/me"),
      api("GET", "/api/account/2fa/status"),
    ]);
    ({ email } = me);
    show(hasPassword);
  } catch (cause) {
    if (cause.name !== "ApiError") throw cause;
    if (!sessionOver(cause)) failure($("#reading-notice"), cause, read);
  }
}

function show(hasPassword) {
  $("#username").value = email;
  $("#step-reading").hidden = true;
  $("#step-form").hidden = false;
  for (const node of document.querySelectorAll("[data-has-password]"))
    node.hidden = (node.dataset.hasPassword === "yes") !== hasPassword;
  $("#form-title").textContent = hasPassword ? "Change your password" : "Set a password";
  setTitle($("#form-title").textContent);
  $("#form-title").focus();
}

function start() {
  applyBrand();
  if (!token.get()) {
    toSignIn();
    return;
  }
  passwordField($("#password"));
  passwordField($("#new-password"), { email: () => email });
  $("#password-form").addEventListener("submit", submit);
  $("#mail-link").addEventListener("click", mailLink);
  read();
}

start();
