// What the address of /signin says, and the proof that this tab itself began an OAuth sign-in.
// Secrets arrive in the fragment, which no server sees; they leave the address bar at once.

const ATTEMPT_KEY = "turnpike.oauth";
const STEPS = ["password", "signup", "forgot"];
const NEXT = ["/account", "/device", "/ide", "/settings/account/2fa", "/settings/account/password"];

const query = new URLSearchParams(location.search);
const fragment = new URLSearchParams(location.hash.slice(1));

export const link = Object.freeze({
  from: query.get("from") === "ide" ? "ide" : "web",
  email: query.get("email") ?? "",
  code: /^\d{6}$/.test(fragment.get("code") ?? "") ? fragment.get("code") : "",
  handoff: /^[\w-]{1,64}$/.test(fragment.get("handoff") ?? "") ? fragment.get("handoff") : "",
  /** The account has a second factor: the hand-off is for this browser, which proves it. */
  mfaFirst: query.get("mfa") === "required",
  error: query.get("error") ?? "",
  notice: query.get("notice") ?? "",
  step: STEPS.includes(query.get("step")) ? query.get("step") : "email",
  next: ownPage(query.get("next")),
  challenge: query.get("challenge") ?? undefined,
});

/** The page to go on to, by its path; null for anything that is not a page of ours. */
function ownPage(path) {
  try {
    const { origin, pathname, search } = new URL(path ?? "", location.origin);
    return origin === location.origin && NEXT.includes(pathname) ? pathname + search : null;
  } catch {
    return null;
  }
}

/** What a handoff that is not taken is told as: the API only knows codes. */
export const LINK_USED = "This link has been used already, or it is too old. Please start again.";

if (location.hash) history.replaceState(null, "", location.pathname + location.search);

/*
 * A handoff in a link could be somebody else's, sent to sign a victim in to the sender's account.
 * The tab that follows a provider's button therefore remembers that it did, with a random verifier
 * whose digest goes along as the PKCE-style challenge. For the IDE the challenge is the IDE's own:
 * then only the IDE can redeem the handoff.
 */
export const oauth = {
  /** {from, verifier?, next?, bound} of the attempt this tab made, or null. */
  attempt() {
    try {
      const attempt = JSON.parse(sessionStorage.getItem(ATTEMPT_KEY));
      if (attempt?.from !== link.from) return null;
      return { ...attempt, next: ownPage(attempt.next) };
    } catch {
      return null;
    }
  },

  forget() {
    try {
      sessionStorage.removeItem(ATTEMPT_KEY);
    } catch {
      // Nothing was stored then.
    }
  },

  async prepareLinks(anchors, { from, challenge, next }) {
    const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
    const own = from === "web" ? await digest(verifier) : undefined;
    const attempt =
      from === "web"
        ? { from, next, verifier: own && verifier }
        : { from, bound: Boolean(challenge) };

    for (const anchor of anchors) {
      const params = new URLSearchParams({ from });
      if (own ?? challenge) params.set("challenge", own ?? challenge);
      anchor.href = `/api/auth/oauth/${anchor.dataset.provider}/start?${params}`;
      anchor.addEventListener("click", () => store(attempt));
    }
  },
};

function store(attempt) {
  try {
    sessionStorage.setItem(ATTEMPT_KEY, JSON.stringify(attempt));
  } catch {
    // The return then asks for a click instead.
  }
}

// crypto.subtle is missing on plain-http origins other than localhost; the flow works without a
// challenge too.
async function digest(text) {
  if (!crypto.subtle) return undefined;
  return base64url(
    new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
  );
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
