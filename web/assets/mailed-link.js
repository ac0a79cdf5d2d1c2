// What the pages behind mailed links share: the token in the path, and what becomes of links.

import { $, setTitle } from "./ui.js";

const TOKEN = /^\/[a-z-]+\/([\w-]{20,120})$/;

/** The token of this page's address; null when the link was cut off on its way. */
export const mailedToken = TOKEN.exec(location.pathname)?.[1] ?? null;

const ENDS = new Map([
  [404, "not-known"],
  [409, "used"],
  [410, "expired"],
]);

/** How a link has ended, by the server's answer; null: something that may pass. */
export const endOf = (cause) => ENDS.get(cause.status) ?? null;

export function showStep(step) {
  for (const section of document.querySelectorAll(".step"))
    section.hidden = section.id !== `step-${step}`;
}

/** Shows the last step; a spent token then need not stay in the address and the history. */
export function showEnd(title, text) {
  history.replaceState(null, "", location.pathname.replace(/[^/]+$/, ""));
  showStep("over");
  setTitle(title);
  $("#over-title").textContent = title;
  $("#over-text").textContent = text;
  $("#over-title").focus();
}
