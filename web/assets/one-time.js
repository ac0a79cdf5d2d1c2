// Codes that are typed once, secrets that are shown once, and files made here.

export const DIGITS = 6;

/** Codes are pasted in many dresses: "123 456", "123-456", a whole line of the mail. */
export function tidyDigits(input) {
  const digits = input.value.replace(/\D/g, "").slice(0, DIGITS);
  if (input.value !== digits) input.value = digits;
}

/** Copies a text; where the browser forbids it, selects what `shown` shows for copying by hand. */
export async function copyText(text, shown, result) {
  try {
    await navigator.clipboard.writeText(text);
    result.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(shown);
    result.textContent =
      "The browser did not allow copying. It is selected: press Ctrl+C or Cmd+C.";
  }
}

/**
 * Hands the browser a file. A plain link cannot carry the token, so what a download needs it for is
 * fetched before.
 */
export function saveAs(blob, name) {
  const url = URL.createObjectURL(blob);
  const anchor = Object.assign(document.createElement("a"), { href: url, download: name });
  anchor.hidden = true;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
