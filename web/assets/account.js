// /account: who is signed in, and which card is filled by which module.

import { api, token } from "./api.js";
import { $, applyBrand, failure } from "./ui.js";
import { initData, loadDeletion } from "./account-data.js";
import { initDevices, loadDevices } from "./account-devices.js";
import { showPlan } from "./account-plan.js";
import { initProfile, showProfile } from "./account-profile.js";
import { loadOrders, loadSpend, loadUsage } from "./account-records.js";
import { loadSecurity } from "./account-security.js";
import { sessionOver, signOut, toSignIn } from "./own-session.js";

const PATIENCE_MS = 1500;

/**
 * Fills one card: what it says while reading is in the HTML; a failure says why and offers another
 * try. A 401 anywhere means that this session is over.
 */
async function fillCard(selector, load) {
  const box = $(selector);
  box.setAttribute("aria-busy", "true");
  try {
    box.replaceChildren(...[await load()].flat().filter(Boolean));
  } catch (cause) {
    if (cause.name !== "ApiError") throw cause;
    if (sessionOver(cause)) return;
    const message = document.createElement("div");
    message.setAttribute("role", "alert");
    box.replaceChildren(message);
    failure(message, cause, () => fillCard(selector, load));
  } finally {
    box.removeAttribute("aria-busy");
  }
}

async function loadAccount() {
  const [user, catalog] = await Promise.all([
    api("GET", "/api/account/me"),
    api("GET", "/api/billing/v2/catalog", { auth: false }),
  ]);
  $("#who").textContent = `Signed in as ${user.email}`;
  showProfile(user);
  return showPlan(user, catalog);
}

const signOutHere = () =>
  signOut($("#signout"), $("#page-notice"), "/signin?notice=signed-out");

/* Cards that grow one after the other push each other about: they are shown together, unless one
 * keeps the others waiting. */
async function showTogether(cards) {
  $("#reading").hidden = false;
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  await Promise.race([Promise.allSettled(cards), patience]);
  $("#reading").hidden = true;
  $("#account").hidden = false;
  $("#main").removeAttribute("data-reading");
}

function start() {
  applyBrand();
  if (!token.get()) return toSignIn();

  $("#signout").addEventListener("click", signOutHere);
  token.onChangeElsewhere((value) => (value ? location.reload() : toSignIn("signed-out")));

  initProfile({ onChange: () => fillCard("#plan", loadAccount) });
  initDevices({
    reload: () => fillCard("#devices", loadDevices),
    signOut: signOutHere,
  });
  initData();

  showTogether([
    loadDeletion(),
    fillCard("#plan", loadAccount),
    fillCard("#usage", loadUsage),
    fillCard("#spend", loadSpend),
    fillCard("#security", loadSecurity),
    fillCard("#devices", loadDevices),
    fillCard("#orders", loadOrders),
  ]);
}

start();
