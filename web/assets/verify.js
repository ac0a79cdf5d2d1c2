// /verify/{token}: proves an address. Opening the link does nothing, as mail scanners open links
// too; the click does.

import { api } from "./api.js";
import { checkEmail } from "./email-field.js";
import { endOf, mailedToken, showEnd, showStep } from "./mailed-link.js";
import { $, applyBrand, busy, failure, notice, setTitle } from "./ui.js";

const ENDS = {
  "not-known": [
    "This link is not known",
    "It was cut off on its way, or it is very old. We can mail you a new one.",
  ],
  used: [
    "This link was used already",
    "The address is confirmed, or a newer mail holds the link that counts. Try to sign in.",
  ],
  expired: ["This link is too old", "It worked for 24 hours. We can mail you a new one."],
};

function end(state) {
  showEnd(...ENDS[state]);
  $("#over-signin").hidden = state !== "used";
  $("#again-form").hidden = state === "used";
}

function confirm() {
  return busy($("#confirm"), "Confirming", async () => {
    notice($("#ask-notice"), "");
    try {
      const body = { token: mailedToken };
      confirmed(await api("POST", "/api/account/verify-email/confirm", { auth: false, body }));
    } catch (cause) {
      if (cause.name !== "ApiError") throw cause;
      if (endOf(cause)) end(endOf(cause));
      else failure($("#ask-notice"), cause, confirm);
    }
  });
}

function confirmed({ email }) {
  history.replaceState(null, "", location.pathname.replace(/[^/]+$/, ""));
  showStep("done");
  setTitle("Your address is confirmed");
  $("#done-email").textContent = email;
  $("#done-title").focus();
}

async function mailAgain(event) {
  event?.preventDefault();
  notice($("#again-notice"), "");
  notice($("#again-news"), "");
  const email = checkEmail($("#again-email"), $("#again-email-error"));
  if (!email) return;
  await busy($("#again-form [type=submit]"), "Sending", async () => {
    try {
      const { configured } = await api("POST", "/api/account/verify-email/start", {
        auth: false,
        body: { email },
      });
      if (!configured) {
        notice($("#again-notice"), "This server sends no mail. Ask whoever runs it for help.");
        return;
      }
      notice($("#again-news"), "If this address waits to be confirmed, a mail is on its way.", {
        kind: "good",
      });
    } catch (cause) {
      failure($("#again-notice"), cause, mailAgain);
    }
  });
}

applyBrand();
$("#confirm").addEventListener("click", confirm);
$("#again-form").addEventListener("submit", mailAgain);
if (!mailedToken) end("not-known");
