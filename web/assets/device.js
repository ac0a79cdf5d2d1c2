// /device and /ide: somebody at a browser lets a device or an IDE that waits use their account, or
// does not. Whoever was lured here must be able to notice it: what asks, from where, since when.

import { api, token } from "./api.js";
import { platformName } from "./device-name.js";
import { sessionOver, signOut, toSignIn } from "./own-session.js";
import { $, applyBrand, busy, el, failure, fieldError, notice, setTitle, time } from "./ui.js";

const LETTERS = 8;
const IDE_CODE_KEY = "turnpike.ide-code";

const DEVICE = {
  name: "device",
  title: "Connect a device",
  read: (code) => api("GET", `/v1/auth/device/${encodeURIComponent(code)}`),
  decide: (verb, user_code) => api("POST", `/v1/auth/device/${verb}`, { body: { user_code } }),
};
const IDE = {
  name: "IDE",
  title: "Connect an IDE",
  read: (code) => api("POST", "/v1/auth/ide/describe", { body: { code } }),
  decide: (verb, code) => api("POST", `/v1/auth/ide/${verb}`, { body: { code } }),
};
const kind = location.pathname === "/ide" ? IDE : DEVICE;

const OVER = {
  approved: [
    `Your ${kind.name} is connected`,
    "Go back to it: it is signed in within a few seconds. You can close this page.",
  ],
  denied: [
    "Denied",
    `The ${kind.name} was not let in. If you did not start this yourself, somebody may have tried to use your account; nothing happened.`,
  ],
  expired: [
    "This code is not known",
    `It is wrong, or older than it may be. Start again on your ${kind.name}, which then shows a new one.`,
  ],
  decided: [
    "This code was used already",
    `It was approved or denied before. If your ${kind.name} still waits, start again there.`,
  ],
  missing: ["This link is not whole", "Start again in your IDE: it opens this page with all it needs."],
};

const NOBODY_WAITS =
  "No device waits with this code. Is it as your device shows it, and not older than ten minutes?";

let code = kind === IDE ? ideCode() : typedCode();

function letters(text) {
  return text.toUpperCase().replace(/[^A-Z]/g, "");
}

function typedCode() {
  const query = new URLSearchParams(location.search);
  return letters(query.get("code") ?? query.get("user_code") ?? "");
}

/*
 * Once it is approved, the code of an IDE is worth a token to whoever has it. So it comes in the
 * fragment, which no server sees, and leaves the address at once; this tab keeps it while somebody
 * signs in first.
 */
function ideCode() {
  const given = new URLSearchParams(location.hash.slice(1)).get("code");
  if (given) history.replaceState(null, "", location.pathname);
  try {
    if (given) sessionStorage.setItem(IDE_CODE_KEY, given);
    return given ?? sessionStorage.getItem(IDE_CODE_KEY) ?? "";
  } catch {
    return given ?? "";
  }
}

const dashed = (text) => (text.length > 4 ? `${text.slice(0, 4)}-${text.slice(4)}` : text);

function show(step) {
  for (const section of document.querySelectorAll(".step"))
    section.hidden = section.id !== `step-${step}`;
}

function over(state, address = null) {
  const [title, text] = OVER[state];

  show("over");
  setTitle(title);
  $("#over-title").textContent = title;
  $("#over-text").textContent = text;
  $("#over-account").hidden = state !== "approved" && state !== "denied";
  $("#over-again").hidden = kind === IDE || !$("#over-account").hidden;
  $("#over-back").hidden = !address;
  if (address) $("#over-back").href = address;
  $("#over-title").focus();
}

/** The states that end it, by what the server says; null: something that may pass. */
function stateOf(cause) {
  if (cause.status === 404 || cause.status === 410) return "expired";
  if (cause.status === 409) return "decided";
  return null;
}

/* ---- the code ---- */

