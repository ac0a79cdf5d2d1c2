// Display name and the overage switch: the two things of an account its owner can change here.

import { api } from "./api.js";
import { $, busy, failure, fieldError, notice } from "./ui.js";

const NAME_MAX = 64;

let overageBusy = false;
let onChange = () => {};

export function showProfile(user) {
  // Not while somebody is typing in it.
  if (document.activeElement !== $("#display-name"))
    $("#display-name").value = user.display_name ?? "";
  $("#overage").checked = user.overage_enabled;
  $("#delete-email").textContent = user.email;
}

async function saveName(event) {
  event?.preventDefault();
  const input = $("#display-name");
  const box = $("#name-notice");
  const name = input.value.trim();

  notice(box, "");
  fieldError(input, $("#name-error"), "");
  if ([...name].length > NAME_MAX) {
    fieldError(
      input,
      $("#name-error"),
      `This is ${[...name].length} characters long; ${NAME_MAX} are possible.`,
    );
    input.focus();
    return;
  }
  await busy($("#name-form [type=submit]"), "Saving", async () => {
    try {
      const user = await api("PATCH", "/api/account/me", { body: { display_name: name } });
      input.value = user.display_name ?? "";
      notice(box, "Saved.", { kind: "good" });
    } catch (cause) {
      if (cause.status === 400) {
        fieldError(input, $("#name-error"), cause.message);
        input.focus();
      } else {
        failure(box, cause, saveName);
      }
    }
  });
}

// The switch moves at once and moves back when the server says no.
async function toggleOverage() {
  const input = $("#overage");
  const box = $("#overage-notice");
  const wanted = input.checked;

  overageBusy = true;
  input.setAttribute("aria-busy", "true");
  notice(box, "");
  try {
    const user = await api("PATCH", "/api/account/me", { body: { overage_enabled: wanted } });
    input.checked = user.overage_enabled;
    onChange();
  } catch (cause) {
    input.checked = !wanted;
    if (cause.status === 403) {
      notice(box, cause.message, { kind: "warn" });
    } else {
      failure(box, cause);
    }
  } finally {
    overageBusy = false;
    input.removeAttribute("aria-busy");
  }
}

export function initProfile(callbacks) {
  ({ onChange } = callbacks);
  $("#name-form").addEventListener("submit", saveName);
  $("#overage").addEventListener("click", (event) => overageBusy && event.preventDefault());
  $("#overage").addEventListener("change", toggleOverage);
}
