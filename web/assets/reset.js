// /reset/{token}: a new password for who has the mail.

import { api, token } from "./api.js";
import { endOf, mailedToken, showEnd } from "./mailed-link.js";
import { passwordFault, passwordField } from "./password-field.js";
import { $, applyBrand, busy, failure, fieldError, notice } from "./ui.js";

const ENDS = {
  "not-known": [
    "This link is not known",
    "It was cut off on its way, or it is very old. Ask for a new one.",
  ],
  used: [
    "This link was used already",
    "A link sets a password once, and only the newest one counts. Sign in, or ask for a new one.",
  ],
  expired: ["This link is too old", "It worked for one hour. Ask for a new one."],
};

function end(state) {
  showEnd(...ENDS[state]);
  $("#over-next").textContent = "Ask for a new link";
  $("#over-next").href = "/signin?step=forgot";
}

function changed() {
  token.clear();
  showEnd(
    "Your password is changed",
    "Every browser, IDE and device is signed out. Sign in with the new password; IDEs ask for it themselves.",
  );
  $("#over-next").textContent = "Sign in";
  $("#over-next").href = "/signin?step=password";
}

async function submit(event) {
  event?.preventDefault();
  const input = $("#new-password");
  const fault = passwordFault(input.value);

  notice($("#form-notice"), "");
  fieldError(input, $("#new-password-error"), fault);
  if (fault) {
    input.focus();
    return;
  }
  await busy($("#reset-form [type=submit]"), "Setting the password", async () => {
    try {
      const body = { token: mailedToken, password: input.value };
      await api("POST", "/api/account/reset-password", { auth: false, body });
      changed();
    } catch (cause) {
      if (cause.name !== "ApiError") throw cause;
      if (endOf(cause)) {
        end(endOf(cause));
      } else if (cause.field === "password") {
        fieldError(input, $("#new-password-error"), cause.message);
        input.focus();
      } else {
        failure($("#form-notice"), cause, submit);
      }
    }
  });
}

applyBrand();
passwordField($("#new-password"));
$("#reset-form").addEventListener("submit", submit);
if (mailedToken) $("#new-password").focus();
else end("not-known");
