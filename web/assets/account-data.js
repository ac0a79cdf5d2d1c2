// Taking one's data along, and leaving.

import { api, send, token } from "./api.js";
import { brand } from "./brand.js";
import { saveAs } from "./one-time.js";
import { sessionOver } from "./own-session.js";
import { $, busy, failure, fieldError, notice, openDialog, time } from "./ui.js";

async function exportData() {
  notice($("#export-notice"), "");
  $("#export-news").textContent = "";
  await busy($("#export"), "Collecting", async () => {
    try {
      const blob = await (await send("GET", "/api/account/export", { cache: "no-store" })).blob();
      saveAs(blob, `${brand.fileStem}-export-${new Date().toISOString().slice(0, 10)}.json`);
      $("#export-news").textContent = "Your data has been downloaded.";
    } catch (cause) {
      if (!sessionOver(cause)) failure($("#export-notice"), cause, exportData);
    }
  });
}

function askToDelete() {
  $("#confirm-email").value = "";
  fieldError($("#confirm-email"), $("#confirm-error"), "");
  notice($("#delete-notice"), "");
  return openDialog($("#delete-dialog"));
}

async function deleteAccount(event) {
  event?.preventDefault();
  const input = $("#confirm-email");
  const typed = input.value.trim();

  fieldError(input, $("#confirm-error"), "");
  notice($("#delete-notice"), "");
  if (typed.toLowerCase() !== $("#delete-email").textContent.toLowerCase()) {
    fieldError(input, $("#confirm-error"), "This is not the address of this account.");
    input.focus();
    return;
  }
  await busy($("#delete-form [type=submit]"), "Deleting", async () => {
    try {
      await api("DELETE", "/api/account", { body: { confirm_email: typed } });
      token.clear();
      location.replace("/signin?notice=account-deleted");
    } catch (cause) {
      failure($("#delete-notice"), cause, deleteAccount);
    }
  });
}

/** An account that waits for its deletion says so, and can be kept. */
export async function loadDeletion() {
  const box = $("#deletion");

  try {
    const { scheduledFor } = await api("GET", "/api/account/delete");
    if (!scheduledFor) return notice(box, "");
    const when = time(Date.parse(scheduledFor) / 1000, { withClock: false });
    notice(box, "This account will be deleted on ", {
      kind: "warn",
      action: { label: "Keep the account", run: (event) => keep(event.currentTarget) },
    });
    return $("p", box).append(when, ".");
  } catch (cause) {
    if (cause.name !== "ApiError") throw cause;
    return sessionOver(cause) || failure(box, cause, loadDeletion);
  }
}

function keep(button) {
  return busy(button, "Keeping it", async () => {
    try {
      await api("POST", "/api/account/delete/cancel");
      notice($("#deletion"), "Your account stays. Everything is as it was.", { kind: "good" });
      $("#account-title").focus();
    } catch (cause) {
      if (!sessionOver(cause)) failure($("#page-notice"), cause);
    }
  });
}

export function initData() {
  $("#export").addEventListener("click", exportData);
  $("#delete").addEventListener("click", askToDelete);
  $("#delete-cancel").addEventListener("click", () => $("#delete-dialog").close());
  $("#delete-form").addEventListener("submit", deleteAccount);
}
