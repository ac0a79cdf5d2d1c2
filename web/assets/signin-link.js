// What the address of /signin says, and the proof that this tab itself began an OAuth sign-in.
// Secrets arrive in the fragment, which no server sees; they leave the address bar at once.

const VERIFIER_KEY = "turnpike.oauth";
const NEXT = new Map([["account", "/account"]]);

const query = new URLSearchParams(location.search);
const fragment = new URLSearchParams(location.hash.slice(1));

export const link = Object.freeze({
  from: query.get("from") === "ide" ? "ide" : "web",
  email: query.get("email") ?? "",
  code: /^\d{6}$/.test(fragment.get("code") ?? "") ? fragment.get("code") : "",
  handoff: fragment.get("handoff") ?? "",
  error: query.get("error") ?? "",
  notice: query.get("notice") ?? "",
  next: NEXT.get(query.get("next")) ?? null,
  challenge: query.get("challenge") ?? undefined,
  redirect: query.get("redirect") ?? undefined,
});

if (location.hash) history.replaceState(null, "", location.pathname + location.search);

/*
 * A handoff in a link could be somebody else's, sent to sign a victim in to the sender's account.
 * The tab that follows a provider's button therefore keeps a random verifier; its digest goes along
 * as the PKCE-style challenge.
 */
export const oauth = {
  startedHere: () => stored() !== null,

  verifier: () => stored() ?? undefined,

  forget() {
    try {
      sessionStorage.removeItem(VERIFIER_KEY);
    } catch {
      // Nothing was stored then.
    }
  },

  async prepareLinks(anchors, { from, challenge, redirect }) {
    const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
    const own = from === "web" ? await digest(verifier) : undefined;

    for (const anchor of anchors) {
      const params = new URLSearchParams({ from });
      if (own ?? challenge) params.set("challenge", own ?? challenge);
      if (redirect) params.set("redirect", redirect);
      anchor.href = `/api/auth/oauth/${anchor.dataset.provider}/start?${params}`;
      anchor.addEventListener("click", () => own && store(verifier));
    }
  },
};

function stored() {
  try {
    return sessionStorage.getItem(VERIFIER_KEY);
  } catch {
    return null;
  }
}

function store(verifier) {
  try {
    sessionStorage.setItem(VERIFIER_KEY, verifier);
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
