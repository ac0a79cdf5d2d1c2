// A field for an e-mail address: what the browser takes for one, or a word on what is missing.

import { fieldError } from "./ui.js";

/** The address, or null when the field has been told what is wrong and has the focus. */
export function checkEmail(input, box) {
  const value = input.value.trim();
  const isGood = value !== "" && input.validity.valid;
  fieldError(input, box, isGood ? "" : "Enter your e-mail address, such as name@example.com.");
  if (!isGood) input.focus();
  return isGood ? value : null;
}