function askForCode(fault = "") {
  show("enter");
  $("#user-code").value = dashed(code);
  fieldError($("#user-code"), $("#user-code-error"), fault);
  $("#user-code").focus();
}

function submitCode(event) {
  event?.preventDefault();
  notice($("#enter-notice"), "");
  code = letters($("#user-code").value);
  if (code.length !== LETTERS) {
    askForCode("The code has eight letters, such as ABCD-EFGH.");
    return undefined;
  }
  // In the address it outlasts a reload, and a sign-in on the way.
  history.replaceState(null, "", `/device?user_code=${dashed(code)}`);
  return busy($("#enter-form [type=submit]"), "Looking", () => read($("#enter-notice"), submitCode));
}

async function read(box, again) {
  try {
    const [me, login] = await Promise.all([api("GET", "/api/account/me"), kind.read(code)]);
    if (login.status === "pending") describe(me, login);
    else over("decided");
  } catch (cause) {
    if (cause.name !== "ApiError") throw cause;
    if (sessionOver(cause)) return;
    const state = stateOf(cause);
    if (state === "expired" && kind === DEVICE) askForCode(NOBODY_WAITS);
    else if (state) over(state);
    else failure(box, cause, again);
  }
}

/* ---- the decision ---- */

const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));

function describe(me, login) {
  const { platform, version } = login.client_info ?? {};

  show("decide");
  $("#decide-who").textContent = me.email ?? me.display_name ?? me.id;
  $("#decide-code").textContent = kind === DEVICE ? dashed(code) : "";
  for (const node of document.querySelectorAll("[data-kind=device]")) node.hidden = kind !== DEVICE;
  $("#decide-facts").replaceChildren(
    fact("It says it is", platform ? platformName(platform) : "nothing about itself"),
    ...(version ? [fact("Version", version)] : []),
    fact("From the address", `${login.ip}, ${login.same_address ? "the same as" : "other than"} yours`),
    ...(login.redirect_uri ? [fact("Goes back to", login.redirect_uri)] : []),
    fact("Asked", time(Date.parse(login.created_at) / 1000)),
  );
  $("#decide-title").focus();
}

async function decide(button, verb) {
  const other = button === $("#approve") ? $("#deny") : $("#approve");

  notice($("#decide-notice"), "");
  other.setAttribute("aria-disabled", "true");
  await busy(button, verb === "approve" ? "Approving" : "Denying", async () => {
    try {
      const { redirect_uri: address } = await kind.decide(verb, code);
      over(verb === "approve" ? "approved" : "denied", address);
      if (address) location.assign(address);
    } catch (cause) {
      if (cause.name !== "ApiError") throw cause;
      if (sessionOver(cause)) return;
      const state = stateOf(cause);
      if (state) over(state);
      else failure($("#decide-notice"), cause, () => decide(button, verb));
    }
  });
  other.removeAttribute("aria-disabled");
}

/* ---- start ---- */

function wire() {
  $("#enter-form").addEventListener("submit", submitCode);
  addEventListener("hashchange", () => location.hash.startsWith("#code=") && location.reload());
  for (const verb of ["approve", "deny"])
    $(`#${verb}`).addEventListener("click", (event) => decide(event.currentTarget, verb));
  $("#other-account").addEventListener("click", (event) => {
    const here = encodeURIComponent(location.pathname.slice(1) + location.search);
    signOut(event.currentTarget, $("#decide-notice"), `/signin?next=${here}&notice=device`);
  });
}

function goOn() {
  if (!token.get()) toSignIn("device");
  else if (kind === IDE && !code) over("missing");
  else if (kind === IDE || code.length === LETTERS) read($("#reading-notice"), goOn);
  else askForCode();
}

applyBrand();
setTitle(kind.title);
for (const node of document.querySelectorAll("[data-title]")) node.textContent = kind.title;
for (const node of document.querySelectorAll("[data-name]")) node.textContent = kind.name;
wire();
goOn();
