// The ways in with a password: signing in, a new account, a forgotten password.

import { api } from "./api.js";
import { checkEmail } from "./email-field.js";
import { passwordFault, passwordField } from "./password-field.js";
import { link } from "./signin-link.js";
import { person, show, thisDevice } from "./signin-steps.js";
import { $, busy, failure, fieldError, notice } from "./ui.js";

const FIRST_FIELD = { password: "#password", signup: "#signup-name", forgot: "#forgot-email" };

const fields = {};
let finish = () => {};

export function showPasswordStep(step) {
  show(step);
  const email = $(`#${step}-email`);
  email.value = person.email;
  notice($(`#${step}-notice`), "");
  for (const field of Object.values(fields)) field.clear();
  (person.email ? $(FIRST_FIELD[step]) : email).focus();
}

const remember = (step) => {
  person.email = $(`#${step}-email`).value.trim();
};

/* ---- signing in ---- */

async function signIn(event) {
  event?.preventDefault();
  const input = $("#password");

  notice($("#password-notice"), "");
  fieldError(input, $("#password-error"), "");
  const email = checkEmail($("#password-email"), $("#password-email-error"));
  if (!email) return;
  if (!input.value) {
    fieldError(input, $("#password-error"), "Enter your password.");
    input.focus();
    return;
  }
  await busy($("#password-form [type=submit]"), "Signing in", async () => {
    try {
      await finish(await askForSession(email, input.value));
      fields.password.clear();
    } catch (cause) {
      if (cause.name !== "ApiError") throw cause;
      if (cause.status === 400 || cause.status === 401) {
        fieldError(input, $("#password-error"), cause.message);
        input.focus();
        input.select();
      } else {
        failure($("#password-notice"), cause, signIn);
      }
    }
  });
}

function askForSession(email, password) {
  person.email = email;
  return api("POST", "/api/auth/password", {
    auth: false,
    body: { email, password, from: link.from, challenge: link.challenge, ...thisDevice() },
  });
}

/* ---- a new account ---- */

async function signUp(event) {
  event?.preventDefault();
  const input = $("#new-password");

  notice($("#signup-notice"), "");
  fieldError(input, $("#new-password-error"), "");
  const email = checkEmail($("#signup-email"), $("#signup-email-error"));
  if (!email) return;
  const fault = passwordFault(input.value, email);
  if (fault) {
    fieldError(input, $("#new-password-error"), fault);
    input.focus();
    return;
  }
  await busy($("#signup-form [type=submit]"), "Creating the account", async () => {
    const body = { email, password: input.value, name: $("#signup-name").value.trim() || undefined };
    try {
      const { user } = await api("POST", "/api/auth/signup", { auth: false, body });
      // Without mail nobody proves an address: the account is there at once. A server that tells
      // whether an address was free still wants a proof.
      if (user) await finish(await askForSession(email, input.value));
      else showSent(email, "signup");
      fields.signup.clear();
    } catch (cause) {
      if (cause.status === 401) showSent(email, "signup");
      else signUpFailed(cause);
    }
  });
}

function signUpFailed(cause) {
  const at = {
    email: ["#signup-email", "#signup-email-error"],
    name: ["#signup-name", "#signup-name-error"],
    password: ["#new-password", "#new-password-error"],
  }[cause.field];

  if (cause.name !== "ApiError") throw cause;
  if (!at) {
    failure($("#signup-notice"), cause, signUp);
    return;
  }
  fieldError($(at[0]), $(at[1]), cause.message);
  $(at[0]).focus();
}

/* ---- a forgotten password ---- */

async function forgotten(event) {
  event?.preventDefault();
  notice($("#forgot-notice"), "");
  const email = checkEmail($("#forgot-email"), $("#forgot-email-error"));
  if (!email) return;
  await busy($("#forgot-form [type=submit]"), "Sending the link", async () => {
    try {
      const answer = await api("POST", "/api/account/forgot-password", {
        auth: false,
        body: { email },
      });
      if (answer.configured) showSent(email, "forgot");
      else notice($("#forgot-notice"), "This server sends no mail. Ask whoever runs it for help.");
    } catch (cause) {
      failure($("#forgot-notice"), cause, forgotten);
    }
  });
}

// The server says the same whether or not it knows the address, and so does the page.
function showSent(email, purpose) {
  person.email = email;
  show("sent");
  for (const node of document.querySelectorAll("[data-sent-for]"))
    node.hidden = node.dataset.sentFor !== purpose;
  for (const node of document.querySelectorAll("[data-sent-to]")) node.textContent = email;
  $("#sent-title").focus();
}

export function initPassword({ onSignedIn }) {
  finish = onSignedIn;
  fields.password = passwordField($("#password"));
  fields.signup = passwordField($("#new-password"), { email: () => $("#signup-email").value });
  $("#password-form").addEventListener("submit", signIn);
  $("#signup-form").addEventListener("submit", signUp);
  $("#forgot-form").addEventListener("submit", forgotten);
  for (const step of Object.keys(FIRST_FIELD))
    $(`#${step}-email`).addEventListener("input", () => remember(step));
}
