// Which step of /signin is shown, and what the steps share.

import { link } from "./signin-link.js";
import { $, setTitle } from "./ui.js";

const STEPS = {
  opening: "Sign in",
  email: "Sign in",
  code: "Check your mail",
  password: "Sign in with a password",
  signup: "Create an account",
  forgot: "Forgotten password",
  sent: "Look into your mailbox",
  factor: "Second factor",
  finish: "Finish signing in",
  working: "Signing you in",
  done: "You are signed in",
};

/** The address that was typed in one step stands in the next one too. */
export const person = { email: link.email };

// Back and forward lead through these; the others stand for something that has happened.
const WAYS = ["email", "code", "password", "signup", "forgot", "sent"];

let shown = null;

export const isWay = (step) => WAYS.includes(step);

export function show(step) {
  const isNext = isWay(shown) && isWay(step);

  if (history.state?.step !== step) history[isNext ? "pushState" : "replaceState"]({ step }, "");
  shown = step;
  for (const name of Object.keys(STEPS)) $(`#step-${name}`).hidden = name !== step;
  setTitle(STEPS[step]);
}

export const isShown = (step) => shown === step;

/** What a sign-in says about the browser it is for. */
export function thisDevice() {
  const platform = navigator.userAgentData?.platform ?? navigator.platform ?? "";
  const browser = ["Firefox", "Edg", "OPR", "Chrome", "Safari"].find((name) =>
    navigator.userAgent.includes(`${name}/`),
  );
  const name = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser ?? "Browser";
  return { device: "web", device_name: platform ? `${name} on ${platform}` : name };
}
