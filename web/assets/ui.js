// Small DOM helpers every page uses: building elements, notices, busy buttons, words for values.
// Text reaches the document only as text nodes, never as markup.

import { brand } from "./brand.js";

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  ok: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm-4.5 9.3 3 3 6-6.5",
  degraded: "M12 3.5 2.5 20h19L12 3.5Zm0 6V14m0 2.9v.2",
  down: "M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3L8.3 3Zm.7 6 6 6m0-6-6 6",
  unknown:
    "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm-2.5 6.8a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8m0 2.7v.2",
  device: "M4 5h16v11H4V5Zm-1.5 15h19",
  browser: "M3 4.5h18v15H3v-15Zm0 4.5h18M6 6.8h.1m2.4 0h.1",
};

export const $ = (selector, root = document) => root.querySelector(selector);

/** el("p", { class: "hint", onclick: f }, "text", node): null and false children are left out. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return node;
}

export function icon(name) {
  return svg(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] ?? ICONS.unknown }),
  );
}

/** Puts the product's name where the page leaves room for it. */
export function applyBrand() {
  for (const node of document.querySelectorAll("[data-brand]")) node.textContent = brand.name;
  setTitle(document.title);
}

export function setTitle(text) {
  document.title = `${text} · ${brand.name}`;
}

/* ---- notices and busy controls ---- */

const countdowns = new WeakMap();

/** Fills a role=alert or role=status box; an empty text empties it. */
export function notice(box, text, { kind = "error", action = null } = {}) {
  clearInterval(countdowns.get(box));
  box.className = text ? `notice notice-${kind}` : "notice";
  box.replaceChildren();
  if (!text) return;
  box.append(el("p", {}, text));
  if (action)
    box.append(
      el("button", { type: "button", class: "button quiet", onclick: action.run }, action.label),
    );
}

/** Shows what went wrong: 429 counts down, a lost connection offers the same step again. */
export function failure(box, error, retry = null) {
  if (error.status === 429) return coolDown(box, error);
  const action =
    retry && (error.isNetwork || error.status >= 500) ? { label: "Try again", run: retry } : null;
  return notice(box, error.message, { action });
}

// Screen readers hear the whole sentence once; only eyes follow the seconds.
function coolDown(box, error) {
  const until = Date.now() + error.retryAfter * 1000;
  const shown = el("span", { "aria-hidden": "true", class: "countdown" });
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left <= 0) return notice(box, "You can try again now.", { kind: "info" });
    shown.textContent = `Try again in ${duration(left)}.`;
  };

  notice(box, error.message);
  box.append(
    el(
      "p",
      {},
      shown,
      el("span", { class: "visually-hidden" }, `Try again in ${duration(error.retryAfter)}.`),
    ),
  );
  tick();
  countdowns.set(box, setInterval(tick, 500));
}

const busyControls = new WeakSet();

/**
 * Runs an action for a button once at a time. The button keeps focus while it works, so it is
 * marked rather than disabled.
 */
export async function busy(button, label, action) {
  if (busyControls.has(button) || button.getAttribute("aria-disabled") === "true") return;
  const nodes = [...button.childNodes];
  busyControls.add(button);
  button.setAttribute("aria-busy", "true");
  button.setAttribute("aria-disabled", "true");
  if (label) button.replaceChildren(label);
  try {
    return await action();
  } finally {
    busyControls.delete(button);
    button.removeAttribute("aria-busy");
    button.removeAttribute("aria-disabled");
    if (label) button.replaceChildren(...nodes);
  }
}

export function fieldError(input, box, text) {
  box.textContent = text;
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

/** Opens a dialog and resolves to its returnValue; the control that opened it gets focus back. */
export function openDialog(dialog) {
  const opener = document.activeElement;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        if (opener?.isConnected) opener.focus();
        resolve(dialog.returnValue);
      },
      { once: true },
    );
  });
}

/* ---- words for values ---- */

const LOCALE = "en-GB";
const DATE = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });
const CLOCK = new Intl.DateTimeFormat(LOCALE, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const DAY = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", timeZone: "UTC" });
const NUMBER = new Intl.NumberFormat("en-US");

export const number = (value) => NUMBER.format(value);
export const clock = (ms) => CLOCK.format(ms);
export const day = (iso) => DAY.format(new Date(`${iso}T00:00:00Z`));

/** A model call can cost less than a cent: small amounts keep the digits that say something. */
export function money(cents, { short = false } = {}) {
  const dollars = cents / 100;
  const size = Math.abs(dollars);
  const digits = size > 0 && size < 0.01 ? 6 : size < 1 ? 4 : 2;
  return new Intl.NumberFormat("en-US", {
    style: "currency",
    currency: "USD",
    minimumFractionDigits: short && Number.isInteger(dollars) ? 0 : 2,
    maximumFractionDigits: digits,
  }).format(dollars);
}

export function time(seconds, { withClock = true } = {}) {
  const date = new Date(seconds * 1000);
  return el("time", { datetime: date.toISOString() }, (withClock ? MOMENT : DATE).format(date));
}

export function duration(seconds) {
  if (seconds < 90) return `${seconds} second${seconds === 1 ? "" : "s"}`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  return `${Math.round(seconds / 3600)} hours`;
}

/** snake_case and kebab-case keys the pages have no word for. */
export function words(key) {
  const text = String(key).replace(/[_-]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}
