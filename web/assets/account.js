// /account: who is signed in, and which card is filled by which module.

import { api, token } from "./api.js";
import { $, applyBrand, busy, failure } from "./ui.js";
import { initData } from "./account-data.js";
import { initDevices, loadDevices } from "./account-devices.js";
import { showPlan } from "./account-plan.js";
import { initProfile, showProfile } from "./account-profile.js";
import { loadOrders, loadSpend, loadUsage } from "./account-records.js";

const PATIENCE_MS = 1500;

function toSignIn(reason) {
  location.replace(`/signin?next=account${reason ? `&notice=${reason}` : ""}`);
}

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
    if (cause.status === 401) return toSignIn("session-ended");
    if (cause.name !== "ApiError") throw cause;
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

async function signOut() {
  await busy($("#signout"), "Signing out", async () => {
    try {
      await api("POST", "/api/auth/signout");
    } catch (cause) {
      if (cause.status !== 401) return failure($("#page-notice"), cause, signOut);
    }
    token.clear();
    location.replace("/signin?notice=signed-out");
  });
}

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

  $("#signout").addEventListener("click", signOut);
  token.onChangeElsewhere((value) => (value ? location.reload() : toSignIn("signed-out")));

  initProfile({ onChange: () => fillCard("#plan", loadAccount) });
  initDevices({
    reload: () => fillCard("#devices", loadDevices),
    onSessionOver: () => toSignIn("session-ended"),
    signOut,
  });
  initData();

  showTogether([
    fillCard("#plan", loadAccount),
    fillCard("#usage", loadUsage),
    fillCard("#spend", loadSpend),
    fillCard("#devices", loadDevices),
    fillCard("#orders", loadOrders),
  ]);
}

start();
