// Password fields: a button that shows what was typed, and for a new password words on how well it
// holds. The server has the last word (too common, for one).

const PASSWORD_MIN = 12;
const PASSWORD_MAX = 200;

const LEVELS = [
  [0, "weak", "Weak: too easy to guess. Make it longer, or use more different characters."],
  [42, "fair", "Fair. A few more characters make it good."],
  [56, "good", "Good."],
  [72, "strong", "Strong."],
];

/** Wires the field that `input` stands in; `email` (a function) gives the address it may not hold. */
export function passwordField(input, { email = () => "" } = {}) {
  const field = input.closest(".field");
  const button = field.querySelector("[data-show]");
  const words = field.querySelector("[data-strength]");
  const hint = words?.textContent;

  const setShown = (on) => {
    input.type = on ? "text" : "password";
    button.setAttribute("aria-pressed", String(on));
  };
  const tell = () => {
    const { level = "", text = hint } = strength(input.value, email());
    words.dataset.strength = level;
    if (words.textContent !== text) words.textContent = text;
  };

  button.addEventListener("click", () => setShown(input.type === "password"));
  // Browsers offer to keep what is sent from a field of type password only.
  input.form.addEventListener("submit", () => setShown(false), { capture: true });
  if (words) input.addEventListener("input", tell);
  return {
    clear() {
      input.value = "";
      setShown(false);
      if (words) tell();
    },
  };
}

/** Why this cannot become the password of somebody with this address, or "". */
export function passwordFault(password, email = "") {
  if (password.length < PASSWORD_MIN)
    return `Too short: a password has at least ${PASSWORD_MIN} characters.`;
  if (password.length > PASSWORD_MAX)
    return `Too long: a password has at most ${PASSWORD_MAX} characters.`;
  if (holdsAddress(password, email)) return "The password may not hold your e-mail address.";
  return "";
}

function holdsAddress(password, email) {
  const name = email.split("@")[0].trim().toLowerCase();
  return name.length >= 3 && password.toLowerCase().includes(name);
}

// Nobody is told off for a password that is not typed to its end.
function strength(password, email) {
  if (password.length < PASSWORD_MIN) return {};
  const fault = passwordFault(password, email);
  if (fault) return { level: "weak", text: fault };
  const [, level, text] = LEVELS.findLast(([bits]) => guessBits(password) >= bits);
  return { level, text };
}

// A rough measure: characters that follow from the one before (aaa, 345) count for nothing.
function guessBits(password) {
  const codes = [...password.toLowerCase()].map((character) => character.codePointAt(0));
  const surprising = codes.filter((code, i) => i === 0 || Math.abs(code - codes[i - 1]) > 1);
  return surprising.length * Math.log2(new Set(codes).size);
}
